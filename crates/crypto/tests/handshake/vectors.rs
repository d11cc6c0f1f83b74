//! The test vectors of the document, docs/PROTOCOL-vectors.txt: made by the second implementation,
//! met by the crate. `RUDP_BLESS=1 cargo test -p rudp-crypto` writes them anew.

use std::fmt::Write as _;
use std::{env, fs};

use rudp_base::Seed;
use rudp_crypto::{NoiseCrypto, PlainCrypto, StaticKey};
use rudp_proto::crypto::{Crypto, Secret};
use rudp_wire::code::Code;
use rudp_wire::cursor::Writer;
use rudp_wire::frame::{
    AckDraft, CloseDraft, CloseKind, Control, Frame, Frames, Message, MessageHeader, Mode, Receipt,
    Stream,
};
use rudp_wire::handshake::{Accepted, Confirmation, Request, Response, prologue};
use rudp_wire::packet::{
    AckPacket, ConnectionId, DataHeader, Pattern, Profile, Suite, Suites, Syn, SynAck,
};
use rudp_wire::parameters::Parameters;

use super::second::{Bytes32, Phase, Side, mac, public};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROTOCOL-vectors.txt");
const INITIAL: ConnectionId = ConnectionId([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17]);
const CLIENT: ConnectionId = ConnectionId([0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]);
const SERVER: ConnectionId = ConnectionId([0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57]);
const SERVER_KEY: Bytes32 = [0x22; 32];
const RESET_KEY: Bytes32 = [0x33; 32];
const SUITE: Suite = Suite::Aes128Gcm;

/// Text of the file: names, and bytes in lines of 32.
#[derive(Default)]
struct Page(String);

impl Page {
    fn text(&mut self, text: &str) {
        self.0 += text;
        self.0.push('\n');
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        for (index, line) in bytes.chunks(32).enumerate() {
            let name = if index == 0 { name } else { "" };
            write!(self.0, "{name:<26}").unwrap();
            for byte in line {
                write!(self.0, "{byte:02x}").unwrap();
            }
            self.0.push('\n');
        }
    }
}

/// What `write` writes.
fn written<E: std::fmt::Debug>(write: impl FnOnce(&mut Writer<'_>) -> Result<(), E>) -> Vec<u8> {
    let mut buffer = [0; 1_500];
    let mut writer = Writer::new(&mut buffer);
    write(&mut writer).unwrap();
    writer.written().to_vec()
}

/// What `emit` writes.
fn emitted<E: std::fmt::Debug>(emit: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut buffer = [0; 1_500];
    let len = emit(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// The packets of a handshake, and the payloads in them.
struct Script {
    profile: Profile,
    token: [u8; 16],
}

impl Script {
    fn syn<'a>(&self, message: &'a [u8]) -> Syn<'a> {
        let (pattern, suites) = match self.profile {
            Profile::Sealed => (Pattern::Nx, Suites::of(&Suite::ALL)),
            Profile::Plain => (Pattern::Plain, Suites(0)),
        };
        Syn { initial: INITIAL, source: CLIENT, pattern, suites, cookie: &[], message }
    }

    fn request() -> Vec<u8> {
        written(|writer| Request { service: "files" }.encode(writer))
    }

    fn response(&self) -> Vec<u8> {
        let suite = (self.profile == Profile::Sealed).then_some(SUITE);
        let parameters = Parameters {
            max_datagram_size: 1_472,
            initial_max_data: 1 << 20,
            initial_max_stream_data: 1 << 18,
            initial_max_streams_bidi: 100,
            initial_max_message_data: 1 << 20,
            max_message_size: 1 << 16,
            ..Parameters::default()
        };
        let accepted = Accepted { suite, source: SERVER, reset_token: self.token, parameters };
        written(|writer| Response::Accepted(accepted).encode(writer))
    }

    fn confirmation(&self) -> Vec<u8> {
        let parameters = Parameters {
            max_idle_timeout: 60_000,
            initial_max_data: 1 << 24,
            initial_max_stream_data: 1 << 24,
            ..Parameters::default()
        };
        let confirmation = Confirmation { first_version: self.profile.version(), parameters };
        written(|writer| confirmation.encode(writer))
    }

    fn syn_ack(&self, message: &[u8]) -> Vec<u8> {
        let packet = SynAck { destination: CLIENT, source: SERVER, message };
        emitted(|buffer| packet.emit(self.profile, true, buffer))
    }

    fn ack(&self, message: &[u8]) -> Vec<u8> {
        let packet = AckPacket { destination: SERVER, source: CLIENT, message, data: None };
        emitted(|buffer| packet.emit(self.profile, false, buffer))
    }
}

/// A data packet: whether the client sends it, its number, its phase, its frames.
struct Data {
    from_client: bool,
    number: u64,
    phase: usize,
    frames: Vec<u8>,
}

/// Ten packets of a short session.
fn packets() -> Vec<Data> {
    let stream =
        |offset, end, data: &'static [u8]| Frame::Stream(Stream { stream: 0, offset, end, data });
    let frames = |frames: &[Frame<'_>]| {
        written(|writer| frames.iter().try_for_each(|frame| frame.encode(writer)))
    };
    let ack = |delay, ranges: &[core::ops::RangeInclusive<u64>]| {
        let draft = AckDraft { delay, ecn: None, ranges: ranges.iter().cloned() };
        written(|writer| draft.encode(draft.plan(100).unwrap(), writer))
    };
    let receipt = Receipt {
        stream: 0,
        received: 11,
        read: 11,
        all_received: true,
        all_read: true,
        is_final: false,
    };
    let close = {
        let receipts = [receipt];
        let draft = CloseDraft {
            code: Code::NO_ERROR,
            reason: b"done",
            receipts: receipts.iter().copied(),
        };
        written(|writer| draft.encode(CloseKind::Close, draft.plan(100).unwrap(), writer))
    };
    let message = MessageHeader {
        mode: Mode::Deadline { lifetime: 50_000 },
        number: 0,
        start: 0,
        length: 5,
        offset: 0,
        len: 5,
    };
    let client = |number, phase, frames| Data { from_client: true, number, phase, frames };
    let server = |number, phase, frames| Data { from_client: false, number, phase, frames };
    vec![
        client(0, 0, frames(&[stream(0, false, b"hello ")])),
        server(0, 0, [ack(1_250, &[0..=0]), frames(&[Frame::Ping])].concat()),
        client(2, 0, frames(&[stream(6, true, b"world")])),
        server(1, 0, [ack(0, &[2..=2, 0..=0]), frames(&[Frame::Receipt(receipt)])].concat()),
        client(3, 0, frames(&[Frame::Message(Message::new(message, b"quick"))])),
        client(4, 0, frames(&[Frame::Datagram(b"a datagram")])),
        server(2, 1, frames(&[Frame::Control(Control::MaxData { limit: 1 << 21 })])),
        client(5, 1, [ack(300, &[0..=2]), frames(&[Frame::Padding { len: 20 }])].concat()),
        server(1 << 32, 1, frames(&[stream(0, true, b"bye"), Frame::ImmediateAck])),
        client((1 << 56) - 2, 2, close),
    ]
}

/// The two sides of the second implementation, and what they keep.
struct Session {
    server: Side,
    script: Script,
    messages: [Vec<u8>; 3],
}

/// A handshake of the crate, which the second implementation has to make in the same way.
fn session(page: &mut Page) -> Session {
    let (client_stream, server_stream) = ("client", "server");
    let seed = Seed::from_u64(1);
    let ephemeral = |stream| seed.secret_stream(stream).array();
    let (client_ephemeral, server_ephemeral) = (ephemeral(client_stream), ephemeral(server_stream));
    let token = mac(&RESET_KEY, &[&b"rudp reset"[..], &SERVER.0].concat());
    let script = Script { profile: Profile::Sealed, token: *token.first_chunk().unwrap() };
    let prologue = prologue(&script.syn(&[]));
    let psk = [0; 32];
    let mut client = Side::new((Pattern::Nx, true), &prologue, [0; 32], client_ephemeral, psk);
    let mut server = Side::new((Pattern::Nx, false), &prologue, SERVER_KEY, server_ephemeral, psk);

    page.text("## Keys\n");
    page.bytes("server key, secret", &SERVER_KEY);
    page.bytes("server key, public", &public(&SERVER_KEY));
    page.bytes("client ephemeral, secret", &client_ephemeral);
    page.bytes("client ephemeral, public", &public(&client_ephemeral));
    page.bytes("server ephemeral, secret", &server_ephemeral);
    page.bytes("server ephemeral, public", &public(&server_ephemeral));
    page.bytes("reset key", &RESET_KEY);

    let (request, response, confirmation) =
        (Script::request(), script.response(), script.confirmation());
    let first = client.write(&request);
    assert_eq!(server.read(&first), request);
    let second = server.write(&response);
    assert_eq!(client.read(&second), response);
    let third = client.confirm(&confirmation);
    assert_eq!(server.open_confirmation(&third), confirmation);

    // The crate, from the same randomness.
    let ours = NoiseCrypto::new(Some(StaticKey::from_bytes(SERVER_KEY)), None);
    let nobody = NoiseCrypto::new(None, None);
    let initiator = nobody.initiate(&prologue, &request, &mut seed.secret_stream(client_stream));
    assert_eq!(initiator.message(), first);
    let rng = &mut seed.secret_stream(server_stream);
    let responder = ours.respond(Pattern::Nx, &prologue, &first, rng).unwrap();
    let (message, _) = responder.answer(Some(SUITE), &response).unwrap();
    assert_eq!(message, second);
    let confirmer = initiator.read(&second).unwrap();
    let (message, secrets) = confirmer.confirm(Some(SUITE), &confirmation);
    assert_eq!(message, third);
    assert_eq!([secrets.client.0, secrets.server.0], server.secrets(SUITE));

    page.text("\n## Payloads\n");
    page.bytes("prologue", &prologue);
    page.bytes("payload 1", &request);
    page.bytes("payload 2", &response);
    page.bytes("payload 3", &confirmation);
    Session { server, script, messages: [first, second, third] }
}

fn handshake_packets(page: &mut Page, script: &Script, messages: &[Vec<u8>; 3]) {
    let [first, second, third] = messages;
    let syn = emitted(|buffer| script.syn(first).emit(false, buffer));
    assert_eq!(syn.len(), 1_200);
    let trailer = script.profile.control_trailer();
    let zeros = syn[..syn.len() - trailer].iter().rev().take_while(|byte| **byte == 0).count();
    let (head, tail) = syn.split_at(syn.len() - trailer - zeros);
    page.bytes("SYN", head);
    page.text(&format!("{:<26}and {zeros} zero bytes", ""));
    if trailer > 0 {
        page.bytes("", &tail[zeros..]);
    }
    page.bytes("SYN-ACK", &script.syn_ack(second));
    page.bytes("ACK", &script.ack(third));
}

fn key_schedule(page: &mut Page, server: &Side) {
    page.text("\n## Key schedule (6.1 to 6.3)\n");
    page.bytes("h", &server.h);
    let names = ["client", "server"];
    let pairs: [(&str, [Bytes32; 2]); 2] = [("k", server.split()), ("prk", server.prks())];
    for (name, values) in pairs {
        for (side, value) in names.iter().zip(values) {
            page.bytes(&format!("{side} {name}"), &value);
        }
    }
    let [prk, _] = server.prks();
    page.bytes("confirm", &super::second::expand(&prk, b"rudp 1 confirm"));
    for suite in Suite::ALL {
        page.text(&format!("\nsuite {}", suite.number()));
        for (side, mut secret) in names.iter().zip(server.secrets(suite)) {
            for n in 0..if suite == SUITE { 3 } else { 1 } {
                let phase = Phase::new(suite, &secret);
                page.bytes(&format!("{side} secret_{n}"), &secret);
                page.bytes(&format!("{side} key_{n}"), &phase.key);
                page.bytes(&format!("{side} iv_{n}"), &phase.iv);
                secret = phase.next;
            }
        }
    }
}

fn data_packets(page: &mut Page, server: &Side, suite: Suite, packets: &[Data]) {
    let ours = NoiseCrypto::new(None, None);
    for Data { from_client, number, phase, frames } in packets {
        let secret = server.secrets(suite)[usize::from(!from_client)];
        let secret = (0..*phase).fold(secret, |secret, _| Phase::new(suite, &secret).next);
        let keys = Phase::new(suite, &secret);
        let destination = if *from_client { SERVER } else { CLIENT };
        let header = DataHeader { destination, number: *number, phase: phase % 2 == 1 };
        let header = header.bytes(5).unwrap();
        let sealed = keys.seal(*number, &header, frames);
        let mut other = vec![0; sealed.len()];
        let key = ours.packet_key(Some(suite), &Secret(secret));
        key.seal(*number, &header, frames, &mut other);
        assert_eq!(other, sealed);

        let side = if *from_client { "client" } else { "server" };
        page.text(&format!("\n{side}, suite {}, phase {phase}, number {number}", suite.number()));
        for frame in Frames::new(frames) {
            page.text(&format!("  {}", frame.unwrap()));
        }
        page.bytes("frames", frames);
        page.bytes("nonce", &keys.nonce(*number));
        page.bytes("packet", &[&header[..], &sealed].concat());
    }
}

fn plain(page: &mut Page) {
    page.text("\n# The plain profile (3.2 to 3.6)\n");
    let script = Script { profile: Profile::Plain, token: [0; 16] };
    let messages = [Script::request(), script.response(), script.confirmation()];
    handshake_packets(page, &script, &messages);
    let data = &packets()[0];
    let header = DataHeader { destination: SERVER, number: data.number, phase: false };
    let header = header.bytes(5).unwrap();
    let mut sealed = vec![0; data.frames.len() + 4];
    let key = PlainCrypto.packet_key(None, &Secret([0; 32]));
    key.seal(data.number, &header, &data.frames, &mut sealed);
    page.bytes("data packet", &[&header[..], &sealed].concat());
}

// spec: 3.3, 3.4, 5.1.2, 5.1.3, 5.2.1, 5.3.2, 5.3.3, 6.1, 6.2, 6.3, 6.4, 10.1
#[test]
fn the_document_has_these_vectors() {
    let mut page = Page::default();
    page.text("# RUDP, version 1: test vectors\n");
    page.text(
        "Bytes are hexadecimal, 32 in a line. Numbers in brackets are clauses of PROTOCOL.md.",
    );
    page.text(
        "Suites are 0 AES-128-GCM, 1 ChaCha20-Poly1305, 2 AES-256-GCM, 3 AEGIS-128L. The session is",
    );
    page.text("one of pattern NX, with all suites offered and suite 0 chosen.\n");
    let session = session(&mut page);
    page.text("\n## Packets of the handshake\n");
    handshake_packets(&mut page, &session.script, &session.messages);
    key_schedule(&mut page, &session.server);
    page.text("\n## Data packets (6.4)");
    let packets = packets();
    assert_eq!(packets.len(), 10);
    data_packets(&mut page, &session.server, SUITE, &packets);
    page.text("\n## The first one with the other suites");
    for suite in Suite::ALL.into_iter().filter(|suite| *suite != SUITE) {
        data_packets(&mut page, &session.server, suite, &packets[..1]);
    }
    plain(&mut page);

    if env::var_os("RUDP_BLESS").is_some() {
        fs::write(FILE, &page.0).unwrap();
    }
    let committed = fs::read_to_string(FILE).unwrap_or_default();
    assert!(committed == page.0, "{FILE} is not what comes out; RUDP_BLESS=1 writes it anew");
}
