//! How many packets a second of real time go through a world with two machines that answer each
//! packet with a packet, and how many small worlds a second can be made. Run it with `cargo run --release -p rudp-sim --example throughput`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it measures real time, and is no part of a simulation"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant as RealInstant};

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_sim::{Action, Fault, LinkConfig, World};

const PACKETS: u64 = 4_000_000;
const IN_FLIGHT: usize = 64;
const WORLDS: u64 = 100_000;
const PACKETS_IN_SMALL_WORLD: u64 = 20;

/// Owes a packet for each packet it got.
struct Echo {
    remote: SocketAddr,
    owed: usize,
    size: usize,
}

impl Machine for Echo {
    type Event = ();

    fn handle(&mut self, _: Instant, datagrams: Datagrams<'_>) {
        self.owed += datagrams.iter().count();
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.owed = self.owed.checked_sub(1)?;
        buffer[..self.size].fill(7);
        Some(Transmit::single(self.remote, self.size))
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }
}

/// Two machines with `in_flight` packets between them.
fn world(seed: u64, in_flight: usize, size: usize, config: &LinkConfig) -> World {
    let ignore = |_: Instant, _: &mut Echo, ()| {};
    let a: SocketAddr = ([10, 0, 0, 1], 1).into();
    let b: SocketAddr = ([10, 0, 0, 2], 1).into();
    let mut world = World::new(seed);
    let alice = world.add(a, Echo { remote: b, owed: in_flight, size }, ignore);
    let bob = world.add(b, Echo { remote: a, owed: 0, size }, ignore);
    world.connect(alice, bob, config.clone());
    world
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn measure(name: &str, size: usize, config: &LinkConfig) {
    let mut world = world(1, IN_FLIGHT, size, config);
    let start = RealInstant::now();
    world.run_while(Instant::MAX, |world| world.packets_sent() < PACKETS);
    let took = start.elapsed().as_secs_f64();
    let millions = world.packets_sent() as f64 / took / 1e6;
    println!("{name:<32} {size:>5} bytes: {millions:6.2} million packets/s");
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn measure_small_worlds(config: &LinkConfig) {
    let start = RealInstant::now();
    for nth in 0..WORLDS {
        let mut world = world(nth, 1, 100, config);
        world.set_script(vec![Fault::new(1 + nth % PACKETS_IN_SMALL_WORLD, Action::Duplicate)]);
        world.run_while(Instant::MAX, |world| world.packets_sent() < PACKETS_IN_SMALL_WORLD);
    }
    let took = start.elapsed().as_secs_f64();
    println!("scripted worlds of {PACKETS_IN_SMALL_WORLD} packets: {:.0}/s", WORLDS as f64 / took);
}

fn main() {
    let plain = LinkConfig::delay(Duration::from_millis(5));
    let busy = LinkConfig {
        jitter: Duration::from_millis(1),
        corrupt: 0.01,
        reorder: 0.01,
        reorder_by: Duration::from_millis(2),
        queue_packets: Some(1_000),
        ..plain.clone()
    }
    .rate(1_000_000_000);
    for size in [32, 1_200] {
        measure("delay only", size, &plain);
        measure("rate, jitter, damage, reorder", size, &busy);
    }
    measure_small_worlds(&plain);
}
