//! The traits of `futures-io`, and those of tokio, for sessions (their stream 0) and streams.
//! What reading and writing are is in `link`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::{Session, Stream};
use crate::link::MAIN;

/// What can be read and written by reference.
trait Duplex {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;
    fn finish(&self) -> io::Result<()>;
}

impl<D: Duplex> Duplex for &D {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buffer)
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, data)
    }

    fn finish(&self) -> io::Result<()> {
        (**self).finish()
    }
}

impl Duplex for Session {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.link.poll_read(cx, MAIN, buffer).map_err(io::Error::from)
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.link.poll_write(cx, MAIN, data).map_err(io::Error::from)
    }

    fn finish(&self) -> io::Result<()> {
        Ok(self.finish()?)
    }
}

impl Duplex for Stream {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.handle.check_reads()?;
        self.handle.link.poll_read(cx, self.handle.id, buffer).map_err(io::Error::from)
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.handle.check_writes()?;
        self.handle.link.poll_write(cx, self.handle.id, data).map_err(io::Error::from)
    }

    fn finish(&self) -> io::Result<()> {
        Ok(self.finish()?)
    }
}

/// Implements the traits for a type and for references to it.
macro_rules! implement {
    ($($type:ty),*) => {$(implement!(@ $type); implement!(@ &$type);)*};
    (@ $type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Duplex::poll_read(&*self, cx, buffer)
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                Duplex::poll_write(&*self, cx, data)
            }

            /// Does nothing: what was written is on its way.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends this direction. It does not wait: receipts and closing do.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Duplex::finish(&*self))
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let len = std::task::ready!(Duplex::poll_read(&*self, cx, buffer.initialize_unfilled()))?;
                buffer.advance(len);
                Poll::Ready(Ok(()))
            }
        }

        #[cfg(feature = "tokio")]
        impl tokio::io::AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                Duplex::poll_write(&*self, cx, data)
            }

            /// Does nothing: what was written is on its way.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends this direction. It does not wait: receipts and closing do.
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Duplex::finish(&*self))
            }
        }
    };
}

implement!(Session, Stream);
