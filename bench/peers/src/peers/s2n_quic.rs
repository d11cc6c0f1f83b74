//! s2n-quic with its defaults, but with rustls for its handshakes: its packets are sealed by AWS-LC
//! either way, and its own TLS library takes long to build.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context as _, Result};
use s2n_quic::client::Connect;
use s2n_quic::stream::BidirectionalStream;
use s2n_quic::{Client, Connection, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{ANY, quic};
use crate::args::Task;
use crate::loads::{futures, say_ready};

pub(super) fn server(task: &Task) -> Result<()> {
    let (certificate, key) = quic::certificate()?;
    futures::run(async {
        let tls = (certificate.as_str(), key.as_str());
        let mut server = Server::builder().with_tls(tls)?.with_io(ANY)?.start()?;
        say_ready(server.local_addr()?, &quic::to_word(&certificate))?;
        futures::serve(task.test, task.time(), async || {
            let mut connection = server.accept().await.context("the server is closed")?;
            Ok(async move {
                let stream = connection.accept_bidirectional_stream().await?;
                Ok(Held { stream: stream.context("no stream")?, _connection: connection })
            })
        })
        .await
    })
}

pub(super) fn client(task: &Task, address: SocketAddr, trust: &str) -> Result<()> {
    let certificate = quic::from_word(trust)?;
    futures::run(async {
        let client = Client::builder().with_tls(certificate.as_str())?.with_io(ANY)?.start()?;
        futures::load(task.test, task.time(), async || {
            let connect = Connect::new(address).with_server_name(quic::NAME);
            let mut connection = client.connect(connect).await?;
            let stream = connection.open_bidirectional_stream().await?;
            Ok(Held { stream, _connection: connection })
        })
        .await
    })
}

/// A stream, and the connection that ends with its handle.
struct Held {
    stream: BidirectionalStream,
    _connection: Connection,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.stream), context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.stream), context, bytes)
    }

    /// Sends what was written. The stream's own flush waits until it is acknowledged, which no other
    /// transport here does.
    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.stream), context)
    }
}
