//! KCP with its fastest settings, as streams: no congestion control, updates every 10 ms and at
//! every write, a window of 1,024 packets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_kcp::{KcpConfig, KcpListener, KcpNoDelayConfig, KcpStream};

use super::ANY;
use crate::args::Task;
use crate::loads::{futures, say_ready};

fn config() -> KcpConfig {
    KcpConfig {
        mtu: 1_472,
        nodelay: KcpNoDelayConfig::fastest(),
        wnd_size: (1_024, 1_024),
        flush_write: true,
        flush_acks_input: true,
        stream: true,
        ..KcpConfig::default()
    }
}

pub(super) fn server(task: &Task) -> Result<()> {
    futures::run(async {
        let mut listener = KcpListener::bind(config(), ANY).await?;
        say_ready(listener.local_addr()?, "")?;
        futures::serve(task.test, task.time(), async || {
            let (stream, _) = listener.accept().await?;
            Ok(async move { Ok(Pieces(stream)) })
        })
        .await
    })
}

pub(super) fn client(task: &Task, address: SocketAddr) -> Result<()> {
    futures::run(futures::load(task.test, task.time(), async || {
        Ok(Pieces(KcpStream::connect(&config(), address).await?))
    }))
}

/// The most bytes that are written at once: KCP takes no more than 128 packets in one call.
const PIECE: usize = 64 << 10;

/// A stream to which any amount can be written.
struct Pieces(KcpStream);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, &bytes[..bytes.len().min(PIECE)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
