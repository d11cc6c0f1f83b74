//! A server that prints what a client sends, and answers.
//!
//! `cargo run -p reliable-udp --example server`, and then `--example client` in another terminal.
//! It prints:
//!
//! ```text
//! listening on 127.0.0.1:55265
//! received: hello
//! closed: the peer's program has read everything
//! ```

use rudp::{ReliableServer, Result};

fn main() -> Result<()> {
    let mut server = ReliableServer::new("127.0.0.1", 55265)?;
    server.listen()?;
    println!("listening on {}", server.local_addr());

    let connection = server.accept()?;
    let message = connection.receive(1024)?;
    println!("received: {}", String::from_utf8_lossy(&message));
    connection.send("message received")?;

    println!("closed: {}", connection.close());
    server.shutdown()
}
