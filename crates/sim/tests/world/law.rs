//! Machines that break their law, one clause each, and what the world says to it.

#[cfg(debug_assertions)]
use std::collections::BTreeSet;

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_sim::{Runner, World};

use crate::machines::{address, ignore, millis};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crime {
    LongTransmit,
    Unwritten,
    NoStride,
    WideStride,
    LateEvent,
    MovedTimeout,
    Spin,
    SecondThoughts,
    EndlessTransmits,
    EndlessEvents,
}

struct Outlaw {
    crime: Crime,
    done: bool,
}

impl Machine for Outlaw {
    type Event = ();

    fn handle(&mut self, _: Instant, _: Datagrams<'_>) {}

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self, _: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.crime == Crime::SecondThoughts && self.done {
            return Some(Transmit::single(address(1), 0));
        }
        let endless = self.crime == Crime::EndlessTransmits;
        if self.done && !endless {
            return None;
        }
        self.done = true;
        let single = Transmit::single(address(1), 100);
        match self.crime {
            Crime::LongTransmit => Some(Transmit::single(address(1), buffer.len() + 1)),
            Crime::Unwritten => Some(single),
            Crime::NoStride => Some(Transmit { stride: 0, ..single }),
            Crime::WideStride => Some(Transmit { stride: 101, ..single }),
            Crime::EndlessTransmits => Some(Transmit::single(address(9), 0)),
            _ => None,
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        match self.crime {
            Crime::Spin => Some(millis(3)),
            Crime::MovedTimeout if self.done => Some(millis(3)),
            _ => None,
        }
    }

    fn poll_event(&mut self) -> Option<()> {
        let late = self.crime == Crime::LateEvent && self.done;
        (late || self.crime == Crime::EndlessEvents).then_some(())
    }
}

fn run(crime: Crime) {
    let mut world = World::new(1);
    world.add(address(1), Outlaw { crime, done: false }, ignore);
    world.run_until(millis(10));
}

#[test]
#[cfg(debug_assertions)]
fn a_transmit_that_was_not_written_changes_the_digest_of_the_next_world() {
    let digest = |()| {
        let mut world = World::new(1);
        world.add(address(1), Outlaw { crime: Crime::Unwritten, done: false }, ignore);
        world.run_until(millis(10));
        world.digest()
    };
    // Tests at the same time take turns of their own, so two may be equal.
    assert!(BTreeSet::from([(); 4].map(digest)).len() > 1);
}

#[test]
#[should_panic(expected = "Outlaw: a transmit of 65536 bytes in a buffer of 65535")]
fn a_transmit_longer_than_the_buffer() {
    run(Crime::LongTransmit);
}

#[test]
#[should_panic(expected = "Outlaw: a transmit of 100 bytes with a stride of 0")]
fn a_transmit_without_stride() {
    run(Crime::NoStride);
}

#[test]
#[should_panic(expected = "Outlaw: a transmit of 100 bytes with a stride of 101")]
fn a_stride_longer_than_the_transmit() {
    run(Crime::WideStride);
}

#[test]
#[should_panic(expected = "Outlaw: poll_transmit returned None and queued an event, at 0.000000")]
fn an_event_after_the_last_transmit() {
    run(Crime::LateEvent);
}

#[test]
#[should_panic(expected = "Outlaw: poll_transmit returned None and moved the timeout from None")]
fn a_timeout_moved_after_the_last_transmit() {
    run(Crime::MovedTimeout);
}

#[test]
#[should_panic(expected = "Outlaw: poll_timeout is Some(0.003000000s) after handle_timeout at")]
fn a_timeout_that_does_not_move() {
    run(Crime::Spin);
}

#[test]
#[should_panic(expected = "Outlaw: poll_transmit returned None and then Some(Transmit {")]
fn a_transmit_after_none() {
    // A rough runner asks again at every second time; each new machine is asked once.
    for seed in 0..64 {
        let mut world = World::new(seed);
        world.set_runner(Runner::Rough);
        world.add(address(1), Outlaw { crime: Crime::SecondThoughts, done: false }, ignore);
        world.run_until(millis(10));
    }
}

#[test]
#[should_panic(expected = "Outlaw: 1000001 transmits in one drain")]
fn transmits_without_end() {
    run(Crime::EndlessTransmits);
}

#[test]
#[should_panic(expected = "Outlaw: 1000001 events in one drain")]
fn events_without_end() {
    run(Crime::EndlessEvents);
}
