//! One request answered: what a store gives, as the bytes of docs/FILES.md, 3.
//! Streams, sessions and their limits are in `server`.

use std::io::{self, Write};

use crate::answer::{Head, ResetCode, Status, refusal};
use crate::entry::{Entry, Kind, Metadata};
use crate::request::Request;
use crate::store::{Content, Listing, Refusal, Store};

/// Entries of one answer (docs/FILES.md, 3.5).
const MOST_ENTRIES: usize = 1_000;

/// The longest body of a listing, in bytes (docs/FILES.md, 3.5).
pub(crate) const MAX_LISTING: usize = 1 << 18;

/// Bytes that are read from a file at once.
const CHUNK: u64 = 1 << 17;

/// What an answer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Everything was written, with a body of so many bytes.
    Done(u64),
    /// The request was refused.
    Refused(Refusal),
    /// The body had to be given up behind so many bytes: the answer must not end as if it were whole.
    GivenUp(u64, ResetCode),
}

/// Writes the answer to `request`, which is `None` if what came was none.
pub(crate) fn respond(
    request: Option<&Request>,
    store: &dyn Store,
    to: &mut impl Write,
) -> io::Result<Answered> {
    let refused = match request {
        None => Refusal::new(Status::Malformed, "the request is none of this protocol"),
        Some(Request::Stat { name }) => match store.stat(name) {
            Ok(metadata) => return whole(metadata, &[], to),
            Err(refused) => refused,
        },
        Some(Request::List { name, after }) => match store.list(name, after, MOST_ENTRIES) {
            Ok(listing) => return whole(listing.metadata, &body(&listing), to),
            Err(refused) => refused,
        },
        Some(Request::Read { name, offset, length }) => match open(store, name) {
            Ok(mut content) => return part(&mut *content, *offset, *length, to),
            Err(refused) => refused,
        },
    };
    to.write_all(&refusal(refused.status, &refused.text))?;
    Ok(Answered::Refused(refused))
}

fn open(store: &dyn Store, name: &str) -> Result<Box<dyn Content>, Refusal> {
    let content = store.open(name)?;
    if content.metadata().kind == Kind::Directory {
        return Err(Refusal::new(Status::WrongKind, "it is a directory"));
    }
    Ok(content)
}

/// An answer whose body is at hand.
fn whole(metadata: Metadata, body: &[u8], to: &mut impl Write) -> io::Result<Answered> {
    let length = body.len() as u64;
    let mut bytes = Head { metadata, length }.to_bytes();
    bytes.extend(body);
    bytes.extend(blake3::hash(body).as_bytes());
    to.write_all(&bytes)?;
    Ok(Answered::Done(length))
}

/// As many entries as the body of one answer takes, and whether there are more.
fn body(listing: &Listing) -> Vec<u8> {
    let mut body = vec![u8::from(listing.more)];
    for entry in &listing.entries {
        let len = body.len();
        entry.put(&mut body);
        if body.len() > MAX_LISTING {
            body.truncate(len);
            if let Some(more) = body.first_mut() {
                *more = 1;
            }
            break;
        }
    }
    body
}

/// Whether there are more entries, and the entries, of the body of a listing.
pub(crate) fn parse_body(body: &[u8]) -> Option<(bool, Vec<Entry>)> {
    let mut cursor = crate::cursor::Cursor::new(body);
    let more = match cursor.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let mut entries: Vec<Entry> = Vec::new();
    while !cursor.is_empty() {
        let entry = Entry::take(&mut cursor)?;
        if entries.last().is_some_and(|last| last.name >= entry.name) {
            return None;
        }
        entries.push(entry);
    }
    // Else a client that asks for the rest would ask for ever.
    (!more || !entries.is_empty()).then_some((more, entries))
}

/// A part of a file.
fn part(
    content: &mut dyn Content,
    offset: u64,
    length: u64,
    to: &mut impl Write,
) -> io::Result<Answered> {
    let metadata = content.metadata();
    let length = length.min(metadata.size.saturating_sub(offset));
    to.write_all(&Head { metadata, length }.to_bytes())?;
    let mut buffer = vec![0; usize::try_from(length.min(CHUNK)).unwrap_or_default()];
    let mut hash = blake3::Hasher::new();
    let mut done = 0;
    while done < length {
        let most = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
        let read = match content.read_at(&mut buffer[..most], offset + done) {
            Ok(0) => return Ok(Answered::GivenUp(done, ResetCode::Shrunk)),
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(Answered::GivenUp(done, ResetCode::Unreadable)),
        };
        hash.update(read);
        to.write_all(read)?;
        done += read.len() as u64;
    }
    to.write_all(hash.finalize().as_bytes())?;
    Ok(Answered::Done(length))
}
