//! Reading what `valgrind --tool=callgrind` writes: how many instructions each function executed
//! itself. How it is run, and what the counts mean, is not known here.

use std::collections::BTreeMap;

/// Instructions by function, without those of the functions that it called.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Reads a profile. Names are as callgrind writes them, without the hash of Rust's symbols; those
/// of one function in several objects or instances are added up.
pub(crate) fn parse(profile: &str) -> Result<Counts, String> {
    let mut counts = Counts::new();
    // Names are written out once, and then called by their number.
    let mut names = BTreeMap::new();
    let mut function = None;
    let mut is_call = false;
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = Some(resolve(name, &mut names)?);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            resolve(name, &mut names)?;
        } else if line.starts_with("calls=") {
            // The next line is what the called function cost.
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if std::mem::take(&mut is_call) {
                continue;
            }
            // The place, and the count, which is left out if it is 0.
            let count = line.split_whitespace().nth(1).unwrap_or("0");
            let count: u64 = count.parse().map_err(|_| format!("callgrind wrote `{line}`"))?;
            let name = function.as_ref().ok_or("callgrind wrote a count without a function")?;
            *counts.entry(String::clone(name)).or_default() += count;
        }
    }
    Ok(counts)
}

/// The name in `(12) name`, or the one that was in it when 12 came before.
fn resolve(text: &str, names: &mut BTreeMap<u64, String>) -> Result<String, String> {
    let bad = || format!("callgrind wrote the function `{text}`");
    let (number, name) =
        text.strip_prefix('(').and_then(|text| text.split_once(')')).ok_or_else(bad)?;
    let number = number.parse().map_err(|_| bad())?;
    if !name.is_empty() {
        names.insert(number, bare(name.trim()).to_owned());
    }
    names.get(&number).cloned().ok_or_else(bad)
}

/// The name without `'2` (a recursion) and `::h0123456789abcdef` (what makes a symbol unique).
fn bare(name: &str) -> &str {
    let name = match name.rsplit_once('\'') {
        Some((before, level)) if level.parse::<u32>().is_ok() => before,
        _ => name,
    };
    match name.rsplit_once("::h") {
        Some((before, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            before
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
version: 1
positions: line
events: Ir
summary: 100

ob=(1) /bench
fl=(1) a.rs
fn=(1) a::one::h0123456789abcdef
16 20
+2 5
cfn=(2) two
calls=1 40
* 70
-1 3
fi=(2) b.rs
7 2

fn=(2)
40
41 70
fn=(3) a::one::hfedcba9876543210
1 1
fn=(4) <a::T as b::U>::f'2
1 4
totals: 105
";

    #[test]
    fn counts_what_a_function_did_itself() {
        let counts = parse(PROFILE).unwrap();
        let expected = [("<a::T as b::U>::f", 4), ("a::one", 31), ("two", 70)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn garbage_is_refused() {
        for garbage in ["fn=one\n", "fn=(1)\n", "1 2\n", "fn=(1) a\n1 x\n"] {
            assert!(parse(garbage).is_err(), "{garbage}");
        }
    }
}
