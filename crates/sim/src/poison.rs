//! [`Poison`]: what is in the transmit buffer before a machine writes to it, in debug builds.
//! A machine that claims to have written more than it has would else send harmless zeros.

use core::sync::atomic::{AtomicU8, Ordering};

/// The byte of the next world.
static NEXT: AtomicU8 = AtomicU8::new(0xa5);

/// A byte that is another one in the next world of the process: so that two runs with one seed,
/// which a test of determinism compares, differ if a machine sends what it has not written. What a
/// lawful machine does depends on it in no way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poison(u8);

impl Poison {
    pub(crate) fn new() -> Self {
        Self(if cfg!(debug_assertions) { NEXT.fetch_add(1, Ordering::Relaxed) } else { 0 })
    }

    /// A poisoned buffer.
    pub(crate) fn buffer(self, length: usize) -> Vec<u8> {
        vec![self.0; length]
    }

    /// Poisons again what a machine has written to.
    pub(crate) fn fill(self, written: &mut [u8]) {
        if cfg!(debug_assertions) {
            written.fill(self.0);
        }
    }
}
