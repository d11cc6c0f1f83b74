//! How much leaves at once, by settings and by what the path loses.

use core::time::Duration;

use super::{CLIENT, Pair, SERVER};
use crate::config::{Config, Congestion, EndpointConfig};

/// Bytes per second: ten packets of 1,200 bytes in a millisecond.
const RATE: u64 = 12_000_000;

/// The most that the client sends at one instant, in bytes, once the session is on its way. One packet
/// of so many is lost, if any. The last of the `turns` are counted.
fn largest_burst(session: &Config, one_lost_of: Option<usize>, turns: u32) -> usize {
    let congestion = Congestion::Fixed(RATE);
    let (stream_window, session_window) = (1 << 20, 2 << 20);
    let packet_size = Some(1_200);
    let session =
        Config { packet_size, stream_window, session_window, congestion, ..session.clone() };
    let config = EndpointConfig { session, ..EndpointConfig::default() };
    let mut pair = Pair::open(&config, &config);
    let (data, mut buffer) = (vec![7; 256 << 10], vec![0; 1 << 20]);
    let (mut largest, mut packets) = (0, 0);
    for turn in 0..turns {
        // Both may have nothing to do just now.
        let _ = pair.session(CLIENT).write(0, &data);
        let _ = pair.session(SERVER).read(0, &mut buffer);
        let limit = pair.now + Duration::from_millis(10);
        loop {
            let before = pair.sent[CLIENT].len();
            let goes_on = pair.step(limit);
            let burst = &pair.sent[CLIENT][before..];
            packets += burst.len();
            if turn + 30 >= turns {
                largest = largest.max(burst.iter().sum());
            }
            if one_lost_of.is_some_and(|of| packets >= of) {
                packets = 0;
                let last = pair.flying.iter().rposition(|flying| flying.to == SERVER);
                last.and_then(|last| pair.flying.remove(last));
            }
            if !goes_on {
                break;
            }
        }
    }
    largest
}

// spec: 8.4
#[test]
fn a_twelfth_of_a_round_trip_leaves_at_once_where_nothing_is_lost() {
    // The round trip takes 20 ms.
    let most = usize::try_from(RATE).unwrap() / 50 / 12;
    let burst = largest_burst(&Config::default(), None, 60);
    assert!(burst > most * 3 / 4 && burst <= most, "{burst} of {most}");
}

// spec: 8.4
#[test]
fn an_eighth_of_a_round_trip_leaves_at_once_where_nothing_was_lost_for_long() {
    let most = usize::try_from(RATE).unwrap() / 50 / 8;
    let burst = largest_burst(&Config::default(), None, 450);
    assert!(burst > most * 3 / 4 && burst <= most, "{burst} of {most}");
    let burst = largest_burst(&Config::default(), Some(2_000), 450);
    assert!(burst <= most * 2 / 3, "{burst} where one in 2,000 is lost");
}

// spec: 8.4
#[test]
fn a_millisecond_leaves_at_once_where_packets_are_lost_or_it_is_set() {
    let most = usize::try_from(RATE).unwrap() / 1_000;
    for (what, session, lost) in [
        ("lost", Config::default(), Some(50)),
        ("set", Config { max_burst: Duration::from_millis(1), ..Config::default() }, None),
        ("realtime", Config::realtime(), None),
    ] {
        let burst = largest_burst(&session, lost, 60);
        assert!(burst <= most, "{what}: {burst} of {most}");
    }
}
