//! `rudp demo`: both ends and a bad network in one process.

use crate::support::Place;

#[test]
fn the_demo_gets_everything_through_a_bad_network() {
    let ended = Place::new().run(&["demo"], 0);
    let printed = ended.printed();
    for part in ["5 % of the packets lost", "close: the peer's program has read", "blake3 equal"] {
        assert!(printed.contains(part), "{printed}");
    }
}
