//! Copies a file to another machine, and says for certain whether it arrived: the receiver confirms
//! what is on its disk, and the sender waits for that.
//!
//! `cargo run -p reliable-udp --example file_copy -- receive [::]:7008 COPY`, which prints its key,
//! and then `cargo run -p reliable-udp --example file_copy -- send FILE localhost:7008 KEY`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use rudp::{Config, Endpoint, Until};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["receive", address, path] => receive(address, path),
        ["send", path, server, key] => send(path, server, key),
        _ => Err("usage: file_copy receive ADDRESS COPY | file_copy send FILE SERVER KEY".into()),
    }
}

fn receive(address: &str, path: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::builder().bind(address).config(Config::bulk()).build()?;
    endpoint.listen()?;
    if let Some(key) = endpoint.public_key() {
        println!("waiting on {} with the key {key}", endpoint.local_addr());
    }
    let session = endpoint.accept()?;
    let stream = session.main_stream();
    stream.confirm_by_hand()?;
    let (mut file, mut buffer, mut bytes) = (File::create(path)?, vec![0; 64 << 10], 0);
    loop {
        let len = (&session).read(&mut buffer)?;
        if len == 0 {
            break;
        }
        file.write_all(&buffer[..len])?;
        bytes += len as u64;
    }
    file.sync_all()?;
    stream.confirm(bytes)?;
    println!("{bytes} bytes are on the disk; {}", session.close());
    Ok(())
}

fn send(path: &str, server: &str, key: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::builder().config(Config::bulk()).build()?;
    let session = endpoint.connect(server, key.parse::<rudp::PublicKey>()?)?;
    let bytes = std::io::copy(&mut File::open(path)?, &mut &session)?;
    session.finish()?;
    session.receipt().wait(Until::Read, Duration::from_mins(1))?;
    println!("all {bytes} bytes are on the other disk; {}", session.close());
    Ok(())
}
