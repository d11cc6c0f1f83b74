//! The client: asks for one resource, acknowledges what comes, and takes part in the closing.
//! Where the bytes go is the application's business, told by [`ClientEvent`]s.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use rudp_base::{Datagrams, Instant, Machine, Transmit};

use crate::cipher;
use crate::receiver::{Receiver, Verdict};
use crate::rto::{self, Rto, RttEstimator};
use crate::wire::{Header, Kind, Options, PACKET_LEN, PAYLOAD_LEN, Packet};

/// NAKs for one packet. Beyond them the server's timer is left to do its work: each NAK takes a
/// number, and a server that misses one waits for it.
const MAX_NAKS: u32 = 3;

/// How often the \[FIN/ACK\] is sent: the file is here, and the server forgets by itself.
const FIN_ACK_TRIES: u32 = 3;

/// Settings of a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// CHK and ENC as the server is asked for them. Default: CHK alone.
    pub options: Options,
    /// When a packet without answer is sent again. Default: adaptive, 200 ms to 4 s.
    pub rto: Rto,
    /// How often a packet is sent before the server counts as gone. At least 1; default 8.
    pub tries: u32,
    /// How long to wait for a packet that leads on, whatever the tries. Default 30 s.
    pub timeout: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            options: Options { checksum: true, encoding: false },
            rto: Rto::default(),
            tries: 8,
            timeout: Duration::from_secs(30),
        }
    }
}

/// What the application of a [`Client`] is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server answered, and granted these of the options it was asked for.
    Granted(Options),
    /// The next bytes of the resource.
    Data(Vec<u8>),
    /// That was all of it.
    Complete,
    /// There will be no complete resource.
    Failed(Failure),
    /// The session is over: closed by both sides, or given up. It follows
    /// [`Complete`](Self::Complete) or [`Failed`](Self::Failed), and no event comes after it.
    Closed,
}

/// Why a download failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing that leads on came in time.
    #[error("no answer")]
    NoAnswer,
    /// As [`NoAnswer`](Self::NoAnswer), but damaged packets did come.
    #[error("damaged packets only")]
    Corrupt,
    /// The server has no such resource, or does not give it.
    #[error("refused, or no such resource")]
    Refused,
}

/// Why a name cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing to ask for.
    #[error("the name is empty")]
    Empty,
    /// Longer than a payload.
    #[error("the name has {0} bytes, and a request holds {PAYLOAD_LEN}")]
    TooLong(usize),
    /// Zero bytes are padding on the wire.
    #[error("the name contains a zero byte")]
    ZeroByte,
}

/// Where a download stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the server's next packet, the first or a later one.
    Open,
    /// The \[FIN\] came: waiting for the last packet.
    Closing,
    /// Over.
    Done,
}

/// The download of one resource, as a [`Machine`].
///
/// A client should have a port of its own: the protocol tells sessions apart by address alone, and
/// late packets of an earlier one can pass for the next one's.
///
/// ```
/// use rudp_base::{Instant, Machine};
/// use rushb::wire::PACKET_LEN;
/// use rushb::{Client, ClientConfig};
///
/// let server = "127.0.0.1:7000".parse().unwrap();
/// let mut client = Client::new(ClientConfig::default(), server, "file.txt").unwrap();
/// let mut buffer = [0; 65_535];
/// let get = client.poll_transmit(Instant::ZERO, &mut buffer).unwrap();
/// assert_eq!((get.remote, get.len), (server, PACKET_LEN));
/// ```
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    server: SocketAddr,
    /// As it is sent: encoded where ENC is asked for.
    name: Vec<u8>,
    state: State,
    receiver: Receiver,
    rtt: RttEstimator,
    /// The number of the client's next packet.
    sequence: u16,
    /// What the server may not have got: the \[GET\], or NAKs and an acknowledgement. NAKs for the
    /// packet before the expected one, its acknowledgement, and NAKs for the expected one: at most
    /// 2 [`MAX_NAKS`] + 1 headers.
    unconfirmed: Vec<Header>,
    /// How many of them are still to be sent, or sent again: the last ones.
    unsent: usize,
    naks: u32,
    /// How often the newest of them was sent, and when last.
    transmissions: u32,
    sent_at: Instant,
    /// How often the timer has run out since a packet led on, and when that was.
    timeouts: u32,
    progress_at: Option<Instant>,
    deadline: Option<Instant>,
    saw_damage: bool,
    events: VecDeque<ClientEvent>,
}

impl Client {
    /// A client that asks `server` for `name` as soon as it is polled.
    ///
    /// # Errors
    /// [`NameError`] where no packet can carry the name.
    pub fn new(config: ClientConfig, server: SocketAddr, name: &str) -> Result<Self, NameError> {
        let mut name = name.as_bytes().to_vec();
        match name.len() {
            0 => return Err(NameError::Empty),
            len if len > PAYLOAD_LEN => return Err(NameError::TooLong(len)),
            _ if name.contains(&0) => return Err(NameError::ZeroByte),
            _ => {}
        }
        if config.options.encoding {
            // No byte of UTF-8 is over 244, so that every name has a code.
            let _ = cipher::encode(&mut name);
        }
        let mut client = Self {
            receiver: Receiver::new(config.options),
            rtt: RttEstimator::new(config.rto),
            config,
            server,
            name,
            state: State::Open,
            sequence: 1,
            unconfirmed: Vec::new(),
            unsent: 0,
            naks: 0,
            transmissions: 0,
            sent_at: Instant::ZERO,
            timeouts: 0,
            progress_at: None,
            deadline: None,
            saw_damage: false,
            events: VecDeque::new(),
        };
        client.send(Kind::Get, 0);
        Ok(client)
    }

    /// Whether the download is over, well or not, and nothing will be sent any more.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Queues a packet of the next number.
    fn send(&mut self, kind: Kind, acknowledgement: u16) {
        let options = self.receiver.options();
        self.unconfirmed.push(Header { sequence: self.sequence, acknowledgement, kind, options });
        self.sequence = self.sequence.wrapping_add(1);
        self.unsent += 1;
        self.transmissions = 0;
    }

    /// Queues everything that the server may have missed once more, in order. A NAK belongs to it:
    /// a server that missed one expects its number, and ignores the acknowledgement after it.
    fn send_again(&mut self) {
        self.unsent = self.unconfirmed.len();
    }

    /// The packet of `number` led on, a \[FIN\] or a \[DAT\]. The server has everything that was
    /// sent before, but perhaps not the NAKs for this packet: it may have sent it again by itself, and
    /// would then wait for their numbers.
    fn confirm(&mut self, now: Instant, number: u16, nak: Kind) {
        if self.transmissions == 1 && self.naks == 0 {
            self.rtt.on_sample(now - self.sent_at);
        }
        self.unconfirmed.retain_mut(|header| {
            let asked = matches!(header.kind, Kind::DataNak | Kind::FinNak);
            if asked {
                // What damage may have hidden: which of the two was needed, what was granted.
                header.kind = nak;
                header.options = self.receiver.options();
            }
            asked && header.acknowledgement == number
        });
        self.unsent = 0;
        self.naks = 0;
        self.saw_damage = false;
        self.timeouts = 0;
        self.progress_at = Some(now);
        self.deadline = None;
    }

    fn on_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(packet) = Packet::parse(datagram) else { return };
        let granted_before = self.receiver.agreed();
        let verdict = self.receiver.on_packet(&packet);
        if granted_before.is_none() {
            self.events.extend(self.receiver.agreed().map(ClientEvent::Granted));
        }
        self.events.extend(self.receiver.take_data().map(ClientEvent::Data));
        match verdict {
            Verdict::Data => {
                self.confirm(now, packet.header.sequence, Kind::DataNak);
                self.send(Kind::DataAck, packet.header.sequence);
            }
            Verdict::Finished | Verdict::Refused => {
                self.confirm(now, packet.header.sequence, Kind::FinNak);
                self.receiver.expect_last(self.sequence);
                self.send(Kind::FinAck, packet.header.sequence);
                self.state = State::Closing;
                self.events.push_back(if verdict == Verdict::Finished {
                    ClientEvent::Complete
                } else {
                    ClientEvent::Failed(Failure::Refused)
                });
            }
            Verdict::Closed => self.finish(),
            Verdict::Repeated => self.send_again(),
            Verdict::Corrupt(nak) => {
                self.saw_damage = true;
                if self.naks < MAX_NAKS {
                    self.naks += 1;
                    self.send(nak, self.receiver.expected());
                }
            }
            Verdict::Ignored => {}
        }
    }

    fn finish(&mut self) {
        self.state = State::Done;
        self.deadline = None;
        self.unsent = 0;
        self.events.push_back(ClientEvent::Closed);
    }

    /// Whether it is time to stop trying.
    fn is_exhausted(&self, now: Instant) -> bool {
        let tries = match self.state {
            State::Closing => self.config.tries.min(FIN_ACK_TRIES),
            State::Open | State::Done => self.config.tries,
        };
        let silence = self.progress_at.map_or(Duration::ZERO, |at| now - at);
        self.timeouts >= tries.max(1) || silence >= self.config.timeout
    }
}

impl Machine for Client {
    type Event = ClientEvent;

    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        if datagrams.remote != self.server {
            return;
        }
        for datagram in datagrams.iter() {
            if self.state != State::Done {
                self.on_datagram(now, datagram);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        self.timeouts += 1;
        if !self.is_exhausted(now) {
            self.rtt.on_timeout();
            self.send_again();
            return;
        }
        if self.state == State::Open {
            let failure = if self.saw_damage { Failure::Corrupt } else { Failure::NoAnswer };
            self.events.push_back(ClientEvent::Failed(failure));
        }
        self.finish();
    }

    fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let next = self.unconfirmed.len().checked_sub(self.unsent)?;
        let header = self.unconfirmed.get(next)?;
        let payload = if header.kind == Kind::Get { &self.name[..] } else { &[] };
        header.emit(payload, buffer.first_chunk_mut::<PACKET_LEN>()?);
        self.unsent -= 1;
        if self.unsent == 0 {
            self.transmissions += 1;
            self.sent_at = now;
            let progress_at = *self.progress_at.get_or_insert(now);
            let patience = (progress_at + self.config.timeout).max(now + rto::LEAST);
            self.deadline = Some(patience.min(now + self.rtt.rto()));
        }
        Some(Transmit::single(self.server, PACKET_LEN))
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }
}
