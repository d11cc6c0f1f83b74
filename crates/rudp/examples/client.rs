//! A client that sends a message, and prints the answer.
//!
//! `cargo run -p reliable-udp --example client -- MESSAGE`, while `--example server` runs.
//! It prints:
//!
//! ```text
//! answered: message received
//! closed: the peer's program has read everything
//! ```

use rudp::{ReliableSocket, Result};

fn main() -> Result<()> {
    let message = std::env::args().nth(1).unwrap_or_else(|| "hello".to_owned());

    let mut socket = ReliableSocket::new("127.0.0.1", 55265)?;
    socket.connect()?;
    socket.send(&message)?;

    let answer = socket.receive(1024)?;
    println!("answered: {}", String::from_utf8_lossy(&answer));
    println!("closed: {}", socket.close());
    Ok(())
}
