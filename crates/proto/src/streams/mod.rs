//! [`Streams`]: the streams of one connection, their buffers, limits and receipts. Packets, their
//! order and their loss are the connection's; messages are a part of their own.
//!
//! Bytes are copied once at each end: from the program into chunks, from which packets are sealed,
//! and from chunks, into which packets are opened, to the program. A stream has a record from the
//! first thing that happens on it until both its directions are over and all receipts are in.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod chunk;
mod closing;
mod flow;
mod id;
mod incoming;
mod landing;
mod outgoing;
mod program;
mod queue;
mod ready;
mod receipts;
mod receive_buffer;
mod receiver;
mod record;
mod records;
mod run;
mod send_buffer;
mod sender;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rudp_wire::code::Code;
use rudp_wire::frame::Direction;
use rudp_wire::parameters::Parameters;

pub(crate) use chunk::Sizes;
pub(crate) use closing::Outcome;
#[cfg(test)]
use closing::{Certain, Closing};
pub(crate) use flow::Growth;
pub(crate) use id::Side;
pub(crate) use incoming::Admission;
pub(crate) use landing::Landed;
#[cfg(test)]
use program::Blocked;
pub(crate) use program::{Read, ReadError, WriteError};
#[cfg(test)]
use receipts::token as receipt_token;

use chunk::Pool;
use closing::Remains;
use flow::{Credit, Window};
use id::{End, Kind, Known};
use queue::Queue;
use ready::Ready;
use record::{Half, Record};
use records::Records;
pub(crate) use shelf::Shelf;

/// The memory for chunks that hold little is at most so many windows, each of which counts as so
/// many bytes at least.
const FLOOR_WINDOWS: usize = 8;
const LEAST_WINDOW: usize = 4 << 10;

/// What is decided before a connection begins. Limits are in bytes, if not said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The parameters that the peer is sent: its limits at first.
    pub(crate) local: Parameters,
    /// Up to where the connection's receive window may grow.
    pub(crate) max_window: u64,
    /// Up to where a stream's receive window may grow.
    pub(crate) max_stream_window: u64,
    /// Bytes that streams may hold for sending, together.
    pub(crate) send_buffer: u64,
    /// Bytes that one stream may hold for sending.
    pub(crate) stream_send_buffer: u64,
    /// Bytes that one stream may hold without having sent them: enough to be sent while the program
    /// wakes up, and few enough to be in the processor's cache when they are.
    pub(crate) unsent: u64,
    /// Chunks of send buffers.
    pub(crate) send_chunks: Sizes,
    /// Chunks of receive buffers. No packet with more data than the largest takes the fast path.
    pub(crate) receive_chunks: Sizes,
    /// Memory for receive buffers besides twice the connection's window, or eight times that window,
    /// and at least 32 KiB, if this is less. It pays for chunks that hold little, of many streams or
    /// out of order; the default suits 10,000 streams.
    pub(crate) receive_floor: usize,
    /// Where chunks come from and go to.
    pub(crate) shelf: Arc<Shelf>,
}

impl Config {
    /// Windows that grow from those of `local` to `max`.
    pub(crate) fn new(local: Parameters, max: u64) -> Self {
        Self {
            local,
            max_window: max.max(local.initial_max_data),
            max_stream_window: max.max(local.initial_max_stream_data),
            send_buffer: 16 << 20,
            stream_send_buffer: 4 << 20,
            unsent: 256 << 10,
            send_chunks: Sizes { least: 1 << 10, most: 256 << 10 },
            receive_chunks: Sizes { least: 1 << 10, most: 64 << 10 },
            receive_floor: 1 << 20,
            shelf: Arc::default(),
        }
    }
}

/// Something the program may want to know. At most one of each kind and stream is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// [`Streams::accept`] has something.
    Opened,
    /// The peer allows more streams of this direction.
    MayOpen(Direction),
    /// There are new data, the end or a reset to read.
    Readable(u64),
    /// There is room again, after a write that was blocked or cut short.
    Writable(u64),
    /// The end and all data were acknowledged by the peer's host.
    Finished(u64),
    /// The peer wants no more of this stream, and it was reset with this code.
    Stopped(u64, Code),
    /// [`Streams::receipt`] says something new.
    ReceiptChanged(u64),
}

/// Which frames may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing but receipts (docs/PROTOCOL.md, 9.2.2).
    Closing,
}

/// Things of the whole connection that are to be told to the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Due {
    max_data: bool,
    max_streams: [bool; 4],
    streams_blocked: [bool; 4],
    data_blocked: bool,
}

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Streams {
    side: Side,
    phase: Phase,
    config: Arc<Config>,
    records: Records,
    kinds: [Kind; 4],
    /// What a stream may send at first: `None` until the peer's parameters are known.
    peer_stream_limit: u64,
    credit: Credit,
    /// The limit at which the peer was told that we are blocked.
    blocked_at: Option<u64>,
    window: Window,
    /// The sum of all streams' highest offsets.
    received: u64,
    send_pool: Pool,
    receive_pool: Pool,
    /// Bytes that were written and not acknowledged, of all streams.
    buffered: u64,
    due: Due,
    /// Streams with lost data or an end to send, which need no credit of the connection.
    lost: Ready,
    /// Streams with new data within their own limit.
    ready: Ready,
    /// Streams with frames to send other than data.
    control: Queue,
    /// Streams with events.
    events: Queue,
    has_opened: bool,
    may_open: [bool; 4],
    /// Streams whose program waits for other streams' acknowledgements.
    starved: Vec<u64>,
    /// The stream of which the next packet probably holds more.
    prediction: Option<u64>,
    /// The program reads nothing any more.
    gave_up: bool,
    /// A close waits for no receipt of a stream below this one.
    awaited: u64,
    remains: Remains,
}

impl Streams {
    pub(crate) fn new(side: Side, config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let local = &config.local;
        let kinds = [0, 1, 2, 3].map(|number| {
            let most = match (side.opener(number), id::direction(number)) {
                (End::Local, _) => 0,
                (End::Remote, Direction::Bidirectional) => local.initial_max_streams_bidi,
                (End::Remote, Direction::Unidirectional) => local.initial_max_streams_uni,
            };
            Kind::new(number, most)
        });
        Self {
            side,
            phase: Phase::Open,
            records: Records::default(),
            kinds,
            peer_stream_limit: 0,
            credit: Credit::default(),
            blocked_at: None,
            window: Window::new(local.initial_max_data),
            received: 0,
            send_pool: Pool::new(config.send_chunks, Arc::clone(&config.shelf)),
            receive_pool: Pool::new(config.receive_chunks, Arc::clone(&config.shelf)),
            buffered: 0,
            due: Due::default(),
            lost: Ready::default(),
            ready: Ready::default(),
            control: Queue::default(),
            events: Queue::default(),
            has_opened: false,
            may_open: [false; 4],
            starved: Vec::new(),
            prediction: None,
            gave_up: false,
            awaited: 0,
            remains: Remains::default(),
            config,
        }
    }

    /// The session's window is another one at first than that of the settings.
    pub(crate) fn set_first_window(&mut self, size: u64) {
        self.window = Window::new(size);
    }

    /// The peer's parameters are known: what may be sent from now on.
    pub(crate) fn set_peer_limits(&mut self, peer: &Parameters) {
        self.credit.raise(peer.initial_max_data);
        self.peer_stream_limit = peer.initial_max_stream_data;
        for (direction, count) in [
            (Direction::Bidirectional, peer.initial_max_streams_bidi),
            (Direction::Unidirectional, peer.initial_max_streams_uni),
        ] {
            self.raise_count(direction, count);
        }
        for stream in self.records.streams() {
            if let Some(sender) = self.sender(stream) {
                sender.limit = sender.limit.max(peer.initial_max_stream_data);
            }
            self.schedule(stream);
        }
    }

    /// The peer allows `count` streams of ours.
    fn raise_count(&mut self, direction: Direction, count: u64) {
        let index = self.side.kind(End::Local, direction);
        if let Some(kind) = self.kinds.get_mut(index)
            && kind.raise(count)
            && let (Some(may_open), Some(blocked)) =
                (self.may_open.get_mut(index), self.due.streams_blocked.get_mut(index))
        {
            *may_open = true;
            *blocked = false;
        }
    }

    fn kind(&mut self, stream: u64) -> &mut Kind {
        let [a, b, c, d] = &mut self.kinds;
        match id::kind_of(stream) {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }

    /// The record of an open stream, made now if nothing has happened on it; `None` if it is over
    /// or was never opened.
    fn touch(&mut self, stream: u64) -> Option<&mut Record> {
        if !self.records.contains(stream) {
            let kind = self.kind(stream);
            if kind.known(stream) != Known::Fresh {
                return None;
            }
            kind.touch(stream);
            let half = |end| self.side.writes(end, stream);
            let record = Record::new(half(End::Local), half(End::Remote));
            self.records.insert(stream, record);
        }
        self.records.get_mut(stream)
    }

    /// Bytes that all receive chunks of this connection may take together, as they are counted: the
    /// window twice, and the floor, which is no more than the window is worth. A window never
    /// shrinks, so that neither does this.
    fn budget(&self) -> usize {
        let window = usize::try_from(self.window.size()).unwrap_or(usize::MAX);
        let floor = window.max(LEAST_WINDOW).saturating_mul(FLOOR_WINDOWS);
        let floor = floor.min(self.config.receive_floor);
        window.saturating_mul(2).saturating_add(floor)
    }

    /// Memory of receive chunks, as it is counted against the budget.
    #[cfg(test)]
    pub(crate) fn receive_memory(&self) -> usize {
        self.receive_pool.used()
    }

    /// Gives back memory that is kept for speed. The connection calls this when it has been idle
    /// for a while.
    pub(crate) fn release_memory(&mut self) {
        self.prediction = None;
        for record in self.records.iter_mut() {
            if let Half::Open(receiver) = &mut record.receive {
                receiver.buffer.release_memory(&mut self.receive_pool);
            }
            if let Half::Open(sender) = &mut record.send {
                sender.buffer.release_memory();
            }
        }
        self.kinds.iter_mut().for_each(Kind::release_memory);
        self.lost.release_memory();
        self.ready.release_memory();
        self.control.release_memory();
        self.events.release_memory();
        self.starved.shrink_to_fit();
    }

    /// What the program should hear of next.
    pub(crate) fn poll_event(&mut self) -> Option<StreamEvent> {
        if core::mem::take(&mut self.has_opened) {
            return Some(StreamEvent::Opened);
        }
        for direction in [Direction::Bidirectional, Direction::Unidirectional] {
            let index = self.side.kind(End::Local, direction);
            if self.may_open.get_mut(index).is_some_and(core::mem::take) {
                return Some(StreamEvent::MayOpen(direction));
            }
        }
        while let Some(stream) = self.events.front() {
            let event = self.records.get_mut(stream).and_then(|record| record.take_event(stream));
            if event.is_some() {
                return event;
            }
            self.events.pop_front();
            self.settle(stream);
        }
        None
    }

    /// Notes an event of a stream that has a record.
    fn announce(&mut self, stream: u64, event: u8) {
        if let Some(record) = self.records.get_mut(stream) {
            if record.events == 0 {
                self.events.push_back(stream);
            }
            record.events |= event | record::LISTED;
        }
    }

    /// Notes frames to send, other than data, of a stream that has a record.
    fn owe(&mut self, stream: u64, frames: u8) {
        if let Some(record) = self.records.get_mut(stream) {
            if record.owed == 0 {
                self.control.push_back(stream);
            }
            record.owed |= frames | record::LISTED;
        }
    }

    /// Puts a stream where it belongs among those that have data to send.
    fn schedule(&mut self, stream: u64) {
        let Some(Record { send: Half::Open(sender), .. }) = self.records.get_mut(stream) else {
            return;
        };
        if !sender.is_lost && sender.lost().is_some() {
            sender.is_lost = true;
            self.lost.push_back(stream, sender.priority);
        }
        if !sender.is_ready && sender.fresh().is_some() {
            sender.is_ready = true;
            self.ready.push_back(stream, sender.priority);
        }
        if sender.is_blocked() && sender.blocked_at != Some(sender.limit) {
            sender.blocked_at = Some(sender.limit);
            self.owe(stream, record::BLOCKED);
        }
    }

    /// Looks what of a stream is over, and forgets what nobody needs any more.
    fn settle(&mut self, stream: u64) {
        let Some(record) = self.records.get_mut(stream) else { return };
        let is_ended = record.is_over();
        let ends_now = is_ended && !core::mem::replace(&mut record.is_ended, is_ended);
        if record.events == 0 {
            if let Half::Open(sender) = &record.send
                && sender.is_over()
                && !sender.is_awaited()
                && !sender.is_stop_untold()
            {
                self.remains.keep(stream, sender);
                record.send = Half::Over;
            }
            if let Half::Open(receiver) = &mut record.receive
                && receiver.is_over()
                && receiver.is_settled()
            {
                receiver.buffer.clear(&mut self.receive_pool);
                record.receive = Half::Over;
            }
        }
        let is_gone = record.is_forgettable();
        if is_gone {
            self.records.remove(stream);
        }
        if !ends_now && !is_gone {
            return;
        }
        let kind = self.kind(stream);
        if ends_now {
            kind.end(stream);
        }
        if is_gone {
            kind.forget(stream);
        }
        if self.side.opener(stream) == End::Remote
            && self.kind(stream).is_count_due()
            && let Some(due) = self.due.max_streams.get_mut(id::kind_of(stream))
        {
            *due = true;
        }
    }
}
