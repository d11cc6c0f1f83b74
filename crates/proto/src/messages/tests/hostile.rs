//! Frames of a peer that wishes harm: nothing panics, and memory stays in its bounds.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Attack {
    Piece { mode: u8, extra: u64, place: (u64, u64, u64), offset: u64, len: usize },
    Dropped { place: (u64, u64, u64) },
    Datagram { len: usize },
    Limit { limit: u64 },
    Request { offset: u64 },
    Receipt { received: u64, read: u64, is_final: bool },
    Fate { lost: bool, number: u64, offset: u32, len: u32 },
    Read,
    Wait { millis: u64 },
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..6u64, 2 => 0..6_000u64, 1 => 0..1u64 << 62]
}

/// Mostly true places of messages of 100 bytes, so that many are taken.
fn place() -> impl Strategy<Value = (u64, u64, u64)> {
    let real = (0..60u64).prop_map(|number| (number, number * 132, 100));
    prop_oneof![8 => real, 1 => (number(), number(), number())]
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        20 => (0..3u8, number(), place(), 0..110u64, 0..20usize).prop_map(
            |(mode, extra, place, offset, len)| Attack::Piece { mode, extra, place, offset, len }
        ),
        2 => place().prop_map(|place| Attack::Dropped { place }),
        2 => (0..1_100usize).prop_map(|len| Attack::Datagram { len }),
        1 => number().prop_map(|limit| Attack::Limit { limit }),
        1 => number().prop_map(|offset| Attack::Request { offset }),
        1 => (number(), number(), prop::bool::weighted(0.1)).prop_map(
            |(received, read, is_final)| Attack::Receipt { received, read, is_final }
        ),
        1 => (any::<bool>(), number(), any::<u32>(), any::<u32>())
            .prop_map(|(lost, number, offset, len)| Attack::Fate { lost, number, offset, len }),
        2 => Just(Attack::Read),
        1 => (0..5u64).prop_map(|millis| Attack::Wait { millis }),
    ]
}

/// Lets an attack go the way that bytes do: what the wire refuses does not come so far.
fn perform(to: &mut Messages, now: &mut Instant, attack: &Attack) {
    let data = [7; 1_100];
    let frame = match *attack {
        Attack::Piece { mode, extra, place: (number, start, length), offset, len } => {
            let mode = match mode {
                0 => Mode::Ordered { order: extra.min(number) },
                1 => Mode::Reliable,
                _ => Mode::Deadline { lifetime: extra },
            };
            Frame::Message(piece(mode, (number, start, length), offset, &data[..len]))
        }
        Attack::Dropped { place: (number, start, length) } => {
            Frame::MessageDropped(MessageDropped { number, start, length })
        }
        Attack::Datagram { len } => Frame::Datagram(&data[..len]),
        Attack::Limit { limit } => Frame::Control(Control::MaxMessageData { limit }),
        Attack::Request { offset } => {
            Frame::Control(Control::ReceiptRequest { stream: MESSAGES, offset })
        }
        Attack::Receipt { received, read, is_final } => {
            let (all_received, all_read) = (false, false);
            let stream = MESSAGES;
            Frame::Receipt(Receipt { stream, received, read, all_received, all_read, is_final })
        }
        Attack::Fate { lost, number, offset, len } => {
            let fate = if lost { Fate::Lost } else { Fate::Acknowledged };
            return to.on_fate(fate, Token::Message { number, offset, len });
        }
        Attack::Read => return drop(to.receive(*now)),
        Attack::Wait { millis } => {
            *now += Duration::from_millis(millis);
            return to.on_timeout(*now);
        }
    };
    let mut bytes = [0; 1_200];
    let mut writer = rudp_wire::cursor::Writer::new(&mut bytes);
    if frame.encode(&mut writer).is_ok() {
        let packet = Packet { frames: writer.written().to_vec(), tokens: Vec::new() };
        // Whatever is wrong closes the session; here it goes on, which must not matter.
        let _ = give(to, *now, &packet);
    }
}

proptest! {
    // spec: 7.4.6, 7.5.1
    #[test]
    fn no_frames_panic_or_go_beyond_the_memory_granted(
        attacks in prop::collection::vec(attack(), 0..300),
    ) {
        let (mut victim, _) = pair();
        let mut now = at(0);
        for attack in &attacks {
            perform(&mut victim, &mut now, attack);
            let (bytes, records) = victim.receiver.memory();
            // The window, what is noted of pieces, and datagrams.
            prop_assert!(bytes <= 5_000 + 40 * 50 * 16 + 1_000);
            // Three for each message that the window has place for.
            prop_assert!(records <= 3 * 5_000 / 32 + 3);
            let receipt = victim.receiver.told.receipt();
            prop_assert!(receipt.read <= receipt.received);
            prop_assert!(victim.receiver.window.limit() <= victim.receiver.window.used() + 5_000);
            if let Some(packet) = packet_of(&mut victim, now, 500) {
                tell(&mut victim, Fate::Lost, &packet);
            }
        }
    }
}

// spec: 7.5.1
#[test]
fn messages_with_holes_between_them_are_bounded_by_the_limit() {
    let mut victim = Messages::new(config());
    let mut taken = 0;
    for number in (1..1_000).step_by(2) {
        let message = piece(Mode::Reliable, (number, number * 32, 0), 0, b"");
        let result = victim.on_message(at(0), &message);
        taken += u64::from(result.is_ok());
        victim.receive(at(0));
        assert!(victim.receiver.memory().1 <= 2 * 5_000 / 32);
    }
    assert!(taken <= 2 * 5_000 / 64, "those that are missing hold the limit back");
}
