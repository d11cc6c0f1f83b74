//! How long an endpoint's packets may lie unread, by what its sessions do.

use core::time::Duration;

use rudp_base::Machine as _;

use super::{CLIENT, DELAY, Pair, SERVER, address};
use crate::config::{Config, EndpointConfig};
use crate::endpoint::Target;
use crate::toy::Toy;

const UP: (usize, usize) = (CLIENT, SERVER);
const DOWN: (usize, usize) = (SERVER, CLIENT);

/// Sessions with packets as on a real path: a few of 64 KiB are no bulk.
fn open(session: &Config) -> Pair {
    let session = Config { packet_size: Some(1_200), ..session.clone() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    Pair::open(&config, &config)
}

/// What both ends can bear now.
fn delays(pair: &Pair) -> [Duration; 2] {
    [CLIENT, SERVER].map(|end| pair.ends[end].max_read_delay(pair.now))
}

/// One end sends as fast as it can, and the other one reads, for so many milliseconds.
fn bulk(pair: &mut Pair, (from, to): (usize, usize), millis: u32) {
    let (data, mut buffer) = (vec![7; 64 << 10], vec![0; 1 << 20]);
    for _ in 0..millis {
        // Both may have nothing to do just now.
        let _ = pair.session(from).write(0, &data);
        let _ = pair.session(to).read(0, &mut buffer);
        pair.run_for(Duration::from_millis(1));
    }
}

#[test]
fn bulk_may_lie_unread_for_a_part_of_the_round_trip() {
    let mut pair = open(&Config::default());
    assert_eq!(delays(&pair), [Duration::ZERO; 2], "a session begins");
    bulk(&mut pair, UP, 600);
    let [sender, receiver] = delays(&pair);
    let longest = pair.session(SERVER).stats().smoothed_rtt / 16;
    assert!(receiver > DELAY / 16 && receiver <= longest, "{receiver:?} of {longest:?}");
    assert_eq!(sender, Duration::ZERO, "it waits for acknowledgements");
    pair.run_for(Duration::from_secs(2));
    assert_eq!(delays(&pair), [Duration::ZERO; 2], "it is over");
}

#[test]
fn who_asks_and_waits_for_answers_gets_them_at_once() {
    let mut pair = open(&Config::default());
    for _ in 0..50 {
        for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
            pair.session(from).write(0, &[1; 64]).unwrap();
            pair.run_for(DELAY + Duration::from_millis(1));
            pair.session(to).read(0, &mut [0; 64]).unwrap();
            assert_eq!(delays(&pair), [Duration::ZERO; 2]);
        }
    }
}

#[test]
fn who_cannot_wait_does_not_have_to_for_anothers_sake() {
    let mut pair = open(&Config::default());
    bulk(&mut pair, DOWN, 600);
    let delay = |pair: &Pair| delays(pair)[CLIENT];
    assert!(!delay(&pair).is_zero());
    let handles = pair.handles;
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap();
    pair.drain();
    assert_eq!(delay(&pair), Duration::ZERO, "it waits for an answer");
    pair.run_for(DELAY * 4);
    pair.handles = handles;
    bulk(&mut pair, DOWN, 50);
    assert_eq!(delay(&pair), Duration::ZERO, "the session begins");
    bulk(&mut pair, DOWN, 300);
    assert!(!delay(&pair).is_zero(), "nothing more happens to it");
}

#[test]
fn who_sends_as_well_reads_at_once() {
    let mut pair = open(&Config::default());
    for _ in 0..600 {
        bulk(&mut pair, UP, 1);
        bulk(&mut pair, DOWN, 1);
    }
    assert_eq!(delays(&pair), [Duration::ZERO; 2]);
}

#[test]
fn settings_say_how_long_at_most() {
    for most in [Duration::ZERO, Duration::from_micros(50)] {
        let mut pair = open(&Config { max_read_delay: most, ..Config::default() });
        bulk(&mut pair, UP, 600);
        assert_eq!(delays(&pair)[SERVER], most);
    }
    let mut pair = open(&Config::realtime());
    bulk(&mut pair, UP, 600);
    assert_eq!(delays(&pair), [Duration::ZERO; 2]);
}
