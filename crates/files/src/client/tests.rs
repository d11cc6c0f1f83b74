//! Answers that are right, and all that can be wrong with them, without a session.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::entry::Modified;
use crate::respond::{Answered, respond};
use crate::store::{Content, Listing, Store};

/// A store in memory, which may fail in mid-file.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    /// Reading fails from here on.
    broken_at: Option<u64>,
    /// How long files pretend to be.
    pretends: Option<u64>,
}

impl Shelf {
    fn with(name: &str, bytes: &[u8]) -> Self {
        Self { files: [(name.to_owned(), bytes.to_vec())].into(), ..Self::default() }
    }

    fn answer(&self, request: &Request) -> (Vec<u8>, Answered) {
        let mut bytes = Vec::new();
        let answered = respond(Some(request), self, &mut bytes).unwrap();
        (bytes, answered)
    }
}

struct Book {
    bytes: Vec<u8>,
    broken_at: u64,
    size: u64,
}

fn metadata(kind: Kind, size: u64) -> Metadata {
    Metadata { kind, size, modified: Modified { seconds: 1_700_000_000, nanos: 5 } }
}

impl Content for Book {
    fn metadata(&self) -> Metadata {
        metadata(Kind::File, self.size)
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.broken_at {
            return Err(io::ErrorKind::Other.into());
        }
        let rest = self.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        // Short reads are allowed.
        let len = rest.len().min(buffer.len()).min(1_000);
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

impl Store for Shelf {
    fn stat(&self, name: &str) -> Result<Metadata, Refusal> {
        self.open(name).map(|content| content.metadata())
    }

    fn open(&self, name: &str) -> Result<Box<dyn Content>, Refusal> {
        let bytes = self.files.get(name).cloned();
        let bytes = bytes.ok_or_else(|| Refusal::new(Status::NotFound, "not\x1b here"))?;
        let size = self.pretends.unwrap_or(bytes.len() as u64);
        Ok(Box::new(Book { bytes, broken_at: self.broken_at.unwrap_or(u64::MAX), size }))
    }

    fn list(&self, _: &str, after: &str, most: usize) -> Result<Listing, Refusal> {
        let behind = self.files.iter().filter(|(name, _)| &***name > after);
        let entry = |(name, bytes): (&String, &Vec<u8>)| Entry {
            name: name.clone(),
            metadata: metadata(Kind::File, bytes.len() as u64),
        };
        let more = behind.clone().count() > most;
        let entries = behind.take(most).map(entry).collect();
        Ok(Listing { metadata: metadata(Kind::Directory, 0), entries, more })
    }
}

fn read(name: &str, offset: u64, length: u64) -> Request {
    Request::Read { name: name.into(), offset, length }
}

/// What a client makes of the bytes of an answer to a read.
fn download(bytes: &[u8], offset: u64, length: u64) -> Result<Vec<u8>, Error> {
    let mut body = Body::begin(bytes)?;
    body.check_part(offset, length)?;
    body.collect(1 << 20)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

#[test]
fn every_part_of_a_file_arrives() {
    let all = content(5_000);
    let shelf = Shelf::with("a", &all);
    let parts = [(0, u64::MAX), (0, 0), (1, 10), (4_999, 5), (5_000, 1), (9_000, 1), (0, 5_000)];
    for (offset, length) in parts {
        let (bytes, answered) = shelf.answer(&read("a", offset, length));
        let from = usize::try_from(offset.min(5_000)).unwrap();
        let len = usize::try_from(length.min(5_000 - from as u64)).unwrap();
        assert_eq!(download(&bytes, offset, length).unwrap(), all[from..from + len]);
        assert_eq!(answered, Answered::Done(len as u64));
    }
}

#[test]
fn the_hash_is_that_of_b3sum() {
    let (bytes, _) = Shelf::with("a", b"abc").answer(&read("a", 0, u64::MAX));
    let hash = &bytes[bytes.len() - HASH_LEN..];
    assert_eq!(hash, blake3::hash(b"abc").as_bytes());
}

#[test]
fn a_file_that_fails_does_not_end_as_if_it_were_whole() {
    let shelf = Shelf { broken_at: Some(2_000), ..Shelf::with("a", &content(5_000)) };
    let (bytes, answered) = shelf.answer(&read("a", 0, u64::MAX));
    assert_eq!(answered, Answered::GivenUp(2_000, ResetCode::Unreadable));
    assert!(matches!(download(&bytes, 0, u64::MAX), Err(Error::Corrupt(_))));
    let shelf = Shelf { pretends: Some(6_000), ..Shelf::with("a", &content(5_000)) };
    let (_, answered) = shelf.answer(&read("a", 0, u64::MAX));
    assert_eq!(answered, Answered::GivenUp(5_000, ResetCode::Shrunk));
}

#[test]
fn refusals_say_why_and_carry_nothing_that_a_terminal_obeys() {
    let (bytes, answered) = Shelf::default().answer(&read("a", 0, 1));
    let Err(Error::Refused(refusal)) = download(&bytes, 0, 1) else { panic!("{bytes:?}") };
    assert_eq!(refusal.status, Status::NotFound);
    assert_eq!(refusal.text, "not\u{fffd} here");
    assert!(matches!(answered, Answered::Refused(_)));
    let mut bytes = Vec::new();
    respond(None, &Shelf::default(), &mut bytes).unwrap();
    let Err(Error::Refused(refusal)) = Body::begin(&bytes[..]) else { panic!("{bytes:?}") };
    assert_eq!(refusal.status, Status::Malformed);
}

#[test]
fn answers_for_other_parts_are_not_taken() {
    let shelf = Shelf::with("a", &content(100));
    let (bytes, _) = shelf.answer(&read("a", 0, 50));
    for (offset, length) in [(0, 51), (0, 49), (60, 50)] {
        assert!(matches!(download(&bytes, offset, length), Err(Error::Corrupt(_))));
    }
}

#[test]
fn long_listings_come_in_pages() {
    let mut shelf = Shelf::default();
    for number in 0..2_500 {
        shelf.files.insert(format!("{number:05}{}", "x".repeat(200)), Vec::new());
    }
    let (mut names, mut pages) = (Vec::<String>::new(), 0);
    loop {
        let after = names.last().cloned().unwrap_or_default();
        let request = Request::List { name: String::new(), after: after.clone() };
        let (bytes, _) = shelf.answer(&request);
        let page = page(&mut Body::begin(&bytes[..]).unwrap(), &after).unwrap();
        names.extend(page.entries.into_iter().map(|entry| entry.name));
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert!(names.iter().eq(shelf.files.keys()));
    assert!((3..10).contains(&pages), "{pages}");
}

#[test]
fn listings_that_would_be_asked_for_for_ever_are_not_taken() {
    let listing = |body: &[u8]| {
        let head = Head { metadata: metadata(Kind::Directory, 0), length: body.len() as u64 };
        let mut bytes = head.to_bytes();
        bytes.extend(body);
        bytes.extend(blake3::hash(body).as_bytes());
        page(&mut Body::begin(&bytes[..]).unwrap(), "m")
    };
    let entry = |name: &str| {
        let mut bytes = Vec::new();
        Entry { name: name.into(), metadata: metadata(Kind::File, 0) }.put(&mut bytes);
        bytes
    };
    assert!(listing(&[&[1][..], &entry("n"), &entry("o")].concat()).unwrap().more);
    assert!(listing(&[0]).unwrap().entries.is_empty());
    let wrong = [
        vec![],
        vec![1],
        vec![2],
        [&[0][..], &entry("m")].concat(),
        [&[0][..], &entry("o"), &entry("n")].concat(),
        [&[0][..], &entry("n"), &entry("n")].concat(),
        [&[0][..], &entry("n"), &[1]].concat(),
        [&[0][..], &entry("../n")].concat(),
    ];
    for body in wrong {
        assert!(matches!(listing(&body), Err(Error::Corrupt(_))), "{body:?}");
    }
}

#[test]
fn a_listing_that_is_too_long_is_not_read() {
    let length = MAX_LISTING as u64 + 1;
    let head = Head { metadata: metadata(Kind::Directory, 0), length };
    let bytes = head.to_bytes();
    let error = page(&mut Body::begin(&bytes[..]).unwrap(), "").unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

proptest! {
    #[test]
    fn damage_is_found_wherever_it_is(at in 0usize..3_062, bit in 0u8..8) {
        let all = content(3_000);
        let (mut bytes, _) = Shelf::with("a", &all).answer(&read("a", 0, u64::MAX));
        // The time is told, not checked: the session's encryption guards it.
        prop_assume!(at < bytes.len() && !(10..22).contains(&at));
        bytes[at] ^= 1 << bit;
        prop_assert!(download(&bytes, 0, u64::MAX).is_err());
    }

    #[test]
    fn answers_that_end_early_or_late_are_found(cut in 1usize..3_062) {
        let (bytes, _) = Shelf::with("a", &content(3_000)).answer(&read("a", 0, u64::MAX));
        let shorter = &bytes[..bytes.len().saturating_sub(cut)];
        prop_assert!(download(shorter, 0, u64::MAX).is_err());
        let longer = [&bytes[..], &vec![0; cut]].concat();
        prop_assert!(download(&longer, 0, u64::MAX).is_err());
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = download(&bytes, 0, u64::MAX);
        let _ = Body::begin(&bytes[..]).and_then(|mut body| page(&mut body, ""));
    }
}
