//! Scripted faults: what happens to the n-th packet, exactly and without dice.
//! Where packets are counted (on a link or in a whole world) is for the owner of a [`Script`].

use core::time::Duration;

/// A fault that hits one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which packet, counted from 1 in order of sending; never 0.
    pub nth: u64,
    /// What happens to it.
    pub action: Action,
}

impl Fault {
    /// The fault that does `action` to packet number `nth`, counted from 1.
    pub fn new(nth: u64, action: Action) -> Self {
        Self { nth, action }
    }

    /// The loss of packet number `nth`, counted from 1.
    pub fn drop(nth: u64) -> Self {
        Self::new(nth, Action::Drop)
    }
}

/// What a scripted fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The packet is lost before it uses the link.
    Drop,
    /// The packet arrives once more.
    Duplicate,
    /// Bit `n` of the payload is flipped: bit `n % 8`, counted from the lowest, of byte `n / 8`.
    /// Past the end: no effect.
    FlipBit(usize),
    /// The packet arrives so much later; packets behind it do not wait.
    Delay(Duration),
    /// Each byte at an offset is replaced. Past the end: no effect.
    Mangle(Vec<(usize, u8)>),
}

/// Faults in order of the packets they hit, and how far they have come.
///
/// Making one costs the vector it is made of and no more.
#[derive(Clone, Debug, Default)]
pub struct Script {
    faults: Vec<Fault>,
    next: usize,
    hits: usize,
    packets: u64,
}

impl Script {
    /// A script of `faults` in any order; several may hit the same packet, in the order given.
    ///
    /// # Panics
    ///
    /// Where a fault is for packet number 0: there is none.
    pub fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.nth);
        let first = faults.first();
        assert!(first.is_none_or(|fault| fault.nth > 0), "packets are counted from 1: {first:?}");
        Self { faults, next: 0, hits: 0, packets: 0 }
    }

    /// How many faults have had no effect, because their packet has not been sent yet, or was too
    /// short, or already had the bytes it was to get: not 0 at the end means that a test did not
    /// test what it meant to.
    pub fn remaining(&self) -> usize {
        self.faults.len() - self.hits
    }

    /// Counts a packet and does to it what the script says.
    pub(crate) fn apply(&mut self, packet: &mut [u8]) -> Scripted {
        self.packets += 1;
        let mut scripted = Scripted::default();
        while let Some(fault) = self.faults.get(self.next).filter(|f| f.nth == self.packets) {
            self.hits += usize::from(scripted.add(&fault.action, packet));
            self.next += 1;
        }
        scripted
    }
}

impl From<Vec<Fault>> for Script {
    fn from(faults: Vec<Fault>) -> Self {
        Self::new(faults)
    }
}

/// What a script did to a packet, and has yet to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) dropped: bool,
    pub(crate) damaged: bool,
    pub(crate) copies: u32,
    pub(crate) delay: Duration,
}

impl Scripted {
    /// Both, where two scripts see the same packet.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            dropped: self.dropped || other.dropped,
            damaged: self.damaged || other.damaged,
            copies: self.copies + other.copies,
            delay: self.delay + other.delay,
        }
    }

    /// Does what `action` says, and tells whether that had an effect.
    fn add(&mut self, action: &Action, packet: &mut [u8]) -> bool {
        match action {
            Action::Drop => self.dropped = true,
            Action::Duplicate => self.copies += 1,
            Action::Delay(delay) => {
                self.delay += *delay;
                return !delay.is_zero();
            }
            Action::FlipBit(bit) => {
                let Some(byte) = packet.get_mut(bit / 8) else { return false };
                *byte ^= 1 << (bit % 8);
                self.damaged = true;
            }
            Action::Mangle(bytes) => {
                let mut changed = false;
                for (offset, new) in bytes {
                    if let Some(byte) = packet.get_mut(*offset) {
                        changed |= *byte != *new;
                        *byte = *new;
                    }
                }
                self.damaged |= changed;
                return changed;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_hits_its_packet() {
        let ms = Duration::from_millis(1);
        let mut script = Script::new(vec![
            Fault::new(4, Action::Delay(ms)),
            Fault::drop(2),
            Fault::new(4, Action::Duplicate),
            Fault::new(3, Action::FlipBit(9)),
            Fault::new(5, Action::Mangle(vec![(0, 7), (9, 9)])),
            Fault::drop(100),
        ]);
        let mut packets = [[0_u8; 2]; 5];
        let scripted: Vec<Scripted> =
            packets.iter_mut().map(|packet| script.apply(packet)).collect();
        assert_eq!(packets, [[0, 0], [0, 0], [0, 2], [0, 0], [7, 0]]);
        let dropped: Vec<bool> = scripted.iter().map(|scripted| scripted.dropped).collect();
        assert_eq!(dropped, [false, true, false, false, false]);
        let damaged: Vec<bool> = scripted.iter().map(|scripted| scripted.damaged).collect();
        assert_eq!(damaged, [false, false, true, false, true]);
        assert_eq!((scripted[3].copies, scripted[3].delay), (1, ms));
        assert_eq!(script.remaining(), 1);
    }

    #[test]
    fn what_has_no_effect_remains() {
        let mut script = Script::new(vec![
            Fault::new(1, Action::FlipBit(16)),
            Fault::new(1, Action::FlipBit(15)),
            Fault::new(2, Action::Mangle(vec![(0, 0), (2, 7)])),
            Fault::new(2, Action::Mangle(vec![])),
            Fault::new(2, Action::Delay(Duration::ZERO)),
            Fault::new(3, Action::Mangle(vec![(0, 0), (1, 7)])),
        ]);
        assert_eq!(script.remaining(), 6);
        let damaged = [(); 3].map(|()| script.apply(&mut [0; 2]).damaged);
        assert_eq!(damaged, [true, false, true]);
        assert_eq!(script.remaining(), 4);
    }

    #[test]
    #[should_panic(expected = "packets are counted from 1: Some(Fault { nth: 0, action: Drop })")]
    fn there_is_no_packet_0() {
        Script::new(vec![Fault::drop(2), Fault::drop(0)]);
    }
}
