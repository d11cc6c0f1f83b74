//! Floods of SYNs: bounded memory, who is dropped first, and when clients have to prove themselves.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::scene::*;
use crate::handshake::{AnswerKind, Dropped, Opened, Settings, Step, When};
use crate::toy::Toy;

/// A server that never finds its load too high.
fn calm(settings: Settings) -> Server {
    let settings = Settings { load_unfinished: usize::MAX, load_per_second: 1 << 30, ..settings };
    Server::new(Toy::sealed().with_key(SERVER), settings)
}

fn host(number: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)), 5_000)
}

/// Handshakes that are asked for, by number: which are still there.
struct Crowd {
    server: Server,
    clients: Vec<(SocketAddr, Box<Opened>)>,
    retries: u32,
}

impl Crowd {
    fn new(settings: Settings) -> Self {
        Self { server: calm(settings), clients: Vec::new(), retries: 0 }
    }

    fn ask(&mut self, remote: SocketAddr) {
        let now = at(self.clients.len() as u64);
        let mut client = Client::simple(now, self.clients.len() as u64);
        let syn = client.send(now).unwrap();
        let (kind, mut answer) = self.server.syn(now, remote, &syn).unwrap();
        if kind == AnswerKind::Retry {
            self.retries += 1;
            client.take(now, &answer);
            let syn = client.send(now).unwrap();
            answer = self.server.syn(now, remote, &syn).unwrap().1;
        }
        let Step::Done(opened) = client.take(now, &answer) else { panic!("not opened") };
        self.clients.push((remote, opened));
    }

    fn left(&self) -> Vec<usize> {
        let is_left =
            |(_, opened): &(_, Box<Opened>)| self.server.pending.contains(opened.server_id);
        (0..self.clients.len()).filter(|number| is_left(&self.clients[*number])).collect()
    }
}

// spec: 5.1.5
#[test]
fn beyond_64_of_an_address_clients_have_to_prove_it() {
    let mut crowd = Crowd::new(Settings::default());
    crowd.ask(host(1));
    for _ in 0..64 {
        crowd.ask(host(2));
    }
    assert_eq!(crowd.retries, 0);
    crowd.ask(host(2));
    crowd.ask(host(1));
    assert_eq!(crowd.retries, 1, "host 1 is no crowd");
    assert_eq!(crowd.left().len(), 67, "none was dropped");
}

// spec: 5.1.5
#[test]
fn those_who_proved_an_address_have_a_limit_of_their_own() {
    let settings =
        Settings { max_per_network: 1, max_proven_per_network: 2, ..Settings::default() };
    let mut crowd = Crowd::new(settings);
    for _ in 0..3 {
        crowd.ask(host(1));
    }
    let mut client = Client::simple(at(9), 9);
    let syn = client.send(at(9)).unwrap();
    client.take(at(9), &crowd.server.syn(at(9), host(1), &syn).unwrap().1);
    let syn = client.send(at(9)).unwrap();
    assert_eq!(crowd.server.syn(at(9), host(1), &syn).err(), Some(Dropped::Load));
    assert_eq!(crowd.left(), [0, 1, 2]);
}

// spec: 5.1.5
#[test]
fn one_ipv6_network_counts_as_one_address() {
    let mut crowd = Crowd::new(Settings { max_per_network: 2, ..Settings::default() });
    for remote in ["[2001:db8::1]:1", "[2001:db8::2]:2", "[2001:db8::3]:3", "[2001:db8:0:1::]:1"] {
        crowd.ask(addr(remote));
    }
    assert_eq!((crowd.retries, crowd.left().len()), (1, 4));
}

// spec: 5.1.5
#[test]
fn beyond_all_the_oldest_without_a_cookie_goes() {
    let mut crowd = Crowd::new(Settings { max_unfinished: 4, ..Settings::default() });
    for number in 0..6 {
        crowd.ask(host(number));
    }
    assert_eq!(crowd.left(), [2, 3, 4, 5]);
}

// spec: 5.1.5
#[test]
fn if_all_have_cookies_the_oldest_of_the_largest_address_goes() {
    let retry = When::Always;
    let mut crowd = Crowd::new(Settings { max_unfinished: 5, retry, ..Settings::default() });
    for number in [1, 1, 2, 2, 2, 3, 3] {
        crowd.ask(host(number));
    }
    // The sixth pushed out the oldest of host 2. Then 1 and 2 had two each, and 2 lost one more.
    assert_eq!(crowd.left(), [0, 1, 4, 5, 6]);
}

// spec: 5.1.5
#[test]
fn cookies_survive_a_flood_without() {
    let settings = Settings {
        max_unfinished: 100,
        load_unfinished: 0,
        load_per_second: 1 << 30,
        ..Settings::default()
    };
    let mut server = Server::new(Toy::sealed().with_key(SERVER), settings);
    let mut client = Client::simple(at(0), 1);
    let syn = client.send(at(0)).unwrap();
    let (kind, retry) = server.syn(at(0), client_addr(), &syn).unwrap();
    assert_eq!(kind, AnswerKind::Retry);
    client.take(at(0), &retry);
    let (_, answer) = server.syn(at(0), client_addr(), &client.send(at(0)).unwrap()).unwrap();
    for number in 0..1_000 {
        let syn = Client::simple(at(0), 2 + u64::from(number)).send(at(0)).unwrap();
        let (kind, _) = server.syn(at(0), host(number), &syn).unwrap();
        assert_eq!(kind, AnswerKind::Retry);
        assert_eq!(server.pending.len(), 1);
    }
    let Step::Done(opened) = client.take(at(1), &answer) else { panic!("not opened") };
    assert!(server.ack(at(2), client_addr(), &opened.ack).is_ok());
}

// spec: 5.1.5, 12.8
#[test]
fn a_flood_keeps_memory_bounded() {
    for retry in [When::Always, When::UnderLoad, When::Never] {
        let settings = Settings { retry, ..Settings::default() };
        let mut server = Server::new(Toy::sealed().with_key(SERVER), settings);
        for number in 0..5_000 {
            let now = at(u64::from(number) / 10);
            let syn = Client::simple(now, number.into()).send(now).unwrap();
            let _ = server.syn(now, host(number), &syn);
            assert!(server.pending.len() <= 512);
        }
    }
    let mut server = calm(Settings { retry: When::Never, ..Settings::default() });
    for number in 0..5_000 {
        let syn = Client::simple(at(0), number.into()).send(at(0)).unwrap();
        assert!(server.syn(at(0), host(number), &syn).is_ok());
        assert!(server.pending.len() <= 1_024);
    }
}

// spec: 5.5.1
#[test]
fn load_is_many_unfinished_handshakes_or_many_per_second() {
    let ask = |server: &mut Server, now, number: u32| {
        let syn = Client::simple(at(0), number.into()).send(at(0)).unwrap();
        server.syn(at(now), host(number), &syn).map(|(kind, _)| kind)
    };
    let server = |retry, load_unfinished, load_per_second| {
        let settings = Settings { retry, load_unfinished, load_per_second, ..Settings::default() };
        Server::new(Toy::sealed().with_key(SERVER), settings)
    };
    let cases = [(When::UnderLoad, Ok(AnswerKind::Retry)), (When::Never, Err(Dropped::Load))];
    for (retry, under_load) in cases {
        let mut many = server(retry, 3, 1_000);
        let answers: Vec<_> = (0..5).map(|number| ask(&mut many, 0, number)).collect();
        let fine = Ok(AnswerKind::SynAck);
        assert_eq!(answers, [fine, fine, fine, under_load, under_load]);
        assert_eq!(ask(&mut many, 10_000, 6), fine, "they are over");

        let mut fast = server(retry, 1_000, 2);
        let answers: Vec<_> = (0..4).map(|number| ask(&mut fast, 0, number)).collect();
        assert_eq!(answers, [fine, fine, under_load, under_load]);
        assert_eq!(ask(&mut fast, 500, 4), fine);
        assert_eq!(ask(&mut fast, 500, 5), under_load);
    }
}

#[test]
fn sessions_wait_while_no_more_can_be_remembered() {
    let mut crowd = Crowd::new(Settings { max_recent: 2, ..Settings::default() });
    for number in 0..3 {
        crowd.ask(host(number));
    }
    let acks: Vec<_> = crowd.clients.iter().map(|(at, opened)| (*at, opened.ack.clone())).collect();
    let mut ack = |now, number: usize| {
        let (remote, ack) = &acks[number];
        crowd.server.ack(at(now), *remote, ack).err()
    };
    assert_eq!([ack(100, 0), ack(100, 1), ack(100, 2)], [None, None, Some(Dropped::Load)]);
    // The handshake is still there when the memory of the others is over, if it was asked for late.
    assert_eq!(ack(9_999, 2), Some(Dropped::Load));
    assert_eq!(ack(10_100, 2), Some(Dropped::Unknown));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever comes in whatever order: the limits hold, and what is left is what the rule of
    /// 5.1.5 leaves, as a list that is searched from end to end says.
    // spec: 5.1.5
    #[test]
    fn drops_as_a_simple_model_does(hosts in prop::collection::vec(0..6u32, 0..60)) {
        let settings = Settings { max_unfinished: 8, max_per_network: 3, ..Settings::default() };
        let mut crowd = Crowd::new(settings);
        let mut model: Vec<(usize, u32, bool)> = Vec::new();
        for (number, own) in hosts.into_iter().enumerate() {
            crowd.ask(host(own));
            let count = |model: &[(usize, u32, bool)], host, proven| {
                model.iter().filter(|entry| (entry.1, entry.2) == (host, proven)).count()
            };
            let is_proven = count(&model, own, false) >= 3;
            if model.len() == 8 {
                let all = |host| count(&model, host, false) + count(&model, host, true);
                let largest = (0..6).max_by_key(|host| (all(*host), *host)).unwrap();
                let first = model.iter().position(|entry| !entry.2);
                let first = first.or_else(|| model.iter().position(|entry| entry.1 == largest));
                model.remove(first.unwrap());
            }
            model.push((number, own, is_proven));
            let expected: Vec<_> = model.iter().map(|entry| entry.0).collect();
            prop_assert_eq!(crowd.left(), expected);
            prop_assert_eq!(crowd.server.pending.len(), model.len());
        }
    }
}
