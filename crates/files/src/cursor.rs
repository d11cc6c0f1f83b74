//! Reading fixed fields and texts from bytes that anybody can have sent.
//! What the fields mean is their modules' business.

/// Bytes that are read from the front.
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `len` bytes, if there are so many.
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A text behind its length, a `u16`, of at most `max` bytes.
    pub(crate) fn text(&mut self, max: usize) -> Option<&'a str> {
        let len = usize::from(self.u16()?);
        let bytes = self.take(len).filter(|_| len <= max)?;
        std::str::from_utf8(bytes).ok()
    }
}

/// Writes a text behind its length. What is longer than a `u16` can say is cut, at a character.
pub(crate) fn put_text(to: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    to.extend(len.to_be_bytes());
    to.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_read() {
        let mut cursor = Cursor::new(&[1, 0, 2, 9]);
        assert_eq!((cursor.u8(), cursor.u16(), cursor.u16()), (Some(1), Some(2), None));
        assert_eq!(cursor.u8(), Some(9));
        assert!(cursor.is_empty());
        assert_eq!((cursor.u64(), cursor.i64(), cursor.u32()), (None, None, None));
    }

    #[test]
    fn texts_are_bounded_and_utf8() {
        let mut bytes = Vec::new();
        put_text(&mut bytes, "grüße");
        assert_eq!(Cursor::new(&bytes).text(7), Some("grüße"));
        assert_eq!(Cursor::new(&bytes).text(6), None);
        assert_eq!(Cursor::new(&bytes[..8]).text(7), None);
        assert_eq!(Cursor::new(&[0, 1, 0xff]).text(7), None);
        let long = "ü".repeat(40_000);
        let mut bytes = Vec::new();
        put_text(&mut bytes, &long);
        assert_eq!(Cursor::new(&bytes).text(usize::MAX).map(str::len), Some(65_534));
    }
}
