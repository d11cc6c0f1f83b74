//! The loads as futures, on a tokio runtime of one thread, over whatever can be read and written.
//! The same in threads is in `blocking`.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{CHUNK, Mark, PING, Pings, say_setups};
use crate::args::Test;

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Runs a future on this thread.
pub(crate) fn run(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Takes the connections that `accept` gives, for ever or until it has been measured.
pub(crate) async fn serve<S: Stream, F: Future<Output = Result<S>> + Send + 'static>(
    test: Test,
    time: Duration,
    mut accept: impl AsyncFnMut() -> Result<F>,
) -> Result<()> {
    if test == Test::Bulk {
        return count(time, accept().await?.await?).await;
    }
    loop {
        // The stream of a connection comes with its first byte: others are accepted meanwhile.
        let stream = accept().await?;
        tokio::spawn(async move {
            if let Ok(stream) = stream.await {
                echo(stream).await;
            }
        });
    }
}

async fn count(time: Duration, mut stream: impl Stream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut bytes = stream.read(&mut buffer).await? as u64;
    let mark = Mark::now();
    while mark.elapsed() < time {
        match stream.read(&mut buffer).await? {
            0 => break,
            len => bytes += len as u64,
        }
    }
    mark.say_bytes(bytes)?;
    // The client hears nothing of an end while it measures.
    loop {
        if stream.read(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

async fn echo(mut stream: impl Stream) {
    let mut buffer = [0; 2_048];
    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..len]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Does what is measured, over connections that `connect` opens.
pub(crate) async fn load<S: Stream>(
    test: Test,
    time: Duration,
    mut connect: impl AsyncFnMut() -> Result<S>,
) -> Result<()> {
    match test {
        Test::Bulk => {
            let (mut stream, chunk) = (connect().await?, vec![0x5a; CHUNK]);
            Mark::now().say_after(time);
            // The parent ends this process.
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Test::Pingpong => {
            let mut stream = connect().await?;
            let (mut pings, mut bytes) = (Pings::new(time), [0x5a; PING]);
            while pings.goes_on() {
                let sent = Instant::now();
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                stream.read_exact(&mut bytes).await?;
                pings.came(sent);
            }
            pings.say()
        }
        Test::Setups => {
            let (begun, mut count) = (Instant::now(), 0);
            while begun.elapsed() < time {
                let mut stream = connect().await?;
                stream.write_all(&[1]).await?;
                stream.flush().await?;
                stream.read_exact(&mut [0]).await?;
                count += 1;
            }
            say_setups(begun, count)
        }
    }
}
