//! Files that fail while they are sent: shrunk, or not readable any more.
//! The client ends with an error, and never takes what it has for the file.

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Goods, Got, Scene, Shop};
use rushb::{Failure, Outcome};

use crate::record::record;

/// A download that the server abandons: `fail` breaks a file of `len` bytes at byte `at`.
fn never_complete(name: &str, len: usize, at: usize, fail: impl Fn(Goods) -> Goods) {
    let text = file(Alphabet::Bytes, len);
    let mut shop = Shop::new();
    shop.put("x", fail(Goods::new(text.clone())));
    let mut scene = Scene::pair(1, shop, "x", LinkConfig::default());
    scene.run();
    // Where not even the first packet can be sent, a [FIN] is a refusal and says so at once.
    let failure = if at < 1_464 { Failure::Refused } else { Failure::NoAnswer };
    assert_eq!(scene.got(0, &text), Got::Error(failure), "{len} bytes");
    assert_eq!(scene.shop().outcomes(), [Outcome::Abandoned]);
    record(name, &scene.world);
}

#[test]
fn a_file_that_shrank_never_looks_complete() {
    for len in [0, 1, 1_463, 1_464, 1_465, 2_928, 5_000] {
        never_complete("shrunk by one", len, len, |goods| goods.shrunk_from(len + 1));
        never_complete("shrunk by much", len, len, |goods| goods.shrunk_from(len + 10_000));
    }
}

#[test]
fn a_file_that_cannot_be_read_on_never_looks_complete() {
    for packet in 0..4 {
        let readable = packet * 1_464;
        never_complete("unreadable", 5_000, readable, |goods| goods.unreadable_from(readable));
    }
}
