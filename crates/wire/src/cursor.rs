//! Reading and writing of numbers and bytes at a position in a slice, with bounds in one place.
//! What the numbers mean is not known here.

use crate::varint;

/// The bytes end before what they should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes end too early")]
pub struct Truncated;

/// Why something could not be written. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The buffer has no room for it.
    #[error("the buffer is full")]
    Full,
    /// A value that its field cannot hold.
    #[error("a value is out of the range of its field")]
    Value,
}

/// Bytes that are read from the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Truncated> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Truncated> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// All bytes that are left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// A `u8`.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array().map(|[byte]| *byte)
    }

    /// A `u16` (docs/PROTOCOL.md, 1.1).
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// A `u32` (docs/PROTOCOL.md, 1.1).
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// A `varint` of any form (docs/PROTOCOL.md, 1.2).
    pub fn varint(&mut self) -> Result<u64, Truncated> {
        let (value, rest) = varint::decode(self.rest).ok_or(Truncated)?;
        self.rest = rest;
        Ok(value)
    }

    /// A `varint` and as many bytes behind it.
    pub fn counted(&mut self) -> Result<&'a [u8], Truncated> {
        let len = self.varint()?;
        self.bytes(usize::try_from(len).map_err(|_| Truncated)?)
    }
}

/// A buffer that is written from the front. What does not fit is not written at all.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    /// Always at most the buffer's length.
    len: usize,
}

impl<'b> Writer<'b> {
    /// Writes into `buffer`.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// How many bytes were written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes still fit.
    pub const fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// What was written.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }

    /// The next `len` bytes, counted as written, for the caller to fill.
    pub fn slot(&mut self, len: usize) -> Result<&mut [u8], WriteError> {
        let end = self.len.checked_add(len).ok_or(WriteError::Full)?;
        let slot = self.buffer.get_mut(self.len..end).ok_or(WriteError::Full)?;
        self.len = end;
        Ok(slot)
    }

    /// Copies `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.slot(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// `len` zero bytes.
    pub fn zeros(&mut self, len: usize) -> Result<(), WriteError> {
        self.slot(len)?.fill(0);
        Ok(())
    }

    /// `len` zero bytes in front of what was written, which moves.
    pub fn zeros_in_front(&mut self, len: usize) -> Result<(), WriteError> {
        let before = self.len;
        self.slot(len)?;
        self.buffer.copy_within(..before, len);
        self.buffer.get_mut(..len).into_iter().for_each(|front| front.fill(0));
        Ok(())
    }

    /// A `u8`.
    pub fn u8(&mut self, value: u8) -> Result<(), WriteError> {
        self.bytes(&[value])
    }

    /// A `u16` (docs/PROTOCOL.md, 1.1).
    pub fn u16(&mut self, value: u16) -> Result<(), WriteError> {
        self.bytes(&value.to_be_bytes())
    }

    /// A `u32` (docs/PROTOCOL.md, 1.1).
    pub fn u32(&mut self, value: u32) -> Result<(), WriteError> {
        self.bytes(&value.to_be_bytes())
    }

    /// A `varint` in its shortest form (docs/PROTOCOL.md, 1.2).
    #[expect(clippy::cast_possible_truncation, reason = "each arm's values fit its type")]
    pub fn varint(&mut self, value: u64) -> Result<(), WriteError> {
        match value {
            0..0x40 => self.u8(value as u8),
            0x40..0x4000 => self.u16(value as u16 | 0x4000),
            0x4000..0x4000_0000 => self.u32(value as u32 | 0x8000_0000),
            0x4000_0000..=varint::MAX => self.bytes(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
            _ => Err(WriteError::Value),
        }
    }

    /// A `varint` for the length of `bytes`, and them.
    pub fn counted(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.whole(|writer| {
            writer.varint(bytes.len() as u64)?;
            writer.bytes(bytes)
        })
    }

    /// All that `write` writes, or, if it fails, nothing.
    pub fn whole<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, WriteError>,
    ) -> Result<T, WriteError> {
        let before = self.len;
        let result = write(self);
        if result.is_err() {
            self.len = before;
        }
        result
    }
}
