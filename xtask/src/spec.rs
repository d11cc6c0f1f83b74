//! `cargo xtask spec`: whatever the protocol's document demands is shown by a test that says so,
//! and no source names a clause that is not there. How the two are read is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::ci::Outcome;
use crate::citations::{self, DOCUMENT};
use crate::clauses::{Document, is_number};
use crate::source;

/// Where clauses are listed that no test can show.
const EXCEPTIONS: &str = "xtask/spec.allow";

/// The longest part of a clause that is quoted, in characters.
const QUOTE: usize = 90;

/// Compares the document with the Rust files of the workspace.
pub(crate) fn check() -> Result<Outcome, String> {
    let mut survey = Survey::new(Document::parse(&source::read(Path::new(DOCUMENT))?));
    for path in source::rust_files(Path::new("."))? {
        survey.add(&path, &source::read(&path)?);
    }
    survey.except(&source::read(Path::new(EXCEPTIONS))?);
    println!("{}", survey.summary());
    let complaints = survey.complaints();
    if complaints.is_empty() { Ok(Outcome::Passed) } else { Err(complaints.join("\n")) }
}

/// What was found.
struct Survey {
    document: Document,
    /// The clauses that tests cite.
    cited: BTreeSet<String>,
    /// The clauses that no test can show, and where that is said.
    excepted: BTreeMap<String, usize>,
    /// What is wrong with files.
    faults: Vec<String>,
}

impl Survey {
    fn new(document: Document) -> Self {
        let faults =
            document.faults.iter().map(|(line, what)| format!("{DOCUMENT}:{line}: {what}"));
        let faults = faults.collect();
        Self { document, cited: BTreeSet::new(), excepted: BTreeMap::new(), faults }
    }

    /// Takes in what a Rust file cites and refers to.
    fn add(&mut self, path: &Path, text: &str) {
        let name = source::display(path);
        for citation in citations::citations(path, text) {
            let place = format!("{name}:{}", citation.line);
            let Some(numbers) = citation.numbers else {
                self.faults.push(format!("{place}: write `// spec: 1.2.3, 1.2.4`"));
                continue;
            };
            if !citation.in_test {
                self.faults.push(format!("{place}: only tests cite: name {DOCUMENT} instead"));
                continue;
            }
            for number in numbers {
                if self.document.clauses.contains_key(&number) {
                    self.cited.insert(number);
                } else if self.document.has(&number) {
                    self.faults.push(format!("{place}: {number} is a section: cite its clauses"));
                } else {
                    self.faults.push(format!("{place}: {DOCUMENT} has no clause {number}"));
                }
            }
        }
        for citations::Reference { line, number } in citations::references(text) {
            if !self.document.has(&number) {
                self.faults.push(format!("{name}:{line}: {DOCUMENT} has no {number}"));
            }
        }
    }

    /// Takes in the list of exceptions.
    fn except(&mut self, list: &str) {
        let lines = list.lines().enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (number, reason) = line.split_once(' ').unwrap_or((line, ""));
            if !is_number(number) || reason.trim().is_empty() {
                let place = format!("{EXCEPTIONS}:{}", index + 1);
                self.faults.push(format!("{place}: write `clause reason`"));
            } else {
                self.excepted.insert(number.to_owned(), index + 1);
            }
        }
    }

    /// The clauses with a MUST: their numbers, lines and words.
    fn demands(&self) -> impl Iterator<Item = (&str, usize, &str)> {
        self.document.clauses.iter().filter_map(|(number, clause)| {
            Some((number.as_str(), clause.line, clause.demand.as_deref()?))
        })
    }

    fn summary(&self) -> String {
        let cited = self.demands().filter(|(number, ..)| self.cited.contains(*number)).count();
        format!(
            "{} clauses, {} with a MUST, of which tests cite {cited}, and {} are excepted",
            self.document.clauses.len(),
            self.demands().count(),
            self.excepted.len()
        )
    }

    /// All that is wrong.
    fn complaints(mut self) -> Vec<String> {
        let mut complaints = std::mem::take(&mut self.faults);
        let mut missing = Vec::new();
        let mut needed = BTreeSet::new();
        for (number, line, demand) in self.demands() {
            if self.cited.contains(number) {
                continue;
            }
            if self.excepted.contains_key(number) {
                needed.insert(number);
            } else {
                missing.push((line, format!("no test cites {number}: {}", quote(demand))));
            }
        }
        for (number, line) in &self.excepted {
            if !needed.contains(number.as_str()) {
                complaints.push(format!(
                    "{EXCEPTIONS}:{line}: {number} needs no exception any more: delete the line"
                ));
            }
        }
        missing.sort_unstable();
        complaints.extend(missing.iter().map(|(line, what)| format!("{DOCUMENT}:{line}: {what}")));
        complaints
    }
}

/// The beginning of a sentence, if it is long.
fn quote(sentence: &str) -> String {
    match sentence.char_indices().nth(QUOTE) {
        None => sentence.to_owned(),
        Some((end, _)) => format!("{}...", &sentence[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "## 7. Frames\n\n**7.1** It MUST.\n\n**7.2** It may.\n\n**7.10** So MUST it.\n";

    fn survey(files: &[(&str, &str)], exceptions: &str) -> Survey {
        let mut survey = Survey::new(Document::parse(TEXT));
        for (path, text) in files {
            survey.add(Path::new(path), text);
        }
        survey.except(exceptions);
        survey
    }

    #[test]
    fn what_no_test_cites_is_listed_in_the_documents_order() {
        assert_eq!(
            survey(&[], "").complaints(),
            [
                "docs/PROTOCOL.md:3: no test cites 7.1: It MUST",
                "docs/PROTOCOL.md:7: no test cites 7.10: So MUST it"
            ]
        );
        let survey =
            survey(&[("tests/a.rs", "// spec: 7.1, 7.2"), ("tests/b.rs", "// spec: 7.10")], "");
        assert_eq!(
            survey.summary(),
            "3 clauses, 2 with a MUST, of which tests cite 2, and 0 are excepted"
        );
        assert_eq!(survey.complaints(), [""; 0]);
    }

    #[test]
    fn citations_are_of_clauses_and_by_tests() {
        let good = ("tests/good.rs", "// spec: 7.1, 7.10");
        for (path, text, complaint) in [
            ("tests/a.rs", "// spec: 7.3", "tests/a.rs:1: docs/PROTOCOL.md has no clause 7.3"),
            ("tests/a.rs", "\n// spec: 7", "tests/a.rs:2: 7 is a section: cite its clauses"),
            ("tests/a.rs", "// spec: 7.1.", "tests/a.rs:1: write `// spec: 1.2.3, 1.2.4`"),
            (
                "src/a.rs",
                "// spec: 7.1",
                "src/a.rs:1: only tests cite: name docs/PROTOCOL.md instead",
            ),
        ] {
            assert_eq!(survey(&[good, (path, text)], "").complaints(), [complaint]);
        }
    }

    #[test]
    fn references_are_to_what_is_there() {
        let text =
            format!("/// ({DOCUMENT}, 7 and 7.10)\n/// ({DOCUMENT}, 7.11)\n// spec: 7.1, 7.10");
        let complaint = "tests/a.rs:2: docs/PROTOCOL.md has no 7.11";
        assert_eq!(survey(&[("tests/a.rs", &text)], "").complaints(), [complaint]);
    }

    #[test]
    fn exceptions_need_a_reason_and_a_cause() {
        let cited = ("tests/a.rs", "// spec: 7.1");
        assert_eq!(
            survey(&[cited], "# comment\n7.10 memory cannot be seen\n").complaints(),
            [""; 0]
        );
        let complaints = survey(&[cited], "7.1 why\n7.2 why\n7.3 why\n7.10\n").complaints();
        let needless = |line, number| {
            format!(
                "xtask/spec.allow:{line}: {number} needs no exception any more: delete the line"
            )
        };
        assert_eq!(
            complaints,
            [
                "xtask/spec.allow:4: write `clause reason`".to_owned(),
                needless(1, "7.1"),
                needless(2, "7.2"),
                needless(3, "7.3"),
                "docs/PROTOCOL.md:7: no test cites 7.10: So MUST it".to_owned(),
            ]
        );
    }

    #[test]
    fn long_sentences_are_cut_between_characters() {
        assert_eq!(quote("short"), "short");
        let long = "é".repeat(QUOTE + 1);
        assert_eq!(quote(&long), format!("{}...", "é".repeat(QUOTE)));
    }
}
