//! An allocator that counts what is allocated. What it is counted for is the tests' business.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

/// What allocators keep in front of each allocation, and what they round it to, in bytes.
const HEADER: usize = 8;
const GRAIN: usize = 16;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

/// The bytes that all allocations take by now.
pub(crate) fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

fn cost(layout: Layout) -> usize {
    (layout.size() + HEADER).next_multiple_of(GRAIN)
}

#[expect(unsafe_code, reason = "allocators are unsafe by their trait")]
// SAFETY: the system's allocator does what is asked for, and counting changes nothing of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(cost(layout), Ordering::Relaxed);
        // SAFETY: as the caller of this function promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(cost(layout), Ordering::Relaxed);
        // SAFETY: as the caller of this function promises.
        unsafe { System.dealloc(memory, layout) }
    }
}
