//! A thread that runs futures and does the endpoint's work meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::pattern;
use futures_lite::future;
use rudp::aio::{Endpoint, Session};
use rudp::{Result, Trust};
use smol::{LocalExecutor, Timer};

const CLIENTS: usize = 20;

fn listening() -> Endpoint {
    let endpoint = Endpoint::from(rudp::Endpoint::builder().bind("127.0.0.1:0").build().unwrap());
    endpoint.listen().unwrap();
    endpoint
}

/// Gives back what comes, until the other side has finished.
async fn echo(session: Session) -> Result<()> {
    loop {
        let data = session.receive_bytes().await?;
        if data.is_empty() {
            break;
        }
        session.send_bytes(data).await?;
    }
    session.finish()?;
    let _ = session.close().await;
    Ok(())
}

/// Sends `len` bytes, and has them echoed.
async fn ask(session: Session, len: usize) -> Result<()> {
    let send = async {
        session.send(pattern(len)).await?;
        session.finish()
    };
    let receive = async {
        let mut came = Vec::new();
        loop {
            let data = session.receive_bytes().await?;
            if data.is_empty() {
                return Ok(came);
            }
            came.extend_from_slice(&data);
        }
    };
    let ((), came) = future::try_zip(send, receive).await?;
    assert!(came == pattern(len));
    Ok(())
}

#[test]
fn tasks_of_an_executor_need_no_other_thread() {
    let server = listening();
    let to = server.local_addr();
    thread::scope(|scope| {
        scope.spawn(|| {
            let executor = LocalExecutor::new();
            let serve = async {
                let mut tasks = Vec::new();
                for _ in 0..CLIENTS {
                    tasks.push(executor.spawn(echo(server.accept().await.unwrap())));
                }
                for task in tasks {
                    task.await.unwrap();
                }
            };
            server.block_on(executor.run(serve));
        });
        let client = Endpoint::from(rudp::Endpoint::builder().build().unwrap());
        let executor = LocalExecutor::new();
        client.block_on(executor.run(async {
            let visit = |len| {
                let client = &client;
                async move { ask(client.connect(to, Trust::AnyKey).await?, len).await }
            };
            let tasks: Vec<_> =
                (0..CLIENTS).map(|n| executor.spawn(visit(1 + n * 30_000))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }));
    });
}

#[test]
fn whoever_never_waits_makes_way() {
    let [endpoint, other] = [listening(), listening()];
    let connect = endpoint.connect(endpoint.local_addr(), Trust::AnyKey);
    let session = future::block_on(connect).unwrap();
    for attending in [&endpoint, &other] {
        attending.block_on(async {
            let done = Cell::new(false);
            let never_waits = async {
                // Nothing is written, for which there is always room.
                while !done.get() {
                    session.send("").await.unwrap();
                }
            };
            future::zip(never_waits, async { done.set(true) }).await;
        });
    }
}

#[test]
fn whoever_waits_now_and_then_need_not_make_way() {
    let endpoint = listening();
    endpoint.block_on(async {
        let session = endpoint.connect(endpoint.local_addr(), Trust::AnyKey).await.unwrap();
        for _ in 0..20 {
            let timer = Timer::after(Duration::from_millis(1));
            assert!(future::poll_once(session.send("")).await.is_some());
            timer.await;
        }
    });
}

#[test]
fn it_is_woken_from_elsewhere() {
    let endpoint = listening();
    let woken = Arc::new(AtomicBool::new(false));
    let mut polls = 0;
    endpoint.block_on(poll_fn(|cx| {
        polls += 1;
        if woken.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let (waker, woken) = (cx.waker().clone(), Arc::clone(&woken));
        thread::spawn(move || {
            // The thread that attends sleeps by then, most of the time.
            thread::sleep(Duration::from_millis(20));
            woken.store(true, Ordering::Release);
            waker.wake();
        });
        Poll::Pending
    }));
    assert!(polls <= 3, "{polls}");
}

#[test]
fn several_threads_and_callers_use_one_endpoint() {
    let (server, client) = (listening(), listening());
    let to = server.local_addr();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let session = server.block_on(server.accept()).unwrap();
                server.block_on(echo(session)).unwrap();
            });
            scope.spawn(|| {
                client.block_on(async {
                    ask(client.connect(to, Trust::AnyKey).await.unwrap(), 500_000).await.unwrap();
                });
            });
        }
        scope.spawn(|| future::block_on(async { echo(server.accept().await.unwrap()).await }));
        let session = rudp::Endpoint::from(client.clone()).connect(to, Trust::AnyKey).unwrap();
        for len in [1, 7, 70_000] {
            session.send(pattern(len)).unwrap();
            let mut left = len;
            while left > 0 {
                left -= session.receive(left).unwrap().len();
            }
        }
        session.finish().unwrap();
        assert!(session.receive(1).unwrap().is_empty());
    });
}

#[test]
fn a_panic_ends_it_and_others_go_on() {
    let (outer, inner) = (listening(), listening());
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        outer.block_on(async { panic!("on purpose") });
    }));
    assert!(caught.is_err());
    // Here nobody has to make way any more, however long one goes on.
    let session = rudp::Endpoint::from(outer.clone()).connect(inner.local_addr(), Trust::AnyKey);
    let session = Session::from(session.unwrap());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2) {
        let sent = future::block_on(future::poll_once(session.send("")));
        assert!(sent.is_some_and(|sent| sent.is_ok()));
    }
    drop((session, inner.block_on(inner.accept()).unwrap()));
    // One within another, and a call that blocks in the thread that attends.
    outer.block_on(async {
        let to = inner.local_addr();
        let session = inner.block_on(async {
            let (accepted, session) =
                future::try_zip(inner.accept(), outer.connect(to, Trust::AnyKey)).await.unwrap();
            accepted.send("hello").await.unwrap();
            session
        });
        assert_eq!(rudp::Session::from(session).receive(5).unwrap(), b"hello");
    });
}
