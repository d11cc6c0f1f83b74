//! Machines that break their law, one clause each, and what the world says to it.

use rudp_base::{Datagrams, Instant, Machine, Transmit};
use rudp_sim::World;

use crate::machines::{address, ignore, millis};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crime {
    LongTransmit,
    NoStride,
    WideStride,
    LateEvent,
    MovedTimeout,
    Spin,
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
        let endless = self.crime == Crime::EndlessTransmits;
        if self.done && !endless {
            return None;
        }
        self.done = true;
        let single = Transmit::single(address(1), 100);
        match self.crime {
            Crime::LongTransmit => Some(Transmit::single(address(1), buffer.len() + 1)),
            Crime::NoStride => Some(Transmit { stride: 0, ..single }),
            Crime::WideStride => Some(Transmit { stride: 101, ..single }),
            Crime::EndlessTransmits => Some(Transmit::single(address(9), 0)),
            _ => None,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
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
#[should_panic(expected = "Outlaw: 1000001 transmits in one drain")]
fn transmits_without_end() {
    run(Crime::EndlessTransmits);
}

#[test]
#[should_panic(expected = "Outlaw: 1000001 events in one drain")]
fn events_without_end() {
    run(Crime::EndlessEvents);
}
