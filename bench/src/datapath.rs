//! `datapath`: two endpoints in one thread, one sending to the other through memory. What is timed is
//! the protocol and its cipher, and neither the system nor the driver.

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use anyhow::{Context as _, bail};
use rudp::sans_io::{
    Datagrams, Endpoint, EndpointConfig, EventKind, Fail, Handle, Instant, Machine as _, Read,
    Seed, TRANSMIT_BUFFER, Target, Transmit, noise, plain,
};
use rudp::{Congestion, Key};

use crate::args::DatapathArgs;

/// Virtual time between two turns of a side.
const TURN: Duration = Duration::from_micros(50);

/// What the program writes or reads at once.
const CHUNK: usize = 64 << 10;

/// One of the two, with what it cost.
struct Side {
    endpoint: Endpoint,
    session: Option<Handle>,
    took: Duration,
}

impl Side {
    fn new(args: &DatapathArgs, seed: u64, key: &Key) -> anyhow::Result<Self> {
        let crypto = if args.plain { plain() } else { noise(Some(key), None) };
        let mut config = EndpointConfig::default();
        config.session.packet_size = Some(args.packet_size);
        config.session.send_buffer = args.send_buffer;
        if let Some(rate) = args.rate {
            config.session.congestion = Congestion::Fixed(rate);
        }
        let endpoint = Endpoint::new(config, crypto, &Seed::from_u64(seed))?;
        Ok(Self { endpoint, session: None, took: Duration::ZERO })
    }

    /// Takes its events, and its session if it has one now.
    fn events(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event.kind {
                EventKind::Incoming => self.session = self.endpoint.accept(),
                EventKind::Connected => self.session = Some(event.session),
                _ => {}
            }
        }
    }
}

/// Batches on their way from one side to the other.
#[derive(Default)]
struct Wire {
    batches: Vec<(Transmit, Vec<u8>)>,
    used: usize,
}

impl Wire {
    /// Takes what `side` has to send, up to `most` bytes.
    #[inline(never)]
    fn fill(&mut self, now: Instant, side: &mut Side, most: usize) {
        let mut bytes = 0;
        while bytes < most {
            if self.used == self.batches.len() {
                let nothing = Transmit::single(([0, 0, 0, 0], 0).into(), 0);
                self.batches.push((nothing, vec![0; TRANSMIT_BUFFER]));
            }
            let (transmit, buffer) = &mut self.batches[self.used];
            let Some(sent) = side.endpoint.poll_transmit(now, buffer) else { return };
            *transmit = sent;
            bytes += sent.len;
            self.used += 1;
        }
    }

    /// Gives all of it to `side`.
    #[inline(never)]
    fn empty(&mut self, now: Instant, side: &mut Side) -> usize {
        let mut packets = 0;
        for (transmit, buffer) in self.batches.iter_mut().take(self.used) {
            packets += transmit.count();
            let data = &mut buffer[..transmit.len];
            // The two have one address: each knows but one other.
            let datagrams =
                Datagrams { stride: transmit.stride, ..Datagrams::single(transmit.remote, data) };
            side.endpoint.handle(now, datagrams);
        }
        self.used = 0;
        packets
    }
}

/// Writes until there is no room, and sends.
#[inline(never)]
fn send(
    now: Instant,
    side: &mut Side,
    data: &[u8],
    wire: &mut Wire,
    most: usize,
) -> anyhow::Result<()> {
    let handle = side.session.context("no session")?;
    let mut session = side.endpoint.session(now, handle).context("the session is gone")?;
    let mut written = 0;
    while written < most {
        match session.write(0, data) {
            Ok(len) => written += len,
            Err(Fail::Blocked) => break,
            Err(error) => bail!("{error}"),
        }
    }
    drop(session);
    wire.fill(now, side, most);
    Ok(())
}

/// Reads what came.
#[inline(never)]
fn receive(now: Instant, side: &mut Side, buffer: &mut [u8]) -> anyhow::Result<u64> {
    let handle = side.session.context("no session")?;
    let mut session = side.endpoint.session(now, handle).context("the session is gone")?;
    let mut bytes = 0;
    loop {
        match session.read(0, buffer) {
            Ok(Read::Bytes(len)) => bytes += black_box(&buffer[..len]).len() as u64,
            Ok(Read::End) | Err(Fail::Blocked) => return Ok(bytes),
            Err(error) => bail!("{error}"),
        }
    }
}

/// The sender's turn. `cargo xtask instructions` knows these three functions by their names.
#[inline(never)]
fn sender(
    now: Instant,
    client: &mut Side,
    data: &[u8],
    there: &mut Wire,
    most: usize,
) -> anyhow::Result<()> {
    client.endpoint.handle_timeout(now);
    client.events();
    if client.session.is_some() {
        return send(now, client, data, there, most);
    }
    there.fill(now, client, most);
    Ok(())
}

/// The sender hears what came of it, and how many packets told so.
#[inline(never)]
fn sender_hears(now: Instant, client: &mut Side, back: &mut Wire) -> usize {
    back.empty(now, client)
}

/// The receiver's turn: how many packets and bytes came.
#[inline(never)]
fn receiver(
    now: Instant,
    server: &mut Side,
    there: &mut Wire,
    buffer: &mut [u8],
    back: &mut Wire,
) -> anyhow::Result<(usize, u64)> {
    let packets = there.empty(now, server);
    server.events();
    let bytes = if server.session.is_some() { receive(now, server, buffer)? } else { 0 };
    back.fill(now, server, usize::MAX);
    server.endpoint.handle_timeout(now);
    back.fill(now, server, usize::MAX);
    Ok((packets, bytes))
}

pub(crate) fn run(args: &DatapathArgs) -> anyhow::Result<()> {
    let key = Key::generate()?;
    let (mut client, mut server) = (Side::new(args, 1, &key)?, Side::new(args, 2, &key)?);
    server.endpoint.listen();
    let mut now = Instant::ZERO;
    let to = ([127, 0, 0, 1], 7).into();
    client.endpoint.connect(
        now,
        to,
        Target { server_key: None, service: String::new(), config: None },
    )?;
    let (mut there, mut back) = (Wire::default(), Wire::default());
    let (data, mut buffer) = (vec![0x5a; CHUNK], vec![0; CHUNK]);
    let (mut bytes, mut packets, mut acks) = (0, 0, 0);
    while bytes < args.bytes {
        now += TURN;
        let begun = Clock::now();
        sender(now, &mut client, &data, &mut there, args.flight)?;
        client.took += begun.elapsed();
        let begun = Clock::now();
        let came = receiver(now, &mut server, &mut there, &mut buffer, &mut back)?;
        server.took += begun.elapsed();
        (packets, bytes) = (packets + came.0, bytes + came.1);
        let begun = Clock::now();
        acks += sender_hears(now, &mut client, &mut back);
        client.took += begun.elapsed();
    }
    let each = |took: Duration| took.as_nanos() / packets.max(1) as u128;
    println!(
        "{packets} packets there, {acks} back; ns per packet: sender {}, receiver {}",
        each(client.took),
        each(server.took)
    );
    Ok(())
}
