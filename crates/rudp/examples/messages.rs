//! A game's traffic: positions that may get lost, sounds that are of no use when late, and a chat
//! that has to arrive, all in one session.
//!
//! `cargo run -p reliable-udp --example messages`

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "programs stand above the line: clocks, threads and files are theirs"
)]

use std::thread;
use std::time::Duration;

use rudp::{Endpoint, ErrorKind, Mode, Profile, Result, Session, Trust, Until};

const FRAME: Duration = Duration::from_millis(16);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = || Endpoint::builder().profile(Profile::Realtime);
    let server = builder().bind("127.0.0.1:0").build()?;
    server.listen()?;
    let to = server.local_addr();
    let playing = thread::spawn(move || play(&server.accept()?));

    let session = builder().build()?.connect(to, Trust::AnyKey)?;
    for frame in 0..60u32 {
        session.send_message(format!("position {frame}"), Mode::Unreliable)?;
        if frame % 20 == 0 {
            let sound = Mode::Deadline(Duration::from_millis(80));
            session.send_message(format!("sound {frame}"), sound)?;
        }
        thread::sleep(FRAME);
    }
    let receipt = session.send_message("good game", Mode::Ordered)?;
    receipt.wait(Until::Read, Duration::from_secs(5))?;
    println!("the chat was read; {}", session.close());
    let seen = playing.join().map_err(|_| "the server panicked")??;
    println!("the server has seen {seen} messages");
    Ok(())
}

/// A loop that must not be held up: each frame takes what is there, and goes on.
fn play(session: &Session) -> Result<u32> {
    let mut seen = 0;
    loop {
        match session.try_receive_message() {
            Ok(message) => {
                seen += 1;
                if message.data.starts_with(b"good") {
                    return Ok(seen);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FRAME),
            Err(error) => return Err(error),
        }
    }
}
