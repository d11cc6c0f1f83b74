//! The search on paths that take certain sizes, and by chance lose a probe.

use core::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const NONE: SizeLosses = SizeLosses { probe: None, packets: 0, least: 0 };

fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

/// A search on a path that takes packets of `takes` bytes.
struct Scene {
    mtu: Mtu,
    takes: u16,
    now: Instant,
}

impl Scene {
    fn new(remote: IpAddr, limit: u16, takes: u16) -> Self {
        Self { mtu: Mtu::new(None, limit, remote), takes, now: at(0) }
    }

    /// One on an IPv4 path whose search is over.
    fn found(takes: u16) -> Self {
        let mut scene = Self::new(V4, u16::MAX, takes);
        scene.probes();
        assert_eq!(scene.mtu.size(), takes);
        scene
    }

    /// Lets much data pass, and then the next probe, if there is one.
    fn probe(&mut self, is_lost: bool) -> Option<u16> {
        self.mtu.on_full(u64::from(u32::MAX));
        let size = self.mtu.wants(self.now)?;
        self.mtu.on_probe(size);
        assert_eq!(self.mtu.wants(self.now), None, "one at a time");
        if size <= self.takes && !is_lost {
            self.ack(Some(size), size, NONE);
        } else {
            self.ack(None, BASE, SizeLosses { probe: Some(size), ..NONE });
        }
        Some(size)
    }

    /// Searches to the end, and gives the sizes that were tried.
    fn probes(&mut self) -> Vec<u16> {
        core::iter::from_fn(|| self.probe(false)).take(200).collect()
    }

    fn ack(&mut self, probe: Option<u16>, largest: u16, lost: SizeLosses) -> bool {
        self.mtu.on_ack(self.now, Acked { probe, largest }, lost)
    }

    /// So many packets of `least` bytes are lost, while the largest that comes has `largest`.
    fn miss(&mut self, packets: u32, least: u16, largest: u16) -> bool {
        self.ack(None, largest, SizeLosses { probe: None, packets, least })
    }
}

// spec: 9.4.1
#[test]
fn finds_what_paths_take() {
    let most = u16::MAX;
    let table: [(_, _, _, u16, &[u16]); 11] = [
        ("Ethernet", V4, most, 1_472, &[1_472, 2_016, 2_016, 2_016]),
        ("IPv6", V6, most, 1_452, &[1_452, 1_996, 1_996, 1_996]),
        ("PPPoE", V4, most, 1_464, &[1_472, 1_472, 1_472, 1_392, 1_464]),
        ("IPv6's least", V6, most, 1_232, &[1_452; 3]),
        ("jumbo frames", V4, most, 8_972, &[1_472, 2_016, 4_064, 8_972, 16_356, 16_356, 16_356]),
        ("a cloud", V4, most, 8_868, &[1_472, 2_016, 4_064, 8_972, 8_972, 8_972, 8_868]),
        ("loopback", V4, most, 65_507, &[1_472, 2_016, 4_064, 8_972, 16_356, 65_507]),
        ("loopback, IPv6", V6, most, 65_488, &[1_452, 1_996, 4_044, 8_952, 16_336, 65_488]),
        ("the peer takes less", V4, 1_300, 1_300, &[1_300]),
        ("the peer takes a little more", V4, 1_500, 1_472, &[1_472, 1_500, 1_500, 1_500]),
        ("the peer takes no more", V4, 1_200, 1_200, &[]),
    ];
    for (what, remote, limit, takes, expected) in table {
        let mut scene = Scene::new(remote, limit, takes);
        let probes = scene.probes();
        assert_eq!(scene.mtu.size(), takes, "{what}: {probes:?}");
        assert!(probes.starts_with(expected), "{what}: {probes:?}");
        assert!(probes.len() <= 16, "{what}: {probes:?}");
    }
}

// spec: 9.4.1
#[test]
fn the_base_size_is_used_until_a_larger_one_came() {
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    assert_eq!((scene.mtu.size(), scene.mtu.wants(at(0))), (BASE, None), "nothing was sent yet");
    scene.mtu.on_full(1_200);
    assert_eq!(scene.mtu.wants(at(0)), Some(1_472));
    scene.mtu.on_probe(1_472);
    assert_eq!(scene.mtu.size(), BASE);
    assert!(scene.ack(Some(1_472), 1_472, NONE));
    assert_eq!(scene.mtu.size(), 1_472);
}

#[test]
fn a_probe_is_paid_for_before_the_next() {
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    scene.mtu.on_full(1_200);
    scene.mtu.on_probe(1_472);
    scene.ack(Some(1_472), 1_472, NONE);
    scene.mtu.on_full(16 * 1_472 - 1);
    assert_eq!(scene.mtu.wants(at(0)), None);
    scene.mtu.on_full(1);
    assert_eq!(scene.mtu.wants(at(0)), Some(2_016));
}

// spec: 9.4.1
#[test]
fn two_lost_probes_say_nothing() {
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    assert_eq!([true, true, false].map(|lost| scene.probe(lost)), [Some(1_472); 3]);
    assert_eq!(scene.mtu.size(), 1_472);
    // One that was given up may still come.
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    assert_eq!([true; 3].map(|lost| scene.probe(lost)), [Some(1_472); 3]);
    assert_eq!(scene.mtu.size(), BASE);
    assert!(scene.ack(Some(1_472), 1_472, NONE));
    assert_eq!(scene.probes(), [2_016; 3]);
    assert_eq!(scene.mtu.size(), 1_472);
}

#[test]
fn looks_for_more_after_ten_minutes() {
    let mut scene = Scene::found(1_472);
    scene.takes = 8_972;
    scene.now = at(599);
    assert_eq!(scene.probes(), []);
    scene.now = at(600);
    assert_eq!(scene.probes()[..3], [2_016, 4_064, 8_972]);
    assert_eq!(scene.mtu.size(), 8_972);
    // There is nothing beyond what the peer takes.
    let mut scene = Scene::new(V4, 1_300, 1_300);
    scene.probes();
    scene.now = at(6_000);
    assert_eq!(scene.probes(), []);
}

// spec: 9.4.1
#[test]
fn a_path_that_takes_less_is_noticed() {
    let mut scene = Scene::found(8_972);
    scene.takes = 1_472;
    assert!(!scene.miss(2, 8_972, BASE));
    // Smaller packets say nothing of larger ones.
    assert!(scene.miss(1, 8_972, 1_300));
    assert_eq!(scene.mtu.size(), BASE);
    assert_eq!(
        scene.probes(),
        [8_972, 8_972, 8_972, 1_472, 4_064, 4_064, 4_064, 2_016, 2_016, 2_016]
    );
    assert_eq!(scene.mtu.size(), 1_472);
}

// spec: 9.4.1
#[test]
fn losses_by_chance_cost_a_round_trip_at_most() {
    let mut scene = Scene::found(1_472);
    for _ in 0..100 {
        assert!(!scene.miss(10, 1_472, 1_472), "others of the size came");
        assert!(!scene.miss(2, 1_300, BASE));
        assert!(!scene.miss(0, 0, 1_300));
    }
    assert!(scene.miss(50, 1_472, BASE));
    // What was in flight then and is missed now is the same story.
    assert!(!scene.miss(50, 1_472, BASE));
    assert_eq!(scene.probe(false), Some(1_472));
    assert_eq!((scene.mtu.size(), scene.probe(false)), (1_472, None));
    assert!(!scene.miss(2, 1_472, BASE));
}

// spec: 9.4.3
#[test]
fn losses_say_nothing_while_nothing_smaller_comes() {
    let mut scene = Scene::found(1_472);
    assert!(!scene.miss(50, 1_472, 0), "nothing came at all");
    assert_eq!(scene.mtu.size(), 1_472);
    let mut other = Scene { mtu: scene.mtu.clone(), ..scene };
    assert!(!scene.ack(None, 1_472, NONE));
    assert!(other.ack(None, BASE, NONE));
}

// spec: 9.3.2, 9.4.2
#[test]
fn a_probe_to_an_address_that_was_left_is_sent_again() {
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    scene.mtu.on_full(u64::from(u32::MAX));
    scene.mtu.on_probe(1_472);
    scene.mtu.forget_probe();
    assert_eq!(scene.probe(false), Some(1_472));
    assert_eq!(scene.mtu.size(), 1_472);
}

// spec: 9.4.2
#[test]
fn a_late_larger_probe_does_not_hide_the_one_that_came_with_it() {
    let mut scene = Scene::new(V4, u16::MAX, 1_464);
    assert_eq!([true; 3].map(|lost| scene.probe(lost)), [Some(1_472); 3]);
    scene.mtu.on_full(u64::from(u32::MAX));
    assert_eq!(scene.mtu.wants(at(0)), Some(1_392));
    scene.mtu.on_probe(1_392);
    // One of 1,472 was only late. An acknowledgement names the largest.
    assert!(scene.ack(Some(1_472), 1_472, NONE));
    assert_eq!(scene.probe(true), Some(2_016), "the search goes on");
}

#[test]
fn timers_find_losses_and_acknowledgements_judge_them() {
    let mut scene = Scene::found(1_472);
    scene.mtu.on_lost(at(1), SizeLosses { probe: None, packets: 60, least: 1_472 });
    assert_eq!(scene.mtu.size(), 1_472);
    let mut other = Scene { mtu: scene.mtu.clone(), ..scene };
    assert!(!scene.ack(None, 1_472, NONE));
    assert!(other.ack(None, BASE, NONE));
}

#[test]
fn what_the_system_does_not_take_is_not_tried_again() {
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    scene.probe(false);
    scene.mtu.on_full(1 << 20);
    scene.mtu.on_probe(2_016);
    assert!(!scene.mtu.on_too_big(at(0), 2_016));
    assert_eq!((scene.probes(), scene.mtu.size()), (vec![], 1_472));
    // Its loss is found later, and is nothing new.
    scene.ack(None, BASE, SizeLosses { probe: Some(2_016), ..NONE });
    // The interface takes less than it did.
    scene.takes = 1_400;
    assert!(scene.mtu.on_too_big(at(0), 1_472));
    assert_eq!((scene.mtu.size(), scene.probe(false)), (BASE, Some(1_392)));
    assert!(!scene.mtu.on_too_big(at(0), BASE), "there is nothing smaller");
    // An error of something larger has nothing to do with the probe that is in flight.
    let mut scene = Scene::new(V4, u16::MAX, 1_472);
    scene.mtu.on_full(1 << 20);
    scene.mtu.on_probe(1_472);
    scene.mtu.on_too_big(at(0), 9_000);
    assert_eq!(scene.mtu.wants(at(0)), None);
}

// spec: 9.4.1, 9.3.2
#[test]
fn a_size_that_was_set_is_used_until_it_cannot_be() {
    let mut scene = Scene { mtu: Mtu::new(Some(9_000), u16::MAX, V4), takes: 1_200, now: at(0) };
    assert_eq!((scene.mtu.size(), scene.mtu.safe_size()), (9_000, 9_000));
    assert!(!scene.miss(100, 9_000, BASE));
    assert_eq!((scene.mtu.size(), scene.probes()), (9_000, vec![]));
    let mut moved = scene.mtu.clone();
    moved.restart(V6);
    assert!(scene.mtu.on_too_big(at(0), 9_000));
    assert_eq!((scene.mtu.size(), moved.size()), (BASE, BASE));
    scene.now = at(1_000);
    assert_eq!(scene.probes(), []);
    assert_eq!(Mtu::new(Some(9_000), 4_000, V4).size(), 4_000, "what the peer takes");
}

// spec: 9.3.2
#[test]
fn a_fresh_path_is_searched_anew() {
    let mut scene = Scene::found(8_972);
    scene.mtu.restart(V6);
    assert_eq!(scene.mtu.size(), BASE);
    assert_eq!(scene.probe(false), Some(1_452));
    assert_eq!(scene.mtu.safe_size(), BASE);
}

proptest! {
    // spec: 9.4.1
    #[test]
    fn ends_close_to_what_the_path_takes(
        takes in 1_200..=65_507u16,
        limit in 1_200..=u16::MAX,
        remote in prop::sample::select(vec![V4, V6]),
    ) {
        let mut scene = Scene::new(remote, limit, takes);
        let probes = scene.probes();
        let (size, most) = (scene.mtu.size(), takes.min(limit));
        prop_assert!(size <= most && probes.len() < 50, "{size} {probes:?}");
        let is_close = most - size <= size / PRECISION;
        let is_ethernet = ETHERNET.iter().any(|link| scene.mtu.payload(*link) == size);
        prop_assert!(is_close || is_ethernet, "{size} of {most}: {probes:?}");
    }

    #[test]
    fn whatever_happens_sizes_are_proven_and_probes_are_few(
        limit in 1_200..=u16::MAX,
        steps in prop::collection::vec((0..7u8, any::<u16>(), 0..5_000u64), 1..300),
    ) {
        let mut mtu = Mtu::new(None, limit, V4);
        let (mut now, mut sent, mut probed, mut free) = (at(0), 0, 0, 1);
        let mut in_flight: Option<u16> = None;
        for (step, bytes, amount) in steps {
            let before = mtu.size();
            let mut proven = BASE;
            match step {
                0 => now += Duration::from_secs(amount),
                1 => {
                    mtu.on_full(amount * 100);
                    sent += amount * 100;
                }
                2 => if let Some(size) = mtu.wants(now) {
                    prop_assert!(in_flight.is_none());
                    prop_assert!(size > mtu.size() && size <= limit.min(MAX_PACKET_SIZE));
                    mtu.on_probe(size);
                    in_flight = Some(size);
                    probed += u64::from(size);
                },
                3 => if let Some(size) = in_flight.take() {
                    proven = size;
                    mtu.on_ack(now, Acked { probe: Some(size), largest: size }, NONE);
                },
                4 => if let probe @ Some(_) = in_flight.take() {
                    mtu.on_ack(now, Acked::default(), SizeLosses { probe, ..NONE });
                },
                5 => {
                    let lost = SizeLosses { probe: None, packets: 1, least: bytes };
                    mtu.on_ack(now, Acked { probe: None, largest: bytes.rotate_left(3) }, lost);
                }
                _ => {
                    mtu.on_too_big(now, bytes);
                    if let Some(size) = in_flight.take_if(|size| *size >= bytes && bytes > BASE) {
                        // It has not left.
                        probed -= u64::from(size);
                        free += 1;
                    }
                }
            }
            let size = mtu.size();
            free += u64::from(size < before);
            prop_assert!(size <= before || size == proven, "{before} to {size}, {proven}");
            prop_assert!((BASE..=limit.min(MAX_PACKET_SIZE)).contains(&size));
            prop_assert!(size < mtu.too_large);
        }
        // When packets become smaller, the next probe is free.
        prop_assert!(probed <= sent / SHARE + free * u64::from(MAX_PACKET_SIZE));
    }
}
