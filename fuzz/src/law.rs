//! Runs a machine by its law, and checks the machine's half of it.
//! Any machine will do; what its packets mean is not looked at.

use rudp_base::{Instant, Machine, TRANSMIT_BUFFER, Transmit};

/// More packets or events in one turn than any input can be the reason for.
const TOO_MANY: usize = 100_000;

/// Takes all events and packets of `machine`, giving them to `on_event` and `on_packet`.
pub fn drain<M: Machine>(
    now: Instant,
    machine: &mut M,
    mut on_event: impl FnMut(&mut M, M::Event),
    mut on_packet: impl FnMut(&Transmit, &[u8]),
) {
    let mut buffer = vec![0; TRANSMIT_BUFFER];
    for _ in 0..TOO_MANY {
        if let Some(event) = machine.poll_event() {
            on_event(machine, event);
        } else if let Some(transmit) = machine.poll_transmit(now, &mut buffer) {
            assert!(transmit.len <= buffer.len(), "a packet beyond the buffer");
            on_packet(&transmit, &buffer[..transmit.len]);
        } else {
            assert!(machine.poll_event().is_none(), "an event out of nothing");
            return;
        }
    }
    panic!("the machine does not stop");
}

/// The next timeout before `end`, which must be later than `now`.
pub fn next_timeout<M: Machine>(now: Instant, end: Instant, machine: &mut M) -> Option<Instant> {
    let at = machine.poll_timeout().filter(|at| *at <= end)?;
    assert!(at > now, "a timeout that has just been handled");
    Some(at)
}
