//! A readable difference of two texts, line by line, for snapshots. What the lines mean is not
//! known here.

/// The lines that differ, with `-` before those of `old` and `+` before those of `new`, and a few
/// equal lines around them. Empty if nothing differs.
pub(crate) fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let edits = edits(&old, &new);
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(edits.len()));
        edits[from..to].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut text = String::new();
    let mut is_cut = false;
    for (at, (sign, line)) in edits.iter().enumerate() {
        if near(at) {
            text.push_str(format!("{sign} {line}").trim_end());
            text.push('\n');
        } else if !is_cut && !text.is_empty() {
            text.push_str("...\n");
        }
        is_cut = !near(at);
    }
    text
}

/// Equal lines shown around different ones.
const CONTEXT: usize = 1;

/// How `old` becomes `new`: lines taken away, put in, and left, by their longest common sequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    // The length of the longest common sequence of what is behind each pair of places.
    let mut longest = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] = if old[i] == new[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut edits) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            edits.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            edits.push(('-', old[i]));
            i += 1;
        } else {
            edits.push(('+', new[j]));
            j += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(lines("a\nb\n", "a\nb\n"), "");
        assert_eq!(lines("", ""), "");
    }

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        let (old, new) = ("a\nb\nc\nd\ne\nf\n", "a\nb\nC\nd\ne\nf\ng\n");
        assert_eq!(lines(old, new), "  b\n- c\n+ C\n  d\n...\n  f\n+ g\n");
        assert_eq!(lines("1\n2\n", ""), "- 1\n- 2\n");
    }
}
