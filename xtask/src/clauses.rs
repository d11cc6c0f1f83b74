//! The clauses of the protocol's document: their numbers, and which of them demand something.
//! Whether a test shows what they demand is judged elsewhere.

use std::collections::{BTreeMap, BTreeSet};

/// A numbered paragraph, with what follows it up to the next one or to a heading.
#[derive(Debug, PartialEq)]
pub(crate) struct Clause {
    /// Where it starts.
    pub(crate) line: usize,
    /// The first sentence with a MUST, or the part of it that has it.
    pub(crate) demand: Option<String>,
}

/// A document of numbered clauses.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Document {
    /// By number.
    pub(crate) clauses: BTreeMap<String, Clause>,
    /// The numbers of headings, and of whatever has clauses below it.
    sections: BTreeSet<String>,
    /// What is wrong with the document itself: a line, and what.
    pub(crate) faults: Vec<(usize, String)>,
}

impl Document {
    /// Reads a document in Markdown.
    pub(crate) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut open = None;
        let mut in_code = false;
        for (index, line) in text.lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            if let Some(title) = line.strip_prefix('#').filter(|_| !in_code) {
                document.close(open.take());
                document.add_heading(title);
            } else if let Some((number, rest)) = clause_start(line).filter(|_| !in_code) {
                document.close(open.take());
                open = Some(Open { number, line: index + 1, text: rest.to_owned() });
            } else if let Some(open) = &mut open {
                open.text.push('\n');
                open.text.push_str(line);
            } else if demand(line).is_some() && !document.sections.is_empty() {
                // What comes before all sections is about the document.
                document.faults.push((index + 1, "a MUST outside of any clause".to_owned()));
            }
        }
        document.close(open);
        document
    }

    /// Whether there is a clause or section of this number.
    pub(crate) fn has(&self, number: &str) -> bool {
        self.clauses.contains_key(number) || self.sections.contains(number)
    }

    fn add_heading(&mut self, title: &str) {
        let word = title.trim_start_matches('#').split_whitespace().next().unwrap_or_default();
        let number = word.trim_end_matches('.');
        if is_number(number) {
            self.sections.insert(number.to_owned());
        }
    }

    fn close(&mut self, open: Option<Open<'_>>) {
        let Some(Open { number, line, text }) = open else { return };
        self.sections.extend(number.match_indices('.').map(|(at, _)| number[..at].to_owned()));
        let clause = Clause { line, demand: demand(&text) };
        if let Some(before) = self.clauses.insert(number.to_owned(), clause) {
            let fault = format!("there is a clause {number} already, in line {}", before.line);
            self.faults.push((line, fault));
        }
    }
}

/// A clause that is being read.
struct Open<'a> {
    number: &'a str,
    line: usize,
    text: String,
}

/// Whether `word` can be the number of a clause or section: `7`, `7.4`, `5.2.5a`.
pub(crate) fn is_number(word: &str) -> bool {
    let digits = word.strip_suffix(|end: char| end.is_ascii_lowercase()).unwrap_or(word);
    digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The number of the clause that begins in this line, and what follows it.
fn clause_start(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("**")?.split_once("**").filter(|(number, _)| is_number(number))
}

/// The first sentence of `text` with the word MUST, or as much of it as a semicolon or a table's
/// cell holds.
fn demand(text: &str) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let demands =
        |part: &&str| part.split(|c: char| !c.is_alphanumeric()).any(|word| word == "MUST");
    let mut parts = words.split(". ").flat_map(|s| s.split("; ")).flat_map(|s| s.split(" | "));
    parts.find(demands).map(|part| part.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A protocol

MUST is used as in RFC 2119.

## 7. Frames

**7.1** A frame begins. It **MUST** end, too. It MUST
not begin twice.

Still the same clause.

**7.1.1a** Nobody MUSTER a MUSTANG must.

**7.1.3**

```
# MUST is no heading
**7.1.2**
```

### 7.4 STREAM

**7.4.1** A table:

| what | it MUST be |

## 8. Recovery
";

    fn demand_of<'a>(document: &'a Document, number: &str) -> Option<&'a str> {
        document.clauses[number].demand.as_deref()
    }

    #[test]
    fn clauses_reach_to_the_next_one_or_to_a_heading() {
        let document = Document::parse(TEXT);
        let lines: Vec<_> =
            document.clauses.iter().map(|(number, clause)| (&number[..], clause.line)).collect();
        assert_eq!(lines, [("7.1", 7), ("7.1.1a", 12), ("7.1.3", 14), ("7.4.1", 23)]);
        assert_eq!(demand_of(&document, "7.1"), Some("It **MUST** end, too"));
        assert_eq!(demand_of(&document, "7.1.1a"), None);
        assert_eq!(demand_of(&document, "7.1.3"), Some("``` # MUST is no heading **7.1.2** ```"));
        assert_eq!(demand_of(&document, "7.4.1"), Some("it MUST be |"));
        assert_eq!(document.faults, []);
    }

    #[test]
    fn sections_are_headings_and_what_has_clauses() {
        let document = Document::parse(TEXT);
        for number in ["7", "7.1", "7.1.1a", "7.4", "7.4.1", "8"] {
            assert!(document.has(number), "{number}");
        }
        for number in ["1", "7.1.1", "7.1.2", "7.2", "7.4.2", "8.1", ""] {
            assert!(!document.has(number), "{number}");
        }
        assert!(Document::parse("**5.0.1** Names.").has("5.0"));
    }

    #[test]
    fn what_cannot_be_cited_is_a_fault() {
        let document = Document::parse("## 1. A\n\nIt MUST.\n\n**1.1** a\n\n**1.1** b\n");
        let faults: Vec<_> = document.faults.iter().map(|(l, what)| (*l, what.as_str())).collect();
        let double = "there is a clause 1.1 already, in line 5";
        assert_eq!(faults, [(3, "a MUST outside of any clause"), (7, double)]);
    }

    #[test]
    fn numbers_are_known() {
        for number in ["7", "7.4", "5.0.1", "5.2.5a", "10.12"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["", "a", "7.", ".7", "7..4", "7.a4", "7.4ab", "v7", "7-4", "A"] {
            assert!(!is_number(word), "{word}");
        }
    }
}
