//! [`Keys`]: the packet keys of one session and their phases (docs/PROTOCOL.md, 6.5 to 6.8, 6.10).
//! Ciphers are behind [`Crypto`]; numbers and which of them have come are kept elsewhere.

#[cfg(test)]
mod tests;

use core::mem;
use std::sync::Arc;

use rudp_base::Instant;
use rudp_wire::packet::{DataHeader, DataPacket, Profile, Suite};

use crate::crypto::{Crypto, PacketKey, Rejected, Secret, Secrets};

/// Bytes per unit (docs/PROTOCOL.md, 6.5).
const UNIT: usize = 1_500;
/// Units after which sending goes on to the next phase (6.5).
const UPDATE_AT: u64 = 1 << 22;
/// Units after which only what ends the session is sealed (6.5).
const ESSENTIAL_AT: u64 = 1 << 23;
/// Units after which nothing is (6.5).
const EXHAUSTED_AT: u64 = ESSENTIAL_AT + (1 << 16);
/// Packets that may fail to open (6.8).
const MOST_REJECTED: u64 = 1 << 36;

/// What may be sealed (docs/PROTOCOL.md, 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// Everything.
    All,
    /// ACK, PING, CLOSE and `CLOSE_ACK` only.
    Essential,
    /// Nothing: the session is forgotten with `KEYS_EXHAUSTED`.
    Nothing,
}

/// A packet opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Whether receiving has gone to the next phase with it.
    pub(crate) phase_changed: bool,
}

/// A secret and the cipher that is made of it when it is needed.
#[derive(Debug)]
struct Slot {
    secret: Secret,
    key: Option<Box<dyn PacketKey>>,
}

impl Slot {
    fn new(secret: Secret) -> Self {
        Self { secret, key: None }
    }

    fn key(&mut self, source: &Source) -> &dyn PacketKey {
        let Self { secret, key } = self;
        &**key.get_or_insert_with(|| source.crypto.packet_key(source.suite, secret))
    }

    /// The next phase's.
    fn next(&self, source: &Source) -> Self {
        Self::new(source.crypto.next_secret(&self.secret))
    }
}

/// Where keys come from.
#[derive(Debug)]
struct Source {
    crypto: Arc<dyn Crypto>,
    suite: Option<Suite>,
}

#[derive(Debug)]
struct Sending {
    current: Slot,
    phase: u64,
    /// Sealed in this phase.
    units: u64,
    /// The first number of this phase.
    first: Option<u64>,
    /// Whether a packet of this phase was acknowledged.
    is_confirmed: bool,
}

#[derive(Debug)]
struct Receiving {
    current: Slot,
    phase: u64,
    /// The lowest number that opened in this phase.
    lowest: Option<u64>,
    /// Made when the first packet seems to need it, and kept, so that forged packets cost no
    /// derivation each (docs/PROTOCOL.md, 6.6).
    next: Option<Box<Slot>>,
    /// The cipher alone: its secret would give all later ones (6.7). Erased at the instant.
    previous: Option<(Box<dyn PacketKey>, Instant)>,
}

/// The keys of one session.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Source,
    sending: Sending,
    receiving: Receiving,
    rejected: u64,
}

impl Keys {
    /// A client's keys.
    pub(crate) fn client(crypto: Arc<dyn Crypto>, suite: Option<Suite>, secrets: Secrets) -> Self {
        Self::new(Source { crypto, suite }, secrets.client, secrets.server)
    }

    /// A server's keys.
    pub(crate) fn server(crypto: Arc<dyn Crypto>, suite: Option<Suite>, secrets: Secrets) -> Self {
        Self::new(Source { crypto, suite }, secrets.server, secrets.client)
    }

    fn new(source: Source, sending: Secret, receiving: Secret) -> Self {
        let sending = Sending {
            current: Slot::new(sending),
            phase: 0,
            units: 0,
            first: None,
            is_confirmed: false,
        };
        let receiving = Receiving {
            current: Slot::new(receiving),
            phase: 0,
            lowest: None,
            next: None,
            previous: None,
        };
        Self { source, sending, receiving, rejected: 0 }
    }

    fn profile(&self) -> Profile {
        self.source.crypto.profile()
    }

    /// The phase bit for the next packet's header, after sending has gone to the next phase where
    /// it must, or should. To be asked anew for each packet.
    pub(crate) fn next_phase_bit(&mut self) -> bool {
        // 6.6: where receiving went, sending follows, acknowledged or not: the peer has proved that
        // it is ready. 6.5: of its own accord it waits for both.
        let (sending, receiving) = (&self.sending, &self.receiving);
        let must = sending.phase < receiving.phase;
        let should = sending.units >= UPDATE_AT
            && sending.is_confirmed
            && sending.phase == receiving.phase
            && self.profile() == Profile::Sealed;
        if must || should {
            let current = self.sending.current.next(&self.source);
            let phase = self.sending.phase + 1;
            self.sending = Sending { current, phase, units: 0, first: None, is_confirmed: false };
        }
        self.sending.phase & 1 == 1
    }

    /// What may be sealed now.
    pub(crate) fn allowance(&self) -> Allowance {
        match self.sending.units {
            EXHAUSTED_AT.. => Allowance::Nothing,
            ESSENTIAL_AT.. => Allowance::Essential,
            _ => Allowance::All,
        }
    }

    /// Seals `frames` of packet `number` into `sealed`, which is longer by the profile's trailer.
    /// `header` has the bit of [`next_phase_bit`](Self::next_phase_bit).
    pub(crate) fn seal(
        &mut self,
        number: u64,
        header: &[u8; DataHeader::LEN],
        frames: &[u8],
        sealed: &mut [u8],
    ) {
        if self.profile() == Profile::Sealed {
            let units = (DataHeader::LEN + sealed.len()).div_ceil(UNIT);
            self.sending.units = self.sending.units.saturating_add(units as u64);
        }
        self.sending.first.get_or_insert(number);
        self.sending.current.key(&self.source).seal(number, header, frames, sealed);
    }

    /// The peer has packet `number`. The highest of an acknowledgement is enough.
    pub(crate) fn on_acked(&mut self, number: u64) {
        self.sending.is_confirmed |= self.sending.first.is_some_and(|first| number >= first);
    }

    /// Opens `packet` into `frames`, which is shorter than what is sealed by the profile's trailer.
    /// If it is of the next phase, the previous key stays until `erase_at` says: three probe timeouts
    /// from now.
    ///
    /// # Errors
    /// It does not open, which changes nothing but a count (docs/PROTOCOL.md, 6.10).
    pub(crate) fn open(
        &mut self,
        packet: &DataPacket<'_>,
        erase_at: impl FnOnce() -> Instant,
        frames: &mut [u8],
    ) -> Result<Opened, Rejected> {
        let opened = self.try_open(packet, erase_at, frames);
        if opened.is_err() && self.profile() == Profile::Sealed {
            self.rejected = self.rejected.saturating_add(1);
        }
        opened
    }

    fn try_open(
        &mut self,
        packet: &DataPacket<'_>,
        erase_at: impl FnOnce() -> Instant,
        frames: &mut [u8],
    ) -> Result<Opened, Rejected> {
        let &DataPacket { header, associated, sealed } = packet;
        let Self { source, receiving, .. } = self;
        let number = header.number;
        let in_current = header.phase == (receiving.phase & 1 == 1);
        // A phase begins with a packet, so without one there is neither a next nor a previous.
        let lowest = receiving.lowest;
        if in_current {
            receiving.current.key(source).open(number, associated, sealed, frames)?;
            receiving.lowest = Some(lowest.map_or(number, |lowest| lowest.min(number)));
        } else if lowest.is_some_and(|lowest| number < lowest) {
            let (key, _) = receiving.previous.as_ref().ok_or(Rejected)?;
            key.open(number, associated, sealed, frames)?;
        } else {
            let may_go_on = lowest.is_some_and(|lowest| number > lowest)
                // 6.5: the peer does not go on twice before this side has followed.
                && receiving.phase <= self.sending.phase
                && source.crypto.profile() == Profile::Sealed;
            if !may_go_on {
                return Err(Rejected);
            }
            let next =
                receiving.next.get_or_insert_with(|| Box::new(receiving.current.next(source)));
            next.key(source).open(number, associated, sealed, frames)?;
            self.go_on(number, erase_at());
            return Ok(Opened { phase_changed: true });
        }
        Ok(Opened { phase_changed: false })
    }

    /// Receiving goes to the next phase, in which `number` has opened.
    fn go_on(&mut self, number: u64, erase_at: Instant) {
        let Self { source, receiving, .. } = self;
        let Some(next) = receiving.next.take() else { return };
        let mut over = mem::replace(&mut receiving.current, *next);
        over.key(source);
        receiving.previous = over.key.take().map(|key| (key, erase_at));
        receiving.phase += 1;
        receiving.lowest = Some(number);
    }

    /// Whether so many packets did not open that the session is closed without a word
    /// (docs/PROTOCOL.md, 6.8).
    pub(crate) fn is_flooded(&self) -> bool {
        self.rejected >= MOST_REJECTED
    }

    /// Packets that did not open.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// When the previous key has to be erased.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.receiving.previous.as_ref().map(|(_, erase_at)| *erase_at)
    }

    /// Erases the previous key if its time is over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.receiving.previous.take_if(|(_, erase_at)| *erase_at <= now);
    }

    /// As if so many units were sealed in this phase.
    #[cfg(test)]
    pub(crate) fn age(&mut self, units: u64) {
        self.sending.units = self.sending.units.max(units);
    }

    /// How often sending has gone to a next phase.
    #[cfg(test)]
    pub(crate) fn phase(&self) -> u64 {
        self.sending.phase
    }

    /// Drops ciphers that are larger than the secrets that they can be made of again.
    pub(crate) fn shrink(&mut self) {
        self.sending.current.key.take_if(|key| !key.is_small());
        self.receiving.current.key.take_if(|key| !key.is_small());
        self.receiving.next = None;
    }
}
