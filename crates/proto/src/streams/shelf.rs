//! [`Shelf`]: memory that was used and will be again, of all sessions of an endpoint. What it is
//! used for is said in `chunk`.

use std::sync::{Mutex, PoisonError};

/// How much memory is kept, in bytes: as much as a fast transfer uses by turns.
const MAX_KEPT: usize = 2 << 20;
/// How many allocations are.
const MOST: usize = 128;

/// Allocations that nobody uses.
///
/// Sessions take turns, and what the last one has just put down is in the processor's cache: what each
/// would keep for itself is not, when its turn comes.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The one that was put here last comes last.
    allocations: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Shelf {
    /// An allocation of exactly this length, the one that was put here last.
    pub(super) fn take(&self, len: usize) -> Option<Box<[u8]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.allocations.iter().rposition(|bytes| bytes.len() == len)?;
        kept.bytes -= len;
        Some(kept.allocations.remove(index))
    }

    /// Keeps an allocation, in the place of older ones if there are many.
    pub(super) fn put(&self, bytes: Box<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes.len();
        kept.allocations.push(bytes);
        while kept.bytes > MAX_KEPT || kept.allocations.len() > MOST {
            let oldest = kept.allocations.remove(0);
            kept.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_down_last_is_taken_first() {
        let shelf = Shelf::default();
        for (n, len) in [16, 32, 16].into_iter().enumerate() {
            shelf.put(vec![u8::try_from(n).unwrap(); len].into());
        }
        assert!(shelf.take(8).is_none());
        assert_eq!(shelf.take(16).as_deref(), Some(&[2; 16][..]));
        assert_eq!(shelf.take(16).as_deref(), Some(&[0; 16][..]));
        assert!(shelf.take(16).is_none());
        assert_eq!(shelf.take(32).as_deref(), Some(&[1; 32][..]));
    }

    #[test]
    fn the_oldest_make_room() {
        let shelf = Shelf::default();
        for n in 0..5 {
            shelf.put(vec![n; MAX_KEPT / 4].into());
        }
        let kept: Vec<u8> = core::iter::from_fn(|| Some(shelf.take(MAX_KEPT / 4)?[0])).collect();
        assert_eq!(kept, [4, 3, 2, 1]);
        for _ in 0..=MOST {
            shelf.put(vec![0; 1].into());
        }
        assert_eq!(core::iter::from_fn(|| shelf.take(1)).count(), MOST);
        // More than everything is not kept at all.
        shelf.put(vec![0; MAX_KEPT + 1].into());
        assert!(shelf.take(MAX_KEPT + 1).is_none());
    }
}
