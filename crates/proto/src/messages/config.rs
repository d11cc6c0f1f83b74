//! [`Config`]: how much of messages an end takes and holds. Profiles that choose values are
//! elsewhere.

/// The largest message of all (docs/PROTOCOL.md, 5.4.2, parameter 8).
const MAX_MESSAGE_SIZE: u32 = 1 << 24;

/// Bounds for messages. All are in bytes if they do not say otherwise; in those for memory each
/// message counts as 32 bytes more than its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// How much the peer may send before the program reads. It is at least one message's cost.
    pub(crate) window: u64,
    /// The largest message that is taken; 0: none, and no datagrams. At most 16 MiB.
    pub(crate) max_message_size: u32,
    /// How much is held of reliable messages and those with a deadline until acknowledged; beyond
    /// it sending is blocked.
    pub(crate) send_buffer: u64,
    /// How much is held of datagrams until sent; beyond it sending is blocked.
    pub(crate) send_datagrams: usize,
    /// How much is held of datagrams that came, until read; beyond it the oldest are discarded.
    pub(crate) receive_datagrams: usize,
    /// Of how many messages the fate is kept.
    pub(crate) max_tracked: usize,
}

impl Config {
    /// The same with values in their ranges.
    pub(super) fn checked(self) -> Self {
        let max_message_size = self.max_message_size.min(MAX_MESSAGE_SIZE);
        // Who takes no messages grants nothing for them.
        let window = if max_message_size == 0 { 0 } else { self.window };
        let (send_buffer, send_datagrams) = (self.send_buffer.max(1), self.send_datagrams.max(1));
        Self { window, max_message_size, send_buffer, send_datagrams, ..self }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: 256 << 10,
            max_message_size: 64 << 10,
            send_buffer: 4 << 20,
            send_datagrams: 256 << 10,
            receive_datagrams: 256 << 10,
            max_tracked: 1_024,
        }
    }
}
