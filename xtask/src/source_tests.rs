//! Tests of the reading of Rust source.

use super::*;

/// The code of `source`, with runs of spaces made one.
fn code_of(source: &str) -> String {
    let code = String::from_utf8(code(source)).unwrap();
    assert_eq!(code.len(), source.len(), "code moved");
    assert_eq!(code.lines().count(), source.lines().count(), "lines are lost");
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn comments_are_not_code() {
    assert_eq!(code_of("a // b\nc"), "a c");
    assert_eq!(code_of("a /* b /* c */ d\n */ e"), "a e");
    assert_eq!(code_of("a / b"), "a / b");
    assert_eq!(code_of("a /* open"), "a");
}

#[test]
fn comments_are_found() {
    let source = "a // b\n/// c\nf(\"// d\", '/') /* e\n // f */ g / h // é";
    let found: Vec<_> = comments(source).into_iter().map(|range| &source[range]).collect();
    assert_eq!(found, ["// b", "/// c", "/* e\n // f */", "// é"]);
}

#[test]
fn strings_are_not_code() {
    assert_eq!(code_of(r#"f("{ \" {", x)"#), "f( , x)");
    assert_eq!(code_of("f(r\"\\\", x)"), "f( , x)");
    assert_eq!(code_of("f(br##\"{\"#{\"##, x)"), "f( , x)");
    assert_eq!(code_of("f(b\"{\", x)"), "f(b , x)");
    assert_eq!(code_of("f(\"a\nb\") // \"\ng"), "f( ) g");
    assert_eq!(code_of("a \"open"), "a");
    assert_eq!(code_of("a \"open\\"), "a");
}

#[test]
fn characters_are_not_code_and_lifetimes_are() {
    assert_eq!(code_of("x = '{'; y"), "x = ; y");
    assert_eq!(code_of(r"f('\'', '\\', '\u{7d}', y)"), "f( , , , y)");
    assert_eq!(code_of("x = 'é'; y"), "x = ; y");
    assert_eq!(code_of("x = b'\"'; y"), "x = b ; y");
    assert_eq!(code_of("fn f<'a, 'b>(x: &'a str)"), "fn f<'a, 'b>(x: &'a str)");
    assert_eq!(code_of("'outer: loop { break 'outer; }"), "'outer: loop { break 'outer; }");
}

#[test]
fn raw_names_are_code() {
    assert_eq!(code_of("r#type + for_r \"x\" + y"), "r#type + for_r + y");
}

#[test]
fn words_are_found_whole() {
    let code = b"std::fs; std::fss; mystd::fs; ::std::fs::read";
    assert_eq!(find_word(code, "std::fs"), [0, 32]);
}

#[test]
fn bodies_are_found_behind_signatures() {
    let body_of = |source: &str| body(source.as_bytes(), 0).map(|range| source[range].to_owned());
    assert_eq!(body_of("fn f() { { } } x").as_deref(), Some("{ { } }"));
    assert_eq!(body_of("fn f() -> [u8; 3];"), None);
    assert_eq!(body_of("fn f() -> [u8; { 1 << 2 }] { a }").as_deref(), Some("{ a }"));
    assert_eq!(body_of("fn f(x: A<{ 1 }>) -> B<{ 2 }> { a }").as_deref(), Some("{ a }"));
    assert_eq!(
        body_of("fn f<F: Fn(u8) -> u8>(f: F) where F: Send, { a }").as_deref(),
        Some("{ a }")
    );
    assert_eq!(body_of("fn f() { open").as_deref(), Some("{ open"));
}

#[test]
fn test_items_are_found() {
    let source = "a #[cfg(test)] mod tests { fn f() {} } b #[cfg(test)] mod more; c";
    let items: Vec<_> =
        test_items(source.as_bytes()).into_iter().map(|range| &source[range]).collect();
    assert_eq!(items, ["#[cfg(test)] mod tests { fn f() {} }"]);
}

#[test]
fn test_files_are_known_by_name() {
    for path in ["a/tests/b.rs", "a/tests/b/c.rs", "a/src/tests.rs", "src/b_tests.rs"] {
        assert!(is_test_file(Path::new(path)), "{path}");
    }
    for path in ["a/src/b.rs", "a/benches/b.rs", "a/src/contests.rs", "testkit/src/lib.rs"] {
        assert!(!is_test_file(Path::new(path)), "{path}");
    }
}

#[test]
fn lines_count_from_one() {
    assert_eq!(line_of(b"a\nb\nc", 0), 1);
    assert_eq!(line_of(b"a\nb\nc", 4), 3);
}
