//! What sessions and streams have in common in both forms of the API: everything that never waits.
//! The two forms differ in how they wait, and in nothing else.

/// The methods of a session that never wait. `Stream` and `Receipt` are those of the module that
/// this is used in.
macro_rules! session_methods {
    ($Session:ident) => {
        impl $Session {
            /// Reads what is there of stream 0 into `buffer`, without waiting: for loops that must
            /// not be held up. Returns how many bytes, of which 0 means that the peer has finished.
            ///
            /// # Errors
            /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if nothing is there; what ended the
            /// session.
            pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize> {
                self.link.try_read(MAIN, buffer)
            }

            /// The next message, if there is one, without waiting.
            ///
            /// # Errors
            /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if there is none; what ended the
            /// session.
            pub fn try_receive_message(&self) -> Result<Message> {
                self.link.attempt(|session| session.receive_message())
            }

            /// Ends what this side sends with [`send`](Self::send), and goes on receiving. The peer's
            /// `receive` returns nothing once it has read the rest. To do it again is no error.
            ///
            /// # Errors
            /// What ended the session.
            pub fn finish(&self) -> Result<()> {
                self.main_stream().finish()
            }

            /// A receipt for everything that was sent with [`send`](Self::send) so far.
            pub fn receipt(&self) -> Receipt {
                self.main_stream().receipt()
            }

            /// Stream 0, which [`send`](Self::send) and [`receive`](Self::receive) use, to do with it
            /// what one can do with any stream. It stays open when this handle is dropped.
            pub fn main_stream(&self) -> Stream {
                Stream::from(StreamHandle::main(&self.link))
            }

            /// Ends the session at once and waits for nothing. The peer is told `code`, a number of
            /// the program's own, and `reason`, a text for people of at most 256 bytes.
            pub fn abort(&self, code: u32, reason: &str) {
                // If it has ended already, it needs no abort.
                let _ = self.link.ask(|session| session.abort(code.into(), reason));
            }

            /// What has been counted so far; all zero once the session was forgotten.
            pub fn stats(&self) -> Stats {
                self.link.ask(|session| session.stats()).unwrap_or_default()
            }

            /// The peer's key: a server's always, a client's if it has one. `None` in the plain
            /// profile.
            pub fn peer_key(&self) -> Option<PublicKey> {
                self.link.ask(|session| session.peer_key()).ok().flatten().map(PublicKey::from)
            }

            /// The peer's address. It may change while the session lasts; `None` once the session
            /// was forgotten.
            pub fn remote_addr(&self) -> Option<std::net::SocketAddr> {
                self.link.ask(|session| session.remote()).ok()
            }

            /// The name of the service that the client asked for; empty if it asked for none.
            pub fn service(&self) -> String {
                self.link.ask(|session| session.service().to_owned()).unwrap_or_default()
            }

            /// Why the session is over; `None` while it is not.
            pub fn ended(&self) -> Option<Error> {
                match self.link.ask(|session| session.ended().cloned()) {
                    Ok(ended) => ended.map(Error::from),
                    Err(error) => Some(error),
                }
            }
        }

        impl std::fmt::Debug for $Session {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "Session({:?})", self.link.handle)
            }
        }
    };
}

/// The methods of a stream that never wait. `Receipt` is that of the module that this is used in.
macro_rules! stream_methods {
    ($Stream:ident) => {
        impl $Stream {
            /// The stream's number, which both ends know it by.
            pub fn id(&self) -> u64 {
                self.handle.id
            }

            /// Whether this side reads from it: not from a unidirectional stream of its own.
            pub fn can_read(&self) -> bool {
                self.handle.reads
            }

            /// Whether this side writes to it: not to a unidirectional stream of the peer's.
            pub fn can_write(&self) -> bool {
                self.handle.writes
            }

            /// Reads what is there into `buffer`, without waiting. 0 is the stream's end.
            ///
            /// # Errors
            /// [`WouldBlock`](crate::ErrorKind::WouldBlock) if nothing is there; as
            /// [`receive`](Self::receive).
            pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize> {
                self.handle.link.try_read(self.handle.id, buffer)
            }

            /// What is sent of this stream goes before, or after, that of others. It is this side's
            /// choice for what it writes; the default is the usual priority.
            ///
            /// # Errors
            /// The stream is over, or the peer's alone; what ended the session.
            pub fn set_priority(&self, priority: Priority) -> Result<()> {
                self.handle.attempt(|session, id| session.set_priority(id, priority))
            }

            /// Ends the stream behind what was written. To do it again is no error.
            ///
            /// # Errors
            /// What ended the session.
            pub fn finish(&self) -> Result<()> {
                let finished = self.handle.attempt(|session, id| session.finish(id));
                finished.or_else(|error| match error.kind() {
                    ErrorKind::Finished => Ok(()),
                    _ => Err(error),
                })
            }

            /// Gives up what was written and has not arrived yet, and tells the peer so with a
            /// `code` of the program's own.
            ///
            /// # Errors
            /// There is nothing to give up; what ended the session.
            pub fn reset(&self, code: u32) -> Result<()> {
                self.handle.attempt(|session, id| session.reset(id, code.into()))
            }

            /// Asks the peer, with a `code` of the program's own, to write no more. What has come and
            /// was not read is discarded.
            ///
            /// # Errors
            /// There is nothing to read any more; what ended the session.
            pub fn stop(&self, code: u32) -> Result<()> {
                self.handle.attempt(|session, id| session.stop(id, code.into()))
            }

            /// A receipt for everything that was written to the stream so far.
            pub fn receipt(&self) -> Receipt {
                Receipt { claim: Claim::on(&self.handle.link, self.handle.id) }
            }

            /// From now on what was read counts as read, in the peer's receipts, only when this
            /// program confirms it: a program can so confirm what it has written to a disk.
            ///
            /// # Errors
            /// There is nothing to read any more; what ended the session.
            pub fn confirm_by_hand(&self) -> Result<()> {
                self.handle.attempt(|session, id| session.confirm_by_hand(id))
            }

            /// Confirms everything up to `offset`, in bytes from the stream's beginning; beyond what
            /// was read it confirms what was read.
            ///
            /// # Errors
            /// There is nothing to read any more; what ended the session.
            pub fn confirm(&self, offset: u64) -> Result<()> {
                self.handle.attempt(|session, id| session.confirm(id, offset))
            }
        }

        impl From<StreamHandle> for $Stream {
            fn from(handle: StreamHandle) -> Self {
                Self { handle: std::sync::Arc::new(handle) }
            }
        }

        impl std::fmt::Debug for $Stream {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "Stream({} of {:?})", self.handle.id, self.handle.link.handle)
            }
        }
    };
}

pub(crate) use {session_methods, stream_methods};
