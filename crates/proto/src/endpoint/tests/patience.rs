//! How long an endpoint's packets may lie unread, by what its sessions do.

use core::time::Duration;

use rudp_base::Machine as _;

use super::{CLIENT, DELAY, Pair, SERVER, address};
use crate::config::{Config, EndpointConfig};
use crate::endpoint::Target;
use crate::toy::Toy;

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

/// The client sends as fast as it can, and the server reads, for so many milliseconds.
fn bulk(pair: &mut Pair, millis: u32) {
    let (data, mut buffer) = (vec![7; 64 << 10], vec![0; 1 << 20]);
    for _ in 0..millis {
        // Both may have nothing to do just now.
        let _ = pair.session(CLIENT).write(0, &data);
        let _ = pair.session(SERVER).read(0, &mut buffer);
        pair.run_for(Duration::from_millis(1));
    }
}

#[test]
fn bulk_may_lie_unread_for_a_part_of_the_round_trip() {
    let mut pair = open(&Config::default());
    assert_eq!(delays(&pair), [Duration::ZERO; 2], "a session begins");
    bulk(&mut pair, 600);
    for (end, delay) in delays(&pair).into_iter().enumerate() {
        let longest = pair.session(end).stats().smoothed_rtt / 32;
        assert!(delay > DELAY / 32 && delay <= longest, "{delay:?} of {longest:?}");
    }
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
    bulk(&mut pair, 600);
    assert!(delays(&pair).iter().all(|delay| !delay.is_zero()));
    let server = pair.handles[SERVER];
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap();
    pair.drain();
    assert_eq!(delays(&pair)[CLIENT], Duration::ZERO, "it waits for an answer");
    bulk(&mut pair, 50);
    assert_eq!(delays(&pair), [Duration::ZERO; 2], "the session begins");
    pair.handles[SERVER] = server;
    bulk(&mut pair, 300);
    assert!(delays(&pair).iter().all(|delay| !delay.is_zero()), "nothing more happens to it");
}

#[test]
fn settings_say_how_long_at_most() {
    for most in [Duration::ZERO, Duration::from_micros(50)] {
        let mut pair = open(&Config { max_read_delay: most, ..Config::default() });
        bulk(&mut pair, 600);
        assert_eq!(delays(&pair), [most; 2]);
    }
    let mut pair = open(&Config::realtime());
    bulk(&mut pair, 600);
    assert_eq!(delays(&pair), [Duration::ZERO; 2]);
}
