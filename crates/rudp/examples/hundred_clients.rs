//! One server, and a hundred clients with different manners at once: some talk, some send much, some
//! send messages, some open streams, and some are cut off.
//!
//! `cargo run --release -p reliable-udp --example hundred_clients`

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

use std::io;
use std::net::SocketAddr;
use std::thread;

use rudp::{Endpoint, Mode, Result, Session, Trust};

fn main() -> Result<()> {
    let server = Endpoint::builder().bind("127.0.0.1:0").build()?;
    server.listen()?;
    let to = server.local_addr();
    let attendant = server.clone();
    let accepting = thread::spawn(move || {
        while let Ok(session) = attendant.accept() {
            thread::spawn(move || serve(&session));
        }
    });

    let clients: Vec<_> =
        (0..100).map(|number| thread::spawn(move || (number, client(number, to)))).collect();
    for client in clients {
        match client.join() {
            Ok((_, Ok(()))) => {}
            Ok((number, Err(error))) => println!("client {number}: {error}"),
            Err(_) => println!("a client panicked"),
        }
    }
    println!("a hundred clients were served");
    server.shutdown()?;
    let _ = accepting.join();
    Ok(())
}

/// Answers whatever comes: a stream, a message, or data.
fn serve(session: &Session) -> io::Result<()> {
    match session.receive(1)?.first() {
        Some(b's') => {
            let stream = session.accept_stream()?;
            io::copy(&mut &stream, &mut &stream)?;
        }
        Some(b'm') => {
            let message = session.receive_message()?;
            session.send_message(message.data, Mode::Reliable)?;
        }
        _ => session.send("go on")?,
    }
    session.finish()?;
    io::copy(&mut &*session, &mut io::sink())?;
    let _ = session.close();
    Ok(())
}

fn client(number: usize, to: SocketAddr) -> io::Result<()> {
    let session = Endpoint::builder().build()?.connect(to, Trust::AnyKey)?;
    let manner = ["talk", "bulk", "message", "stream", "abort"][number % 5];
    session.send(manner)?;
    match manner {
        "stream" => {
            let stream = session.open_stream()?;
            stream.send(vec![7; 10_000])?;
            stream.finish()?;
            io::copy(&mut &stream, &mut io::sink())?;
        }
        "message" => {
            session.send_message(vec![7; 10_000], Mode::Reliable)?;
            session.receive_message()?;
        }
        "abort" => {
            session.abort(1, "never mind");
            return Ok(());
        }
        manner => session.send(vec![7; if manner == "bulk" { 1 << 20 } else { 100 }])?,
    }
    // Both sides read to the end before they close: so each knows that the other has everything.
    session.finish()?;
    io::copy(&mut &session, &mut io::sink())?;
    println!("client {number} ({manner}): {}", session.close());
    Ok(())
}
