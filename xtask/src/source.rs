//! Reading Rust source without a parser: which bytes are code, where braces close, which parts
//! are compiled for tests only, and which files there are. What is forbidden in them is decided
//! elsewhere.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// All Rust files below `directory` in the order of their names, build directories left out.
pub(crate) fn rust_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    collect(directory, &mut files)
        .map_err(|error| format!("cannot list the files in {}: {error}", directory.display()))?;
    files.sort();
    Ok(files)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let kind = entry.file_type()?;
        // Cargo marks its build directories with this file.
        if kind.is_dir() && !hidden && !path.join("CACHEDIR.TAG").exists() {
            collect(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.strip_prefix(".").unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// A path as messages and lists write it, on every system.
pub(crate) fn display(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Whether a file holds nothing but tests, by its name.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let in_tests =
        path.parent().is_some_and(|parent| parent.components().any(|c| c.as_os_str() == "tests"));
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    in_tests || stem == "tests" || stem.ends_with("_tests")
}

/// The number of the line that byte `position` of `text` is in, from 1.
pub(crate) fn line_of(text: &[u8], position: usize) -> usize {
    text[..position].split(|byte| *byte == b'\n').count()
}

/// The source with spaces in place of comments and of what is in strings and characters. Line
/// breaks stay, and every byte of code stays where it was.
pub(crate) fn code(source: &str) -> Vec<u8> {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(source, at);
        let text = matches!(bytes[at..], [b'"' | b'\'', ..] | [b'/', b'/' | b'*', ..])
            || raw_string_end(source, at).is_some();
        // A lifetime is code, though it begins as a character does.
        let lifetime = bytes[at] == b'\'' && bytes[end - 1] != b'\'';
        if text && !lifetime {
            blank(&mut code[at..end]);
        }
        at = end;
    }
    code
}

/// The comments, with what begins them.
pub(crate) fn comments(source: &str) -> Vec<Range<usize>> {
    let bytes = source.as_bytes();
    let mut comments = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(source, at);
        if let [b'/', b'/' | b'*', ..] = bytes[at..] {
            comments.push(at..end);
        }
        at = end;
    }
    comments
}

/// Puts spaces in place of everything but line breaks.
pub(crate) fn blank(code: &mut [u8]) {
    for byte in code.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Where the token that starts at `at` ends: a comment, a string, a character, a lifetime, a word,
/// or else one byte.
fn token_end(source: &str, at: usize) -> usize {
    let bytes = source.as_bytes();
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => comment_end(bytes, at),
        [b'"', ..] | [b'\'', b'\\', ..] => quoted_end(bytes, at),
        [b'\'', ..] => {
            let length = source[at + 1..].chars().next().map_or(0, char::len_utf8);
            let closed = bytes.get(at + 1 + length) == Some(&b'\'');
            if closed { at + length + 2 } else { word_end(bytes, at + 1) }
        }
        [first, ..] if is_word(*first) => {
            raw_string_end(source, at).unwrap_or_else(|| word_end(bytes, at))
        }
        _ => at + 1,
    }
}

/// Where the block comment at `at` ends; they nest.
fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the string or character at `at` ends.
fn quoted_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// Where the raw string at `at` ends, if there is one.
fn raw_string_end(source: &str, at: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    let prefix = [&b"r"[..], b"br", b"cr"].into_iter().find(|p| bytes[at..].starts_with(p))?;
    let hashes = bytes[at + prefix.len()..].iter().take_while(|byte| **byte == b'#').count();
    let open = at + prefix.len() + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let length = source[open + 1..].find(&close)?;
    Some(open + 1 + length + close.len())
}

fn word_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| is_word(**byte)).count()
}

/// Whether a byte may be part of a name.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where `word` stands in code as a whole word (or as several, joined by `::`).
pub(crate) fn find_word(code: &[u8], word: &str) -> Vec<usize> {
    let word = word.as_bytes();
    let alone = |at: &usize| {
        let before = at.checked_sub(1).is_some_and(|before| is_word(code[before]));
        let after = code.get(at + word.len()).is_some_and(|byte| is_word(*byte));
        !before && !after
    };
    let starts = code.windows(word.len()).enumerate().filter(|(_, window)| *window == word);
    starts.map(|(at, _)| at).filter(alone).collect()
}

/// The braces, both included, of the item that starts at `from`; `None` for one that ends with a
/// semicolon.
pub(crate) fn body(code: &[u8], from: usize) -> Option<Range<usize>> {
    let (mut round, mut square, mut angle) = (0, 0, 0);
    for at in from..code.len() {
        match code[at] {
            b'(' => round += 1,
            b')' => round -= 1,
            b'[' => square += 1,
            b']' => square -= 1,
            b'<' if square == 0 => angle += 1,
            b'>' if square == 0 && !matches!(code[at - 1], b'-' | b'=') => angle -= 1,
            b';' if (round, square, angle) == (0, 0, 0) => return None,
            b'{' if (round, square, angle) == (0, 0, 0) => return Some(at..closing(code, at)),
            _ => {}
        }
    }
    None
}

/// The end of the block that the brace at `open` opens.
fn closing(code: &[u8], open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The items under `#[cfg(test)]`, attributes included.
pub(crate) fn test_items(code: &[u8]) -> Vec<Range<usize>> {
    let attribute = b"#[cfg(test)]";
    let starts = code.windows(attribute.len()).enumerate().filter(|(_, w)| *w == attribute);
    starts.filter_map(|(at, _)| Some(at..body(code, at)?.end)).collect()
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
