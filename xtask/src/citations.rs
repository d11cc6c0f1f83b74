//! Where Rust sources name clauses of the protocol's document: tests that cite what they show, and
//! references in passing. Which clauses there are is not known here.

use std::path::Path;

use crate::clauses::is_number;
use crate::source;

/// The document, as references name it.
pub(crate) const DOCUMENT: &str = "docs/PROTOCOL.md";

/// A comment that says which clauses a test shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Citation {
    pub(crate) line: usize,
    /// Whether it is where tests are.
    pub(crate) in_test: bool,
    /// The clauses; `None` if it cannot be read.
    pub(crate) numbers: Option<Vec<String>>,
}

/// A clause or section that is referred to.
#[derive(Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) number: String,
}

/// All citations in the file at `path`.
pub(crate) fn citations(path: &Path, text: &str) -> Vec<Citation> {
    let is_test_file = source::is_test_file(path);
    let test_items = source::test_items(&source::code(text));
    let cited = source::comments(text).into_iter().filter_map(|range| {
        let list =
            text[range.clone()].trim_start_matches(['/', '!']).trim().strip_prefix("spec:")?;
        let numbers = list.split(',').map(str::trim);
        let numbers = numbers.map(|word| is_number(word).then(|| word.to_owned())).collect();
        let in_test = is_test_file || test_items.iter().any(|item| item.contains(&range.start));
        Some(Citation { line: source::line_of(text.as_bytes(), range.start), in_test, numbers })
    });
    cited.collect()
}

/// All references behind the name of the document and a comma, in comments and elsewhere.
pub(crate) fn references(text: &str) -> Vec<Reference> {
    let mut references = Vec::new();
    for (at, name) in text.match_indices(DOCUMENT) {
        let Some(list) = text[at + name.len()..].strip_prefix(',') else { continue };
        let line = source::line_of(text.as_bytes(), at);
        let numbers = listed(list).into_iter();
        references.extend(numbers.map(|number| Reference { line, number: number.to_owned() }));
    }
    references
}

/// The numbers that `text` begins with: one, or several with commas and words between them.
fn listed(text: &str) -> Vec<&str> {
    // A list may go on in the next line of a comment.
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '/' | '!' | '*' | '\\');
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_between);
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'.').count();
        let (token, after) = rest.split_at(length);
        let word = token.trim_end_matches('.');
        // A number alone may be something else, unless it comes first.
        if is_number(word) && (numbers.is_empty() || word.contains('.')) {
            numbers.push(word);
        } else if !matches!(
            word,
            "and" | "or" | "to" | "section" | "sections" | "clause" | "clauses"
        ) {
            return numbers;
        }
        if word.len() < token.len() {
            return numbers;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines and numbers of citations in tests.
    fn cited(path: &str, text: &str) -> Vec<(usize, Vec<String>)> {
        let citations = citations(Path::new(path), text).into_iter();
        citations.filter(|c| c.in_test).map(|c| (c.line, c.numbers.unwrap_or_default())).collect()
    }

    fn numbers(list: &[&str]) -> Vec<String> {
        list.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn tests_cite_by_a_comment() {
        let text = "// spec: 7.4.3\n#[test]\nfn a() {\n    b(); // spec: 5.2.5a, 7.4.4\n}\n";
        let both = [(1, numbers(&["7.4.3"])), (4, numbers(&["5.2.5a", "7.4.4"]))];
        for path in ["src/tests.rs", "src/a_tests.rs", "tests/a.rs"] {
            assert_eq!(cited(path, text), both);
        }
        assert_eq!(cited("src/a.rs", text), []);
        let inside = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert_eq!(cited("src/a.rs", &inside).len(), 2);
        assert_eq!(cited("src/a.rs", &format!("#[cfg(test)]\nmod tests {{}}\n{text}")), []);
    }

    #[test]
    fn other_comments_and_strings_cite_nothing() {
        let text = "// the spec: 7.4.3\n//! of spec\nlet a = \"// spec: 7.4.3\"; /* spec: 7.4.3 */";
        assert_eq!(citations(Path::new("tests/a.rs"), text), []);
    }

    #[test]
    fn what_looks_like_a_citation_has_to_be_one() {
        for text in ["// spec: 7.4.3 7.4.4", "//spec: ", "// spec: 7.4.3,", "/// spec: 7.x"] {
            let citation = Citation { line: 1, in_test: true, numbers: None };
            assert_eq!(citations(Path::new("tests/a.rs"), text), [citation], "{text}");
        }
        assert_eq!(cited("tests/a.rs", "//spec:7.4.3"), [(1, numbers(&["7.4.3"]))]);
    }

    #[test]
    fn references_may_be_lists_and_go_over_lines() {
        for (text, found) in [
            (", 7.4)", &["7.4"][..]),
            (", 7.4.", &["7.4"]),
            (", 5.2.5a: so", &["5.2.5a"]),
            (", 5; 3.3).", &["5", "3.3"]),
            (", 2.3 to 2.5, 3.5 and\n    /// 4.1, G)", &["2.3", "2.5", "3.5", "4.1"]),
            (",\n    /// 9.2.7). 3.4", &["9.2.7"]),
            (", section 9.3", &["9.3"]),
            (", 7.4 or 16 bytes", &["7.4"]),
            (", 7.4, RFC 9000", &["7.4"]),
            (" 7.4", &[]),
            (", é", &[]),
            ("", &[]),
        ] {
            let text = format!("\n/// ({DOCUMENT}{text}");
            let references = references(&text);
            assert!(references.iter().all(|reference| reference.line == 2));
            assert!(
                references.iter().map(|reference| &reference.number[..]).eq(found.iter().copied()),
                "{text}"
            );
        }
    }
}
