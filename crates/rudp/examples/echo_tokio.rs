//! An echo server with a task of tokio for each client, and a client for it, in one program.
//!
//! `cargo run -p reliable-udp --features tokio --example echo_tokio`

use rudp::aio::{Endpoint, Session};
use rudp::{Result, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Endpoint::from(rudp::Endpoint::builder().bind("127.0.0.1:0").build()?);
    server.listen()?;
    let (to, key) = (server.local_addr(), server.public_key());
    tokio::spawn(serve(server));

    let trust = key.map_or(Trust::AnyKey, Trust::Key);
    let endpoint = Endpoint::from(rudp::Endpoint::builder().build()?);
    let mut session = endpoint.connect(to, trust).await?;
    session.write_all(b"hello, echo").await?;
    session.shutdown().await?;
    let mut answer = String::new();
    session.read_to_string(&mut answer).await?;
    println!("{answer}");
    println!("{}", session.close().await);
    Ok(())
}

async fn serve(endpoint: Endpoint) -> Result<()> {
    loop {
        let session = endpoint.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = echo(&session).await {
                eprintln!("a client failed: {error}");
            }
        });
    }
}

async fn echo(session: &Session) -> std::io::Result<()> {
    let (mut reader, mut writer) = (session, session);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await?;
    println!("the client is served: {}", session.close().await);
    Ok(())
}
