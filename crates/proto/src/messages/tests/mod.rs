//! Tests of messages as a whole, with packets carried by hand; those of the parts are beside them.

mod closing;
mod hostile;
mod incoming;
mod network;
mod outgoing;

use rudp_wire::frame::{Frames, Mode};

use super::*;

/// 5,000 bytes of window, messages of up to 3,000, and packets of 1,000.
fn config() -> Config {
    Config {
        window: 5_000,
        max_message_size: 3_000,
        send_buffer: 4_000,
        send_datagrams: 1_000,
        receive_datagrams: 1_000,
        max_tracked: 8,
    }
}

fn parameters(of: &Messages) -> Parameters {
    let mut parameters = Parameters::default();
    of.set_parameters(&mut parameters);
    parameters
}

fn pair_of(a: Config, b: Config) -> (Messages, Messages) {
    let (mut a, mut b) = (Messages::new(a), Messages::new(b));
    a.set_peer_limits(&parameters(&b));
    b.set_peer_limits(&parameters(&a));
    a.set_packet_room(1_000);
    b.set_packet_room(1_000);
    (a, b)
}

fn pair() -> (Messages, Messages) {
    pair_of(config(), config())
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A packet's frames, and its tokens.
#[derive(Clone, Debug)]
struct Packet {
    frames: Vec<u8>,
    tokens: Vec<Token>,
}

fn packet_of(from: &mut Messages, now: Instant, room: usize) -> Option<Packet> {
    let (mut frames, mut tokens) = (vec![0; room], Vec::new());
    let mut draft = Draft::new(&mut frames, &mut tokens);
    from.write_first(now, &mut draft);
    for class in Priority::ALL {
        from.write_data(now, (class, false), &mut draft);
    }
    let len = draft.len();
    assert!(draft.is_ack_eliciting() || len == 0);
    frames.truncate(len);
    (len > 0).then_some(Packet { frames, tokens })
}

/// The next packet of 1,000 bytes, which there must be.
fn packet(from: &mut Messages, now: Instant) -> Packet {
    assert!(from.wants());
    packet_of(from, now, 1_000).unwrap()
}

/// Gives a packet, and says whether it was taken.
fn give(to: &mut Messages, now: Instant, packet: &Packet) -> Result<bool, Code> {
    let mut others = 0;
    for frame in Frames::new(&packet.frames) {
        if let Frame::Message(message) = frame.unwrap() {
            if !to.admits(&message, others) {
                return Ok(false);
            }
            others += 1;
        }
    }
    for frame in Frames::new(&packet.frames) {
        give_frame(to, now, &frame.unwrap())?;
    }
    Ok(true)
}

fn give_frame(to: &mut Messages, now: Instant, frame: &Frame<'_>) -> Result<(), Code> {
    match frame {
        Frame::Message(message) => to.on_message(now, message)?,
        Frame::MessageDropped(dropped) => to.on_dropped(now, dropped)?,
        Frame::Datagram(data) => to.on_datagram(data),
        Frame::Receipt(receipt) => to.on_receipt(receipt)?,
        Frame::Control(Control::MaxMessageData { limit }) => to.on_max_message_data(*limit),
        Frame::Control(Control::ReceiptRequest { stream: MESSAGES, offset }) => {
            to.on_receipt_request(*offset);
        }
        other => panic!("{other:?}"),
    }
    Ok(())
}

fn tell(to: &mut Messages, fate: Fate, packet: &Packet) {
    packet.tokens.iter().for_each(|token| to.on_fate(fate, *token));
}

/// Carries packets both ways without loss until none comes.
fn settle(now: Instant, a: &mut Messages, b: &mut Messages) {
    while a.wants() || b.wants() {
        let packets = [packet_of(a, now, 1_000), packet_of(b, now, 1_000)];
        if packets.iter().all(Option::is_none) {
            return;
        }
        if let Some(packet) = &packets[0] {
            assert_eq!(give(b, now, packet), Ok(true));
            tell(a, Fate::Acknowledged, packet);
        }
        if let Some(packet) = &packets[1] {
            assert_eq!(give(a, now, packet), Ok(true));
            tell(b, Fate::Acknowledged, packet);
        }
    }
}

fn send(from: &mut Messages, now: Instant, data: &[u8], mode: SendMode) -> u64 {
    from.send(now, Bytes::copy_from_slice(data), mode, true).unwrap()
}

fn received(from: &mut Messages, now: Instant) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| from.receive(now)).map(|message| message.data.to_vec()).collect()
}

/// A piece made by hand: mode, number, start, length, offset, data.
fn piece(
    mode: Mode,
    (number, start, length): (u64, u64, u64),
    offset: u64,
    data: &[u8],
) -> frame::Message<'_> {
    let header = frame::MessageHeader { mode, number, start, length, offset, len: 0 };
    frame::Message::new(header, data)
}

fn names(packet: &Packet) -> Vec<&'static str> {
    Frames::new(&packet.frames).map(|frame| frame.unwrap().name()).collect()
}
