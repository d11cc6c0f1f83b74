//! A session at rest, and what keep-alives do to it.

use core::time::Duration;

use rudp_base::Machine as _;

use super::{CLIENT, DELAY, Pair, SERVER};
use crate::config::EndpointConfig;

#[test]
fn a_keep_alive_leaves_nothing_to_do_until_the_next() {
    let config = EndpointConfig::default();
    let mut silent = config.clone();
    silent.session.keep_alive = None;
    let mut pair = Pair::open(&config, &silent);
    pair.session(CLIENT).write(0, b"x").unwrap();
    pair.run_for(Duration::from_secs(5));
    let sent = pair.sent.clone();
    while pair.sent == sent {
        let now = pair.now;
        assert!(pair.step(now + Duration::from_secs(10)));
    }
    // There, back, and less than it takes to rest.
    pair.run_for(DELAY * 4);
    for end in [CLIENT, SERVER] {
        assert_eq!(pair.sent[end].len(), sent[end].len() + 1, "a PING, and its answer");
        let next = pair.ends[end].poll_timeout().unwrap();
        assert!(next - pair.now > Duration::from_secs(5), "{end}: {:?}", next - pair.now);
    }
}
