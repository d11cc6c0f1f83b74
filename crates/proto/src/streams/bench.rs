//! [`Assembler`]: a stream's receive buffer for benchmarks, with the pool that its chunks are from.
//! See `crate::bench`.

use super::chunk::{Pool, Sizes};
use super::receive_buffer::ReceiveBuffer;

/// More than any benchmark fills.
const BUDGET: usize = 1 << 30;

/// Puts a stream's data in order.
#[derive(Debug)]
pub struct Assembler {
    buffer: ReceiveBuffer,
    pool: Pool,
}

impl Default for Assembler {
    fn default() -> Self {
        let pool = Pool::new(Sizes { least: 1 << 10, most: 256 << 10 }, std::sync::Arc::default());
        Self { buffer: ReceiveBuffer::default(), pool }
    }
}

impl Assembler {
    /// Takes data that came.
    pub fn insert(&mut self, offset: u64, data: &[u8]) {
        self.buffer.insert(offset, data, &mut self.pool, BUDGET);
    }

    /// Reads what is in order, as much as fits, and says how much.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        self.buffer.copy_to(out, &mut self.pool)
    }

    /// Up to where nothing is missing.
    pub fn contiguous(&self) -> u64 {
        self.buffer.contiguous()
    }
}
