//! The async API on several runtimes, and on none.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]

mod common;

use std::future::Future;
use std::time::Duration;

use common::{Pair, pair, pattern};
use futures_lite::future;
use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};
use rudp::aio::{Endpoint, Session};
use rudp::{Mode, Result, Trust, Until};

/// A client and a server that use everything once, as one future.
async fn scenario() -> Result<()> {
    let server = Endpoint::from(rudp::Endpoint::builder().bind("127.0.0.1:0").build()?);
    server.listen()?;
    let to = format!("localhost:{}", server.local_addr().port());
    let client = Endpoint::from(rudp::Endpoint::builder().build()?);
    let (accepted, connected) =
        future::zip(server.accept(), client.connect(to, Trust::AnyKey)).await;
    future::try_zip(serve(accepted?), ask(connected?)).await?;
    client.wait_idle().await;
    server.shutdown()?;
    assert!(server.accept().await.is_err());
    Ok(())
}

async fn serve(session: Session) -> Result<()> {
    assert_eq!(session.receive(100).await?, b"question");
    assert_eq!(session.receive(100).await?, b"");
    session.send(pattern(300_000)).await?;
    session.finish()?;
    let stream = session.accept_stream().await?;
    stream.send(stream.receive(100).await?).await?;
    stream.finish()?;
    let message = session.receive_message().await?;
    session.send_message(message.data, Mode::Ordered).await?;
    let closed = session.close().await;
    assert!(closed.is_delivered(), "{closed}");
    Ok(())
}

async fn ask(mut session: Session) -> Result<()> {
    session.send("question").await?;
    session.finish()?;
    session.receipt().wait(Until::Read).await?;
    let mut answer = Vec::new();
    session.read_to_end(&mut answer).await.unwrap();
    assert!(answer == pattern(300_000));
    let mut stream = session.open_stream().await?;
    stream.write_all(b"echo").await.unwrap();
    stream.close().await.unwrap();
    let mut echo = String::new();
    stream.read_to_string(&mut echo).await.unwrap();
    assert_eq!(echo, "echo");
    session.send_message("message", Mode::Reliable).await?;
    assert_eq!(session.receive_message().await?.data, "message");
    let closed = session.close().await;
    assert!(closed.is_delivered(), "{closed}");
    Ok(())
}

#[test]
fn it_runs_without_a_runtime() {
    future::block_on(scenario()).unwrap();
}

#[test]
fn it_runs_on_smol() {
    smol::block_on(async { smol::spawn(scenario()).await }).unwrap();
}

#[test]
fn it_runs_on_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async { tokio::spawn(scenario()).await }).unwrap().unwrap();
}

/// Polls a future once, and drops it.
fn begin<F: Future>(future: F) -> Option<F::Output> {
    future::block_on(future::poll_once(future))
}

#[test]
fn a_dropped_future_loses_nothing_where_that_is_promised() {
    let Pair { server, client, .. } = pair();
    let (server, client) = (Session::from(server), Session::from(client));
    assert!(begin(server.receive(10)).is_none());
    assert!(begin(server.receive_message()).is_none());
    assert!(begin(server.accept_stream()).is_none());
    future::block_on(async {
        client.send("data").await.unwrap();
        client.send_message("message", Mode::Reliable).await.unwrap();
        client.open_uni_stream().await.unwrap().send("stream").await.unwrap();
        assert_eq!(server.receive(10).await.unwrap(), b"data");
        assert_eq!(server.receive_message().await.unwrap().data, "message");
        let stream = server.accept_stream().await.unwrap();
        assert_eq!(stream.receive(10).await.unwrap(), b"stream");
    });
}

#[test]
fn both_forms_are_the_same_session() {
    let Pair { server, client, .. } = pair();
    let asynchronous = Session::from(client.clone());
    future::block_on(asynchronous.send("async ")).unwrap();
    client.send("and blocking").unwrap();
    let mut text = Vec::new();
    while text.len() < 18 {
        text.extend(server.receive(100).unwrap());
    }
    assert_eq!(text, b"async and blocking");
    drop(rudp::Session::from(asynchronous));
    // One handle is left, and works.
    server.send("still open").unwrap();
    assert_eq!(client.receive(100).unwrap(), b"still open");
}

#[test]
fn two_tasks_can_wait_for_one_session() {
    let Pair { server, client, .. } = pair();
    let session = Session::from(client);
    let both = future::zip(session.receive(10), session.receive_message());
    let sending = async {
        smol::Timer::after(Duration::from_millis(10)).await;
        server.send("data").unwrap();
        server.send_message("message", Mode::Reliable).unwrap();
    };
    let ((data, message), ()) = smol::block_on(future::zip(both, sending));
    assert_eq!(
        (data.unwrap().as_slice(), &message.unwrap().data[..]),
        (&b"data"[..], &b"message"[..])
    );
}

#[cfg(feature = "tokio")]
#[test]
fn tokios_traits_work_as_well() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Pair { server, client, .. } = pair();
    let (mut server, mut client) = (Session::from(server), Session::from(client));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        AsyncWriteExt::write_all(&mut client, b"over tokio").await.unwrap();
        AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let mut text = String::new();
        AsyncReadExt::read_to_string(&mut server, &mut text).await.unwrap();
        assert_eq!(text, "over tokio");
    });
}
