//! An echo server with a thread for each client, and a client for it.
//!
//! `cargo run -p reliable-udp --example echo -- serve [::]:7007`, which prints its key, and then
//! `cargo run -p reliable-udp --example echo -- localhost:7007 KEY < README.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

use std::error::Error;
use std::io;
use std::thread;

use rudp::{Endpoint, PublicKey, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("serve"), Some(address)) => serve(&address),
        (Some(server), Some(key)) => ask(server, key.parse()?),
        _ => Err("usage: echo serve ADDRESS | echo SERVER KEY".into()),
    }
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::builder().bind(address).build()?;
    endpoint.listen()?;
    if let Some(key) = endpoint.public_key() {
        println!("echoing on {} with the key {key}", endpoint.local_addr());
    }
    loop {
        let session = endpoint.accept()?;
        thread::spawn(move || match echo(&session) {
            Ok(bytes) => println!("{bytes} bytes echoed; {}", session.close()),
            Err(error) => println!("a client failed: {error}"),
        });
    }
}

fn echo(session: &Session) -> io::Result<u64> {
    let bytes = io::copy(&mut &*session, &mut &*session)?;
    session.finish()?;
    Ok(bytes)
}

/// Sends standard input, and writes to standard output what comes back, both at once.
fn ask(server: &str, key: PublicKey) -> Result<(), Box<dyn Error>> {
    let session = Endpoint::builder().build()?.connect(server, key)?;
    let sender = session.clone();
    let sending = thread::spawn(move || -> io::Result<()> {
        io::copy(&mut io::stdin().lock(), &mut &sender)?;
        Ok(sender.finish()?)
    });
    io::copy(&mut &session, &mut io::stdout().lock())?;
    sending.join().map_err(|_| "the sending thread panicked")??;
    eprintln!("{}", session.close());
    Ok(())
}
