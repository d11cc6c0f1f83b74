//! Twenty thousand seeds, each with a file and links of its own.
//! The file arrives or an error does; only damage that CHK cannot see gives wrong bytes.

use core::ops::Range;
use core::time::Duration;

use rudp_base::{PublicRng, Seed};
use rudp_sim::{BurstLoss, Corruption, LinkConfig, seeds};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Raw, Scene, Shop};
use rushb::{ClientConfig, Rto, ServerConfig};

use crate::record::{combine, record_digest};

#[derive(Debug, Default)]
struct Tally {
    exact: u64,
    refused: u64,
    errors: u64,
    wrong: u64,
    wrong_with_chk: u64,
    digest: u64,
}

fn millis(rng: &mut PublicRng, most: u64) -> Duration {
    Duration::from_millis(rng.below(most + 1))
}

/// A link whose faults are up to `harshness` (0 to 1).
fn link(rng: &mut PublicRng, harshness: f64) -> LinkConfig {
    let mut up_to = |most: f64| if rng.chance(0.5) { rng.unit() * most * harshness } else { 0.0 };
    let (loss, enter, duplicate, reorder) = (up_to(0.3), up_to(0.05), up_to(0.3), up_to(0.3));
    let burst = BurstLoss { enter, leave: 0.4, good_loss: 0.0, bad_loss: 1.0 };
    LinkConfig {
        loss,
        burst_loss: (enter > 0.0).then_some(burst),
        duplicate,
        reorder,
        reorder_by: millis(rng, 500),
        jitter: millis(rng, 50),
        jitter_reorders: rng.chance(0.5),
        ..LinkConfig::delay(millis(rng, 100))
    }
}

fn size(rng: &mut PublicRng) -> usize {
    let size = match rng.below(16) {
        0 => 0,
        1..3 => 1_464 * rng.below(20),
        3..6 => rng.below(60 * 1_464),
        _ => rng.below(12 * 1_464),
    };
    usize::try_from(size).expect("a small file")
}

fn rto(rng: &mut PublicRng) -> Rto {
    if rng.chance(0.2) { Rto::CLASSIC } else { Rto::default() }
}

fn play(seed: u64, tally: &mut Tally, make: impl Fn(&mut PublicRng) -> LinkConfig) {
    let rng = &mut Seed::from_u64(seed).public_stream("random scene");
    let chk = if rng.chance(0.5) { Raw::CHK } else { 0 };
    let enc = if rng.chance(0.3) { Raw::ENC } else { 0 };
    let alphabet = if rng.chance(0.1) { Alphabet::Bytes } else { Alphabet::Encodable };
    let text = file(alphabet, size(rng));
    let config = ServerConfig { rto: rto(rng), ..ServerConfig::default() };
    let mut scene = Scene::new(seed, Shop::new().with("x", text.clone()), config);
    let options = Raw::options(chk | enc);
    let config = ClientConfig { options, rto: rto(rng), ..ClientConfig::default() };
    scene.download("x", config, make(rng));
    scene.world.set_coalesce(rng.chance(0.5));
    scene.run();
    match scene.got(0, &text) {
        Got::Exact => tally.exact += 1,
        Got::Wrong => {
            tally.wrong += 1;
            tally.wrong_with_chk += u64::from(options.checksum);
        }
        Got::Error(rushb::Failure::Refused) => tally.refused += 1,
        Got::Error(_) => tally.errors += 1,
    }
    tally.digest = combine(tally.digest, scene.world.digest());
}

fn play_all(name: &str, range: Range<u64>, make: impl Fn(&mut PublicRng) -> LinkConfig) -> Tally {
    let mut tally = Tally::default();
    seeds(range, |seed| play(seed, &mut tally, &make));
    println!("{name}: {tally:?}");
    record_digest(&format!("random, {name}"), tally.digest);
    tally
}

/// Whether `errors` of `tally` are rarer than one in `rarity`. One seed alone is no statistics.
fn rare(tally: &Tally, errors: u64, rarity: u64) -> bool {
    let all = tally.exact + tally.refused + tally.errors + tally.wrong;
    all == 1 || errors * rarity <= all
}

#[test]
fn moderately_bad_links_deliver_nearly_everything() {
    let tally = play_all("moderate", 0..8_000, |rng| link(rng, 0.2));
    assert_eq!(tally.wrong, 0);
    assert!(rare(&tally, tally.errors, 400), "{tally:?}");
}

#[test]
fn bad_links_deliver_or_fail() {
    let tally = play_all("bad", 8_000..12_000, |rng| link(rng, 1.0));
    assert_eq!(tally.wrong, 0);
    assert!(rare(&tally, tally.errors, 3), "{tally:?}");
}

#[test]
fn flipped_bits_are_found_by_chk_or_by_comparison() {
    let tally = play_all("bits", 12_000..16_000, |rng| LinkConfig {
        corrupt: rng.unit() * 0.1,
        corruption: Corruption::Bits(1 + usize::from(rng.chance(0.3))),
        ..link(rng, 0.1)
    });
    assert!(rare(&tally, tally.wrong_with_chk, 200), "{tally:?}");
}

#[test]
fn noise_is_found_by_chk_or_by_comparison() {
    let tally = play_all("noise", 16_000..20_000, |rng| LinkConfig {
        corrupt: rng.unit() * 0.1,
        corruption: Corruption::Noise { longest: if rng.chance(0.5) { 20 } else { 1_472 } },
        ..link(rng, 0.1)
    });
    assert!(rare(&tally, tally.wrong_with_chk, 200), "{tally:?}");
}
