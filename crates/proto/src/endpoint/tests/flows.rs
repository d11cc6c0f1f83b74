//! Several sessions that send as one flow.

use core::time::Duration;

use rudp_base::Machine as _;

use super::{CLIENT, DELAY, Pair, SERVER, address};
use crate::config::{Config, Congestion, EndpointConfig};
use crate::connection::Stats;
use crate::endpoint::Target;
use crate::event::Handle;
use crate::toy::Toy;

const SECOND: Duration = Duration::from_secs(1);

/// As many sessions of one client, and their ends at the server, in the same order.
fn many(sessions: usize, session: Config) -> (Pair, [Vec<Handle>; 2]) {
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let mut pair = Pair::open(&config, &config);
    let mut handles = pair.handles.map(|handle| vec![handle.unwrap()]);
    for _ in 1..sessions {
        connect(&mut pair, &mut handles);
    }
    (pair, handles)
}

/// One more.
fn connect(pair: &mut Pair, handles: &mut [Vec<Handle>; 2]) {
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    handles[CLIENT].push(pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap());
    pair.run_for(SECOND);
    handles[SERVER].push(pair.handles[SERVER].unwrap());
}

fn stats(pair: &mut Pair, end: usize, handle: Handle) -> Stats {
    pair.ends[end].session(pair.now, handle).unwrap().stats()
}

/// Writes as much as fits.
fn fill(pair: &mut Pair, end: usize, handle: Handle) {
    let mut session = pair.ends[end].session(pair.now, handle).unwrap();
    while session.write(0, &[7; 10_000]).is_ok() {}
}

/// Reads what is there, and says how much that is.
fn read(pair: &mut Pair, end: usize, handle: Handle) -> usize {
    let (mut buffer, mut sum) = (vec![0; 10_000], 0);
    let mut session = pair.ends[end].session(pair.now, handle).unwrap();
    while let Ok(crate::connection::Read::Bytes(len)) = session.read(0, &mut buffer) {
        sum += len;
    }
    sum
}

/// How many flows an end has, and how many sessions each of them.
fn flows(pair: &Pair, end: usize) -> Vec<usize> {
    pair.ends[end].flows.sessions().collect()
}

// spec: 8.4.2
#[test]
fn sessions_to_one_address_have_one_window() {
    let (mut pair, handles) = many(5, Config { packet_size: Some(1_200), ..Config::default() });
    assert_eq!((flows(&pair, CLIENT), flows(&pair, SERVER)), (vec![5], vec![5]));
    handles[CLIENT].iter().for_each(|handle| fill(&mut pair, CLIENT, *handle));
    let mut was_full = false;
    // Nothing is acknowledged before, and the pacer lets them fill the window.
    let limit = pair.now + 2 * DELAY - Duration::from_millis(1);
    loop {
        pair.drain();
        let all: Vec<_> =
            handles[CLIENT].iter().map(|handle| stats(&mut pair, CLIENT, *handle)).collect();
        let in_flight: u64 = all.iter().map(|stats| stats.bytes_in_flight).sum();
        let window = all[0].congestion_window;
        assert!(all.iter().all(|stats| stats.congestion_window == window));
        assert!(in_flight <= window, "{in_flight} of {window}");
        was_full |= in_flight + 1_500 > window;
        if !pair.step(limit) {
            break;
        }
    }
    assert!(was_full);
}

// spec: 8.4.2
#[test]
fn each_has_its_turn() {
    let (mut pair, handles) = many(4, Config::default());
    let mut got = [0; 4];
    let limit = pair.now + SECOND * 3;
    while got.iter().sum::<usize>() < 4_000_000 {
        for (n, got) in got.iter_mut().enumerate() {
            fill(&mut pair, CLIENT, handles[CLIENT][n]);
            *got += read(&mut pair, SERVER, handles[SERVER][n]);
        }
        assert!(pair.step(limit), "{got:?}");
    }
    assert!(got.iter().all(|got| *got > 800_000), "{got:?}");
}

// spec: 8.4
#[test]
fn the_pacer_lets_them_go_on_though_nothing_is_acknowledged() {
    let (mut pair, handles) = many(4, Config { packet_size: Some(1_200), ..Config::default() });
    // Nothing is known of the path but that it takes so much.
    for _ in 0..50 {
        let mut session = pair.ends[CLIENT].session(pair.now, handles[CLIENT][0]).unwrap();
        assert_eq!(session.write(0, &[7; 8_000]).unwrap(), 8_000);
        drop(session);
        pair.run_for(DELAY * 2);
        read(&mut pair, SERVER, handles[SERVER][0]);
    }
    pair.run_for(SECOND);
    pair.is_cut[CLIENT] = true;
    handles[CLIENT].iter().for_each(|handle| fill(&mut pair, CLIENT, *handle));
    let limit = pair.now + SECOND;
    let mut turns = 0;
    loop {
        pair.drain();
        let all = handles[CLIENT].iter().map(|handle| stats(&mut pair, CLIENT, *handle));
        let (in_flight, window) = all
            .fold((0, 0), |(sum, _), stats| (sum + stats.bytes_in_flight, stats.congestion_window));
        if in_flight + 1_500 > window {
            break;
        }
        // Nobody waits for longer than for a turn.
        let due = pair.ends[CLIENT].poll_timeout().unwrap();
        assert!(due - pair.now < DELAY / 2, "{in_flight} of {window}: {:?}", due - pair.now);
        assert!(pair.step(limit));
        turns += 1;
    }
    assert!(turns > 0);
}

// spec: 8.4.2
#[test]
fn what_a_turn_ends_with_is_acknowledged_at_once() {
    // Nothing else makes the peer acknowledge so soon.
    let (ack_tolerance, max_ack_delay) = (64, Duration::from_millis(200));
    let config = Config { max_ack_delay, ack_tolerance, ..Config::default() };
    let (mut pair, handles) = many(2, config);
    for handle in &handles[CLIENT] {
        fill(&mut pair, CLIENT, *handle);
    }
    let limit = pair.now + SECOND;
    // What was sent, and how much of it was acknowledged.
    let progress = |pair: &mut Pair, n: usize| {
        pair.drain();
        let Stats { bytes_sent, bytes_in_flight, .. } = stats(pair, CLIENT, handles[CLIENT][n]);
        (bytes_sent, bytes_sent - bytes_in_flight)
    };
    let before = [0, 1].map(|n| progress(&mut pair, n).0);
    // Whoever begins sends until its turn is over, and then the other one.
    let first = usize::from(stats(&mut pair, CLIENT, handles[CLIENT][0]).bytes_in_flight == 0);
    while progress(&mut pair, 1 - first).0 == before[1 - first] {
        assert!(pair.step(limit));
    }
    let (sent, acknowledged) = progress(&mut pair, first);
    assert!(acknowledged < sent);
    pair.run_for(2 * DELAY);
    assert!(progress(&mut pair, first).1 >= sent);
}

// spec: 8.4.2
#[test]
fn a_session_whose_peer_is_gone_is_in_nobodys_way() {
    let (mut pair, handles) = many(2, Config::default());
    let [gone, other] = handles[CLIENT][..] else { panic!() };
    // Nobody hears of its packets any more.
    let id = match &pair.ends[CLIENT].slots[gone.index as usize].stage {
        crate::endpoint::slot::Stage::Live(connection) => connection.remote_id(),
        _ => panic!("no session"),
    };
    pair.cut_id = Some(id.0.to_vec());
    fill(&mut pair, CLIENT, gone);
    pair.drain();
    fill(&mut pair, CLIENT, other);
    let mut sum = 0;
    let limit = pair.now + SECOND * 2;
    while sum < 1_000_000 {
        fill(&mut pair, CLIENT, other);
        sum += read(&mut pair, SERVER, handles[SERVER][1]);
        assert!(pair.step(limit), "{sum} bytes");
    }
    assert!(stats(&mut pair, CLIENT, gone).bytes_in_flight > 0, "it is still hoped for");
}

// spec: 8.4.2
#[test]
fn who_ends_in_the_midst_of_a_turn_lets_the_others_go_on() {
    for n in 0..3 {
        let (mut pair, handles) = many(3, Config::default());
        handles[CLIENT].iter().for_each(|handle| fill(&mut pair, CLIENT, *handle));
        pair.drain();
        pair.ends[CLIENT].session(pair.now, handles[CLIENT][n]).unwrap().abort(1, "");
        let mut got = [0; 3];
        for _ in 0..10 {
            pair.run_for(SECOND / 10);
            for (got, handle) in got.iter_mut().zip(&handles[SERVER]) {
                *got += read(&mut pair, SERVER, *handle);
            }
        }
        assert_eq!(got.iter().filter(|got| **got >= 100_000).count(), 2, "{got:?} without {n}");
        pair.ends[CLIENT].session(pair.now, handles[CLIENT][n]).unwrap().release();
        pair.ends[SERVER].session(pair.now, handles[SERVER][n]).unwrap().release();
        pair.run_for(SECOND * 60);
        assert_eq!((flows(&pair, CLIENT), flows(&pair, SERVER)), (vec![2], vec![2]));
    }
}

// spec: 8.4.2
#[test]
fn a_rate_that_was_set_is_each_sessions_own() {
    let congestion = Congestion::Fixed(1_000_000);
    let (pair, _) = many(3, Config { congestion, ..Config::default() });
    assert_eq!(flows(&pair, CLIENT), [1, 1, 1]);
}

// spec: 8.4.2
#[test]
fn sessions_that_move_one_after_the_other_are_one_flow_again() {
    let (mut pair, handles) = many(3, Config::default());
    for handle in &handles[SERVER] {
        fill(&mut pair, SERVER, *handle);
    }
    pair.run_for(DELAY);
    pair.from[CLIENT].set_port(7_001);
    // The first to be heard of leaves the others behind.
    let limit = pair.now + SECOND;
    while flows(&pair, SERVER).len() == 1 {
        assert!(pair.step(limit));
    }
    let mut got = [0; 3];
    while got.iter().any(|got| *got < 300_000) {
        for n in 0..3 {
            fill(&mut pair, SERVER, handles[SERVER][n]);
            got[n] += read(&mut pair, CLIENT, handles[CLIENT][n]);
        }
        pair.drain();
        let own = handles[SERVER].iter().map(|handle| stats(&mut pair, SERVER, *handle));
        let own: u64 = own.map(|stats| stats.bytes_in_flight).sum();
        assert_eq!(pair.ends[SERVER].flows.in_flight().sum::<u64>(), own);
        assert!(pair.step(limit), "{got:?}");
    }
    assert_eq!(flows(&pair, SERVER), [3]);
}

// spec: 8.4.2
#[test]
fn one_that_moves_alone_takes_its_flow_along() {
    let (mut pair, handles) = many(1, Config::default());
    fill(&mut pair, SERVER, handles[SERVER][0]);
    pair.run_for(DELAY * 10);
    let window = stats(&mut pair, SERVER, handles[SERVER][0]).congestion_window;
    assert!(window > 20_000, "{window}");
    pair.from[CLIENT].set_port(7_001);
    pair.ends[CLIENT].session(pair.now, handles[CLIENT][0]).unwrap().write(0, &[1]).unwrap();
    // There and back: then the address is proven.
    pair.run_for(DELAY * 3);
    assert_eq!(pair.session(SERVER).remote().port(), 7_001);
    assert_eq!(stats(&mut pair, SERVER, handles[SERVER][0]).congestion_window, window);
}

// spec: 9.3.1
#[test]
fn both_addresses_are_challenged_whosever_turn_it_is() {
    for n in 0..3 {
        let (mut pair, handles) = many(3, Config::default());
        handles[SERVER].iter().for_each(|handle| fill(&mut pair, SERVER, *handle));
        pair.drain();
        pair.lose_flying();
        pair.from[CLIENT].set_port(7_001);
        pair.ends[CLIENT].session(pair.now, handles[CLIENT][n]).unwrap().write(0, &[1]).unwrap();
        pair.drain();
        pair.sent[SERVER].clear();
        assert!(pair.step(pair.now + DELAY));
        pair.drain();
        let challenges = pair.sent[SERVER].iter().filter(|len| **len < 60).count();
        assert_eq!(challenges, 2, "{n}: {:?}", pair.sent[SERVER]);
    }
}

// spec: 8.4.2
#[test]
fn an_address_that_was_not_proven_shares_nothing() {
    let (mut pair, mut handles) = many(1, Config::default());
    let target = Target { server_key: Some(Toy::key(1)), ..Target::default() };
    pair.from[CLIENT].set_port(7_001);
    handles[CLIENT].push(pair.ends[CLIENT].connect(pair.now, address(SERVER), target).unwrap());
    let limit = pair.now + SECOND;
    while pair.ends[SERVER].sessions() == 1 {
        // Its SYN came from elsewhere.
        pair.drain();
        assert!(pair.step(limit));
        pair.from[CLIENT].set_port(7_000);
    }
    assert_eq!(flows(&pair, SERVER), [1, 1]);
    pair.run_for(SECOND);
    assert_eq!(flows(&pair, SERVER), [2]);
}
