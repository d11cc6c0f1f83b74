//! The protocol without the library's thread and socket: an echo server with a loop of its own on a
//! plain `UdpSocket`.
//!
//! `cargo run -p reliable-udp --example own_loop`, which prints its key, and then
//! `cargo run -p reliable-udp --example echo -- 127.0.0.1:7009 KEY < README.md`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

use std::error::Error;
use std::net::UdpSocket;
use std::ops::ControlFlow;
use std::time::Duration;

use rudp::Key;
use rudp::sans_io::{
    Datagrams, Endpoint, EndpointConfig, Event, EventKind, Fail, Instant, Machine as _, Read, Seed,
    TRANSMIT_BUFFER, drain, noise,
};

fn main() -> Result<(), Box<dyn Error>> {
    let key = Key::generate()?;
    println!("echoing on 127.0.0.1:7009 with the key {}", key.public_key());
    let socket = UdpSocket::bind("127.0.0.1:7009")?;
    let seed = Seed::new(Key::generate()?.to_bytes());
    let mut endpoint = Endpoint::new(EndpointConfig::default(), noise(Some(&key), None), &seed)?;
    endpoint.listen();

    let started = std::time::Instant::now();
    let clock = || Instant::ZERO + started.elapsed();
    let (mut buffer, mut sealed) = (vec![0; TRANSMIT_BUFFER], vec![0; TRANSMIT_BUFFER]);
    loop {
        // Everything that happened goes to the program, and what there is to send to the socket.
        drain(clock(), &mut endpoint, &mut echo, &mut sealed, |transmit, data| {
            for datagram in data.chunks(transmit.stride.max(1)) {
                // What is not sent is lost, as anything may be on the way.
                let _ = socket.send_to(datagram, transmit.remote);
            }
            ControlFlow::Continue(())
        });
        let wait = endpoint.poll_timeout().map(|at| at - clock());
        socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_micros(1))))?;
        if let Ok((len, remote)) = socket.recv_from(&mut buffer) {
            endpoint.handle(clock(), Datagrams::single(remote, &mut buffer[..len]));
        }
        endpoint.handle_timeout(clock());
    }
}

/// What the program does: each time something may be possible that was not, it tries.
fn echo(now: Instant, endpoint: &mut Endpoint, event: Event) {
    if event.kind == EventKind::Incoming {
        while endpoint.accept().is_some() {}
    }
    let Some(mut session) = endpoint.session(now, event.session) else { return };
    let mut data = [0; 4_096];
    loop {
        match session.read(0, &mut data) {
            // An echo that has no room is cut short: a real program would wait for `Writable`.
            Ok(Read::Bytes(len)) => drop(session.write(0, &data[..len])),
            Ok(Read::End) => {
                let _ = session.finish(0);
                return session.release();
            }
            Err(Fail::Blocked) => return,
            Err(_) => return session.release(),
        }
    }
}
