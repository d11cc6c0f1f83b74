//! Two ends over a network that loses, reorders and repeats, against an oracle.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// The longest way of a packet, in milliseconds.
const LONGEST: u64 = 60;
/// When the network loses nothing any more, in milliseconds.
const CALM: u64 = 2_000;

/// Numbers for the network's whims.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    at: u64,
    side: usize,
    mode: SendMode,
    len: usize,
}

fn sending() -> impl Strategy<Value = Sending> {
    let mode = prop_oneof![
        Just(SendMode::Ordered),
        Just(SendMode::Reliable),
        (0..200u64).prop_map(|millis| SendMode::Deadline(Duration::from_millis(millis))),
        Just(SendMode::Unreliable),
    ];
    let len = prop_oneof![4 => 4..200usize, 1 => 200..3_000usize];
    (0..1_000u64, 0..2usize, mode, len).prop_map(|(at, side, mode, len)| Sending {
        at,
        side,
        mode,
        len,
    })
}

/// What is said: the number of the message, and what follows from it.
fn content(index: usize, len: usize) -> Vec<u8> {
    let number = u32::try_from(index).unwrap().to_be_bytes();
    let rest = (0..len).map(|at| u8::try_from((at * 31 + index) % 256).unwrap());
    number.into_iter().chain(rest).take(len).collect()
}

/// What happens at some time.
#[derive(Clone, Debug)]
enum Happening {
    Arrives { to: usize, packet: usize },
    Fate { to: usize, packet: usize, fate: Fate },
}

struct World {
    ends: [Messages; 2],
    dice: Dice,
    loss: u64,
    packets: Vec<Packet>,
    agenda: BTreeMap<(u64, usize), Happening>,
    happenings: usize,
    sent: BTreeMap<usize, (Sending, u64)>,
    read: [Vec<usize>; 2],
}

impl World {
    fn plan(&mut self, at: u64, happening: Happening) {
        self.happenings += 1;
        self.agenda.insert((at, self.happenings), happening);
    }

    /// Sends what an end has, and decides what becomes of each packet.
    fn transmit(&mut self, time: u64, from: usize) {
        for _ in 0..4 {
            let room = 300 + usize::try_from(self.dice.below(600)).unwrap();
            let Some(packet) = packet_of(&mut self.ends[from], at(time), room) else { return };
            let index = self.packets.len();
            // A repeated packet is refused by its number; here it goes on, so that what does not
            // need that is shown not to. Datagrams do.
            let has_datagram =
                packet.tokens.iter().any(|token| matches!(token, Token::Datagram { .. }));
            self.packets.push(packet);
            let to = 1 - from;
            let copies = match self.dice.below(100) {
                dice if time < CALM && dice < self.loss => 0,
                90.. if !has_datagram => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let arrival = time + 1 + self.dice.below(LONGEST);
                self.plan(arrival, Happening::Arrives { to, packet: index });
            }
            let late = time + 3 * LONGEST + self.dice.below(10);
            let is_known = copies > 0 && (time >= CALM || self.dice.below(100) >= self.loss);
            if is_known {
                let known = time + LONGEST + 1 + self.dice.below(LONGEST);
                self.plan(
                    known,
                    Happening::Fate { to: from, packet: index, fate: Fate::Acknowledged },
                );
            } else {
                self.plan(late, Happening::Fate { to: from, packet: index, fate: Fate::Lost });
                if copies > 0 && self.dice.below(2) == 0 {
                    let fate = Fate::Acknowledged;
                    self.plan(late + 20, Happening::Fate { to: from, packet: index, fate });
                }
            }
        }
    }

    fn happen(&mut self, time: u64) {
        while let Some(next) = self.agenda.first_entry().filter(|next| next.key().0 <= time) {
            match next.remove() {
                Happening::Arrives { to, packet } => {
                    let taken = give(&mut self.ends[to], at(time), &self.packets[packet]);
                    assert_eq!(taken, Ok(true));
                }
                Happening::Fate { to, packet, fate } => {
                    tell(&mut self.ends[to], fate, &self.packets[packet]);
                }
            }
        }
    }

    /// Reads at one end, and checks what can be checked of one message alone.
    fn read(&mut self, time: u64, end: usize) {
        while let Some(message) = self.ends[end].receive(at(time)) {
            let index = u32::from_be_bytes(message.data[..4].try_into().unwrap()) as usize;
            let (sending, sent_at) = self.sent[&index];
            assert_eq!(sending.side, 1 - end);
            assert_eq!(message.data, content(index, sending.len), "unaltered");
            match (message.kind, sending.mode) {
                (Kind::Ordered, SendMode::Ordered)
                | (Kind::Reliable, SendMode::Reliable)
                | (Kind::Unreliable, SendMode::Unreliable) => {}
                (Kind::Deadline, SendMode::Deadline(lifetime)) => {
                    let latest = at(sent_at) + lifetime + Duration::from_millis(LONGEST);
                    assert!(at(time) < latest, "{index} came too late");
                }
                other => panic!("{other:?}"),
            }
            self.read[end].push(index);
        }
    }

    fn run(&mut self, sendings: &[Sending], readiness: u64) -> Vec<(usize, u64)> {
        let mut ids = Vec::new();
        for time in 0..30_000 {
            let due = sendings.iter().enumerate().filter(|(_, sending)| sending.at == time);
            for (index, sending) in due {
                let data = Bytes::from(content(index, sending.len));
                let sent = self.ends[sending.side].send(at(time), data, sending.mode, true);
                if let Ok(id) = sent {
                    self.sent.insert(index, (*sending, time));
                    ids.push((sending.side, id));
                }
            }
            self.happen(time);
            for end in 0..2 {
                if time == CALM {
                    self.ends[end].finish();
                }
                if self.ends[end].timeout().is_some_and(|timeout| timeout <= at(time)) {
                    self.ends[end].on_timeout(at(time));
                }
                self.transmit(time, end);
                if time >= CALM || self.dice.below(100) < readiness {
                    self.read(time, end);
                }
            }
            if time > CALM && self.agenda.is_empty() && !self.ends.iter().any(Messages::wants) {
                return ids;
            }
        }
        panic!("it does not end");
    }

    /// What holds when everything is over.
    fn check(&mut self, ids: &[(usize, u64)]) {
        for end in 0..2 {
            let read = &self.read[end];
            let unique: BTreeSet<_> = read.iter().copied().collect();
            assert_eq!(unique.len(), read.len(), "at most once");
            let of = |want: fn(SendMode) -> bool| {
                let of_peer = self.sent.iter().filter(|(_, (sending, _))| sending.side != end);
                of_peer.filter(move |(_, (sending, _))| want(sending.mode)).map(|(index, _)| *index)
            };
            assert!(of(|mode| mode == SendMode::Reliable).all(|index| unique.contains(&index)));
            let is_ordered = |index: &&usize| self.sent[index].0.mode == SendMode::Ordered;
            let ordered: Vec<_> = read.iter().filter(is_ordered).copied().collect();
            let mut expected: Vec<_> = of(|mode| mode == SendMode::Ordered).collect();
            expected.sort_by_key(|index| (self.sent[index].1, *index));
            assert_eq!(ordered, expected, "exactly once and in order");
        }
        for (side, id) in ids {
            assert_ne!(self.ends[*side].fate(*id), Some(MessageFate::Waiting));
        }
        for end in 0..2 {
            let (own, peer) = (&self.ends[end], &self.ends[1 - end]);
            assert!(own.sender.is_empty() && own.timeout().is_none());
            assert!(own.closing().is_none_or(|outcome| outcome.is_delivered()));
            let receipt = peer.receiver.told.receipt();
            assert_eq!((receipt.received, receipt.read), (own.sender.end(), own.sender.end()));
            assert_eq!(peer.receiver.window.used(), own.sender.end(), "all credit came back");
            let (bytes, records) = peer.receiver.memory();
            assert!(bytes == 0 && records <= 1, "nothing is left");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // spec: 7.5.1, 7.5.2, 7.5.3, 7.5.4, 7.6.5, 8.2
    #[test]
    fn every_mode_keeps_its_promise(
        sendings in prop::collection::vec(sending(), 1..60),
        seed in 1..u64::MAX,
        loss in 0..50u64,
        readiness in 1..100u64,
    ) {
        let config = Config { max_tracked: 100, send_buffer: 20_000, ..config() };
        let (mut a, mut b) = pair_of(config, config);
        a.set_packet_room(800);
        b.set_packet_room(800);
        let mut world = World {
            ends: [a, b],
            dice: Dice(seed),
            loss,
            packets: Vec::new(),
            agenda: BTreeMap::new(),
            happenings: 0,
            sent: BTreeMap::new(),
            read: [Vec::new(), Vec::new()],
        };
        let ids = world.run(&sendings, readiness);
        world.check(&ids);
    }
}
