//! The loads in threads that wait, over whatever can be read and written.
//! The same as futures is in `futures`.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{CHUNK, Mark, PING, Pings, say_setups};
use crate::args::Test;

/// A connection.
pub(crate) trait Stream: Read + Write + Send + 'static {}
impl<S: Read + Write + Send + 'static> Stream for S {}

/// Takes the connections that `accept` gives, for ever or until it has been measured.
pub(crate) fn serve<S: Stream>(
    test: Test,
    time: Duration,
    mut accept: impl FnMut() -> Result<S>,
) -> Result<()> {
    if test == Test::Bulk {
        return count(time, accept()?);
    }
    loop {
        let stream = accept()?;
        thread::spawn(move || echo(stream));
    }
}

fn count(time: Duration, mut stream: impl Stream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut bytes = stream.read(&mut buffer)? as u64;
    let mark = Mark::now();
    while mark.elapsed() < time {
        match stream.read(&mut buffer)? {
            0 => break,
            len => bytes += len as u64,
        }
    }
    mark.say_bytes(bytes)?;
    // The client hears nothing of an end while it measures.
    loop {
        if stream.read(&mut buffer)? == 0 {
            return Ok(());
        }
    }
}

fn echo(mut stream: impl Stream) {
    let mut buffer = [0; 2_048];
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..len]).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// Does what is measured, over connections that `connect` opens.
pub(crate) fn load<S: Stream>(
    test: Test,
    time: Duration,
    mut connect: impl FnMut() -> Result<S>,
) -> Result<()> {
    match test {
        Test::Bulk => {
            let (mut stream, chunk) = (connect()?, vec![0x5a; CHUNK]);
            Mark::now().say_after(time);
            // The parent ends this process.
            loop {
                stream.write_all(&chunk)?;
            }
        }
        Test::Pingpong => {
            let mut stream = connect()?;
            let (mut pings, mut bytes) = (Pings::new(time), [0x5a; PING]);
            while pings.goes_on() {
                let sent = Instant::now();
                stream.write_all(&bytes)?;
                stream.flush()?;
                stream.read_exact(&mut bytes)?;
                pings.came(sent);
            }
            pings.say()
        }
        Test::Setups => {
            let (begun, mut count) = (Instant::now(), 0);
            while begun.elapsed() < time {
                let mut stream = connect()?;
                stream.write_all(&[1])?;
                stream.flush()?;
                stream.read_exact(&mut [0])?;
                count += 1;
            }
            say_setups(begun, count)
        }
    }
}
