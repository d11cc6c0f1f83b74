//! `cargo xtask lines`: how long files and functions may be, and the exceptions to it. How source
//! is read is not known here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::ci::Outcome;
use crate::source;

/// Where exceptions are listed.
const EXCEPTIONS: &str = "xtask/lines.allow";

/// The most lines a file and a function may have.
struct Limits {
    file: usize,
    function: usize,
}

const PRODUCTION: Limits = Limits { file: 600, function: 80 };
const TESTS: Limits = Limits { file: 1_000, function: 150 };

/// Something that is longer than it may be.
#[derive(Debug, PartialEq)]
struct Excess {
    /// A path, or `path:function`.
    subject: String,
    /// Where it starts.
    line: usize,
    lines: usize,
    limit: usize,
}

/// Checks every Rust file of the workspace.
pub(crate) fn check() -> Result<Outcome, String> {
    let mut excesses = Vec::new();
    let files = source::rust_files(Path::new("."))?;
    for path in &files {
        excesses.extend(excesses_of(path, &source::read(path)?));
    }
    let complaints = judge(&excesses, &source::read(Path::new(EXCEPTIONS))?);
    if !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    println!("{} files are short enough", files.len());
    Ok(Outcome::Passed)
}

fn excesses_of(path: &Path, text: &str) -> Vec<Excess> {
    let name = source::display(path);
    let limits = if source::is_test_file(path) { TESTS } else { PRODUCTION };
    let code = source::code(text);
    let test_items = source::test_items(&code);
    let mut excesses = Vec::new();
    let lines = text.lines().count();
    if lines > limits.file {
        excesses.push(Excess { subject: name.clone(), line: 1, lines, limit: limits.file });
    }
    for Function { name: function, range } in functions(&code) {
        let in_tests = test_items.iter().any(|item| item.contains(&range.start));
        let limit = if in_tests { TESTS.function } else { limits.function };
        let line = source::line_of(&code, range.start);
        let lines = source::line_of(&code, range.end) - line + 1;
        if lines > limit {
            excesses.push(Excess { subject: format!("{name}:{function}"), line, lines, limit });
        }
    }
    excesses
}

/// A function with a body: from its `fn` to its last brace.
struct Function {
    name: String,
    range: Range<usize>,
}

fn functions(code: &[u8]) -> impl Iterator<Item = Function> {
    source::find_word(code, "fn").into_iter().filter_map(|start| {
        let after = code[start + 2..].trim_ascii_start();
        let length = after.iter().take_while(|byte| source::is_word(**byte)).count();
        let name = String::from_utf8_lossy(&after[..length]).into_owned();
        // What has no name is a type.
        let body = source::body(code, start).filter(|_| length > 0)?;
        Some(Function { name, range: start..body.end })
    })
}

/// What is wrong, with the exceptions in `list` taken into account.
fn judge(excesses: &[Excess], list: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut exceptions = BTreeMap::new();
    let lines = list.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let place = format!("{EXCEPTIONS}:{}", index + 1);
        let mut words = line.splitn(3, ' ');
        let subject = words.next().unwrap_or_default();
        let limit = words.next().and_then(|word| word.parse::<usize>().ok());
        let reason = words.next().unwrap_or_default();
        match limit {
            Some(limit) if !reason.trim().is_empty() => {
                exceptions.insert(subject, (limit, place));
            }
            _ => complaints.push(format!("{place}: write `path[:function] limit reason`")),
        }
    }
    for Excess { subject, line, lines, limit } in excesses {
        let limit = exceptions.remove(subject.as_str()).map_or(*limit, |(raised, _)| raised);
        if *lines > limit {
            let (path, function) = subject.split_once(':').unwrap_or((subject, ""));
            let what =
                if function.is_empty() { "the file".into() } else { format!("`{function}`") };
            complaints
                .push(format!("{path}:{line}: {what} has {lines} lines of {limit}: split it"));
        }
    }
    for (subject, (_, place)) in exceptions {
        complaints.push(format!("{place}: {subject} needs no exception any more: delete the line"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    x(\"}\");\n".repeat(lines - 2))
    }

    fn subjects(path: &str, text: &str) -> Vec<(String, usize, usize)> {
        let excesses = excesses_of(Path::new(path), text);
        excesses.into_iter().map(|excess| (excess.subject, excess.line, excess.lines)).collect()
    }

    #[test]
    fn long_functions_are_found() {
        let text = format!("{}{}", function("good", 80), function("bad", 81));
        assert_eq!(subjects("src/a.rs", &text), [("src/a.rs:bad".to_owned(), 81, 81)]);
        assert_eq!(subjects("tests/a.rs", &text), []);
    }

    #[test]
    fn functions_in_test_modules_may_be_longer() {
        let text = format!(
            "#[cfg(test)]\nmod tests {{\n{}{}}}\n",
            function("good", 150),
            function("bad", 151)
        );
        assert_eq!(subjects("src/a.rs", &text), [("src/a.rs:bad".to_owned(), 153, 151)]);
    }

    #[test]
    fn long_files_are_found() {
        let text = "//\n".repeat(601);
        assert_eq!(subjects("src/a.rs", &text), [("src/a.rs".to_owned(), 1, 601)]);
        assert_eq!(subjects("src/tests.rs", &text), []);
        assert_eq!(subjects("src/a.rs", &"//\n".repeat(600)), []);
        assert_eq!(subjects("src/tests.rs", &"//\n".repeat(1_001)).len(), 1);
    }

    #[test]
    fn types_and_declarations_are_no_functions() {
        let code = source::code("type F = fn(u8) -> u8; trait T { fn a(); fn b() {} } fn c() {}");
        let names: Vec<_> = functions(&code).map(|function| function.name).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn exceptions_need_a_reason_and_a_cause() {
        let excess = |lines| Excess { subject: "src/a.rs:f".to_owned(), line: 7, lines, limit: 80 };
        let list = "# comment\nsrc/a.rs:f 90 one table\n";
        assert_eq!(judge(&[excess(90)], list), [""; 0]);
        assert_eq!(judge(&[excess(91)], list), ["src/a.rs:7: `f` has 91 lines of 90: split it"]);
        assert_eq!(
            judge(&[], list),
            ["xtask/lines.allow:2: src/a.rs:f needs no exception any more: delete the line"]
        );
        assert_eq!(
            judge(&[], "src/a.rs 700\n"),
            ["xtask/lines.allow:1: write `path[:function] limit reason`"]
        );
    }
}
