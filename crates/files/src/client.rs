//! [`Client`]: asks a file service over a session, and checks what comes.
//! What is done with it, and with errors, is the program's.

use std::io::{self, Read};

use rudp::{Session, Stream};

use crate::answer::{HASH_LEN, HEAD_LEN, Head, MAX_TEXT, ResetCode, Status};
use crate::entry::{Entry, Kind, Metadata};
use crate::request::Request;
use crate::respond::{MAX_LISTING, parse_body};
use crate::store::Refusal;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused it.
    #[error("{0}")]
    Refused(Refusal),
    /// The server gave up in the middle of its answer.
    #[error("{}", given_up(*.0))]
    GivenUp(Option<ResetCode>),
    /// What came is not what a server sends, or not what this one had.
    #[error("what arrived is not what was sent: {0}")]
    Corrupt(&'static str),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] rudp::Error),
}

fn given_up(code: Option<ResetCode>) -> String {
    code.map_or_else(|| "the server gave up".to_owned(), |code| code.to_string())
}

/// Asks over one session; each request has a stream of its own, so that several threads can ask at
/// once.
#[derive(Clone, Debug)]
pub struct Client {
    session: Session,
}

/// The next entries of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The directory.
    pub metadata: Metadata,
    /// Entries in the order of their names' bytes.
    pub entries: Vec<Entry>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

impl Client {
    /// A client over a session with the service [`SERVICE`](crate::SERVICE).
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What `name` is.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn stat(&self, name: &str) -> Result<Metadata, Error> {
        let mut body = self.ask(&Request::Stat { name: name.to_owned() })?;
        body.collect(0)?;
        Ok(body.head.metadata)
    }

    /// The entries of the directory `name` behind `after`, as many as the server tells at once.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn list(&self, name: &str, after: &str) -> Result<Page, Error> {
        let request = Request::List { name: name.to_owned(), after: after.to_owned() };
        let mut body = self.ask(&request)?;
        page(&mut body, after)
    }

    /// Begins to read up to `length` bytes of the file `name`, from `offset` on.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub fn read(&self, name: &str, offset: u64, length: u64) -> Result<Download, Error> {
        let body = self.ask(&Request::Read { name: name.to_owned(), offset, length })?;
        body.check_part(offset, length)?;
        Ok(Download { body })
    }

    fn ask(&self, request: &Request) -> Result<Body<Stream>, Error> {
        let stream = self.session.open_stream()?;
        stream.send(request.to_bytes())?;
        stream.finish()?;
        Body::begin(stream)
    }
}

/// A part of a file on its way.
#[derive(Debug)]
pub struct Download {
    body: Body<Stream>,
}

impl Download {
    /// What the file is.
    pub fn metadata(&self) -> Metadata {
        self.body.head.metadata
    }

    /// How many bytes come in all.
    pub fn length(&self) -> u64 {
        self.body.head.length
    }

    /// Puts the next bytes into `buffer`, which must not be empty, and says how many. 0 is the end,
    /// and says that all bytes are there and have the hash that they had at the server.
    ///
    /// # Errors
    /// As [`Error`] says. What came before may then be wrong.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.body.next(buffer)
    }

    /// The BLAKE3 of what came so far.
    pub fn hash(&self) -> [u8; HASH_LEN] {
        self.body.hash.finalize().into()
    }
}

fn page<R: Read>(body: &mut Body<R>, after: &str) -> Result<Page, Error> {
    let metadata = body.head.metadata;
    let bytes = body.collect(MAX_LISTING)?;
    let in_order = |entries: &[Entry]| entries.first().is_none_or(|entry| &*entry.name > after);
    match parse_body(&bytes) {
        Some((more, entries)) if in_order(&entries) => Ok(Page { metadata, entries, more }),
        _ => Err(Error::Corrupt("the listing makes no sense")),
    }
}

/// An answer whose head was read.
#[derive(Debug)]
struct Body<R> {
    source: R,
    head: Head,
    left: u64,
    hash: blake3::Hasher,
    checked: bool,
}

impl<R: Read> Body<R> {
    /// Reads the head, or the refusal.
    fn begin(mut source: R) -> Result<Self, Error> {
        let mut status = [0];
        fill(&mut source, &mut status)?;
        let status = Status::from_number(status[0]);
        if status != Status::Done {
            return Err(Error::Refused(Refusal { status, text: text(&mut source)? }));
        }
        let mut bytes = [0; HEAD_LEN];
        fill(&mut source, &mut bytes)?;
        let head =
            Head::from_bytes(&bytes).ok_or(Error::Corrupt("the answer's head makes no sense"))?;
        let hash = blake3::Hasher::new();
        Ok(Self { source, head, left: head.length, hash, checked: false })
    }

    /// Whether this can be the answer for this part of a file.
    fn check_part(&self, offset: u64, length: u64) -> Result<(), Error> {
        let Head { metadata, length: comes } = self.head;
        let expected = metadata.size.saturating_sub(offset).min(length);
        if metadata.kind == Kind::File && comes == expected {
            return Ok(());
        }
        Err(Error::Corrupt("the answer is for another part than was asked for"))
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.left == 0 {
            return self.check().map(|()| 0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let len = some(&mut self.source, &mut buffer[..most])?;
        if len == 0 && most > 0 {
            return Err(Error::Corrupt("the answer ended early"));
        }
        self.hash.update(&buffer[..len]);
        self.left -= len as u64;
        Ok(len)
    }

    /// Compares the hash, once.
    fn check(&mut self) -> Result<(), Error> {
        if self.checked {
            return Ok(());
        }
        let mut sent = [0; HASH_LEN];
        fill(&mut self.source, &mut sent)?;
        if blake3::Hash::from_bytes(sent) != self.hash.finalize() {
            return Err(Error::Corrupt("the BLAKE3 differs"));
        }
        // To have read the end is what tells the server that everything was read.
        if some(&mut self.source, &mut [0])? != 0 {
            return Err(Error::Corrupt("the answer does not end"));
        }
        self.checked = true;
        Ok(())
    }

    /// All of a body that must have no more than `most` bytes.
    fn collect(&mut self, most: usize) -> Result<Vec<u8>, Error> {
        let len = usize::try_from(self.left).ok().filter(|len| *len <= most);
        let len = len.ok_or(Error::Corrupt("the answer is too long"))?;
        let mut bytes = vec![0; len];
        let mut done = 0;
        while done < len {
            done += self.next(&mut bytes[done..])?;
        }
        self.check()?;
        Ok(bytes)
    }
}

/// The explanation of a refusal, which may be any text: nothing is left in it that a terminal would
/// obey.
fn text(source: &mut impl Read) -> Result<String, Error> {
    let mut len = [0; 2];
    fill(source, &mut len)?;
    let len = usize::from(u16::from_be_bytes(len));
    if len > MAX_TEXT {
        return Err(Error::Corrupt("the refusal is too long"));
    }
    let mut bytes = vec![0; len];
    fill(source, &mut bytes)?;
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    Ok(String::from_utf8_lossy(&bytes).chars().map(shown).collect())
}

fn fill(source: &mut impl Read, mut buffer: &mut [u8]) -> Result<(), Error> {
    while !buffer.is_empty() {
        match some(source, buffer)? {
            0 => return Err(Error::Corrupt("the answer ended early")),
            len => buffer = &mut buffer[len..],
        }
    }
    Ok(())
}

fn some(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|error| why(&error)),
        }
    }
}

/// What the library said, behind the system's kind of error.
fn why(error: &io::Error) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rudp::Error>());
    match inner {
        Some(inner) if inner.kind() == rudp::ErrorKind::StreamReset => {
            Error::GivenUp(inner.code().and_then(ResetCode::from_number))
        }
        Some(inner) => Error::Session(inner.clone()),
        None => Error::Corrupt("the session cannot be read"),
    }
}

#[cfg(test)]
mod tests;
