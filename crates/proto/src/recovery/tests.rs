//! Recovery in scenes, with a controller that writes down what it hears.

mod model;

use rudp_wire::cursor::Writer;
use rudp_wire::frame::{AckDraft, EcnCounts, Frame, Frames};

use super::*;
use crate::congestion::{AckSample, CongestionKind, CongestionSample, Controller};

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Instant {
    Instant::ZERO + MS * ms
}

/// What a controller hears.
#[derive(Debug, Default)]
struct Heard {
    acks: Vec<AckSample>,
    congestion: Vec<CongestionSample>,
    undos: u32,
}

impl Controller for Heard {
    fn on_sent(&mut self, _: &SentSample) {}

    fn on_ack(&mut self, sample: &AckSample) {
        self.acks.push(*sample);
    }

    fn on_congestion(&mut self, sample: &CongestionSample) {
        self.congestion.push(*sample);
    }

    fn on_undo(&mut self, _: Instant) {
        self.undos += 1;
    }

    fn on_path(&mut self, _: u32, _: bool) {}

    fn window(&self) -> u64 {
        u64::MAX
    }

    fn pacing_rate(&self) -> Option<u64> {
        None
    }
}

/// Calls `take` with an ACK of `ranges`, the highest first.
fn with_ack<T>(
    ranges: &[(u64, u64)],
    ecn: Option<EcnCounts>,
    take: impl FnOnce(&rudp_wire::frame::Ack<'_>) -> T,
) -> T {
    let ranges = ranges.iter().map(|&(low, high)| low..=high);
    let draft = AckDraft { delay: 0, ecn, ranges };
    let mut buffer = [0; 9_000];
    let mut writer = Writer::new(&mut buffer);
    draft.encode(draft.plan(9_000).unwrap(), &mut writer).unwrap();
    match Frames::new(writer.written()).next() {
        Some(Ok(Frame::Ack(ack))) => take(&ack),
        other => panic!("{other:?}"),
    }
}

/// A recovery with all that it talks to. Packet `n` has 1000 bytes and carries datagram `n`.
struct Scene {
    recovery: Recovery,
    tally: Tally,
    heard: Heard,
    fates: Vec<(Fate, u64)>,
}

impl Scene {
    fn new(config: Config) -> Self {
        let mut recovery = Recovery::new(config);
        recovery.set_max_ack_delay(Duration::ZERO);
        Self { recovery, tally: Tally::default(), heard: Heard::default(), fates: Vec::new() }
    }

    /// One whose round-trip time is known to be 100 ms, with a variation of 0.
    fn measured() -> Self {
        let mut scene = Self::new(Config::default());
        for _ in 0..200 {
            scene.recovery.on_handshake_rtt(at(0), MS * 100);
        }
        scene
    }

    fn send_packet(&mut self, now: Instant, sent: Sent) {
        let mut tokens = vec![Token::Datagram { number: sent.number }];
        let feed = Feed { controller: &mut self.heard, tally: &mut self.tally };
        self.recovery.on_sent(now, sent, &mut tokens, feed);
        assert!(tokens.is_empty());
    }

    fn send(&mut self, now: Instant, number: u64) {
        let sent = Sent { number, bytes: 1_000, is_ack_eliciting: true, ..Sent::default() };
        self.send_packet(now, sent);
    }

    fn send_all(&mut self, now: Instant, numbers: core::ops::Range<u64>) {
        numbers.for_each(|number| self.send(now, number));
    }

    fn ack_ecn(
        &mut self,
        now: Instant,
        ranges: &[(u64, u64)],
        ecn: Option<EcnCounts>,
    ) -> Result<AckOutcome, NeverSent> {
        let Self { recovery, tally, heard, fates } = self;
        let feed = Feed { controller: heard, tally };
        with_ack(ranges, ecn, |ack| {
            recovery.on_ack(now, ack, feed, &mut |fate, token| {
                fates.push((fate, number_of(token)));
            })
        })
    }

    fn ack(&mut self, now: Instant, ranges: &[(u64, u64)]) -> AckOutcome {
        self.ack_ecn(now, ranges, None).unwrap()
    }

    fn timeout(&mut self, now: Instant) -> TimeoutOutcome {
        let Self { recovery, tally, heard, fates } = self;
        let feed = Feed { controller: heard, tally };
        recovery.on_timeout(now, feed, &mut |fate, token| fates.push((fate, number_of(token))))
    }

    fn give_back(&mut self) -> bool {
        let Self { recovery, fates, .. } = self;
        recovery.give_back_oldest(&mut |fate, token| fates.push((fate, number_of(token))))
    }

    fn lost(&self) -> Vec<u64> {
        let lost = self.fates.iter().filter(|(fate, _)| *fate == Fate::Lost);
        lost.map(|(_, number)| *number).collect()
    }

    fn kinds(&self) -> Vec<CongestionKind> {
        self.heard.congestion.iter().map(|sample| sample.kind).collect()
    }
}

fn number_of(token: Token) -> u64 {
    match token {
        Token::Datagram { number } => number,
        other => panic!("{other:?}"),
    }
}

// spec: 8.1
#[test]
fn three_packets_behind_is_lost() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..5);
    let outcome = scene.ack(at(100), &[(2, 2)]);
    assert_eq!((outcome.is_new, outcome.highest), (true, Some(2)));
    assert_eq!(scene.lost(), []);
    scene.ack(at(101), &[(2, 3)]);
    assert_eq!(scene.lost(), [0]);
    assert_eq!(scene.recovery.bytes_in_flight(), 2_000);
    let [sample] = scene.heard.congestion[..] else { panic!() };
    assert_eq!((sample.kind, sample.lost), (CongestionKind::Loss, 1_000));
    assert_eq!((sample.sent_at, sample.bytes_in_flight), (at(0), 2_000));
}

// spec: 8.1
#[test]
fn nine_eighths_of_a_round_trip_is_lost() {
    let mut scene = Scene::measured();
    scene.send_all(at(10), 0..2);
    scene.ack(at(110), &[(1, 1)]);
    let due = scene.recovery.timeout().unwrap();
    assert_eq!(due - at(10), scene.recovery.rtt().smoothed() * 9 / 8);
    assert_eq!(scene.timeout(due - Duration::from_nanos(1)), TimeoutOutcome::Nothing);
    assert_eq!(scene.timeout(due), TimeoutOutcome::Lost { sizes: SizeLosses::default() });
    assert_eq!(scene.lost(), [0]);
    assert_eq!(scene.recovery.bytes_in_flight(), 0);
}

// spec: 8.4
#[test]
fn a_path_is_calm_some_time_after_a_loss_and_without_a_queue() {
    let mut scene = Scene::measured();
    let calm = |scene: &Scene, ms| scene.recovery.is_calm(at(ms));
    assert!(!calm(&scene, 999) && calm(&scene, 1_200), "from the first sample on");
    let first = scene.recovery.next;
    scene.send_all(at(5_000), first..first + 5);
    scene.ack(at(5_100), &[(first + 1, first + 4)]);
    assert!(!calm(&scene, 9_000) && calm(&scene, 9_200), "a packet was lost");
    for round in 0..20 {
        let (now, number) = (10_000 + round * 1_000, first + 5 + u64::from(round));
        scene.send(at(now), number);
        scene.ack(at(now + 150), &[(number, number)]);
    }
    assert!(!calm(&scene, 60_000), "a queue stands");
}

// spec: 2.9, 7.3.2
#[test]
fn acks_for_what_was_never_sent_are_refused() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..3);
    scene.send_all(at(0), 4..7);
    scene.ack(at(50), &[(0, 1)]);
    for ranges in [&[(7, 7)][..], &[(0, 5)], &[(3, 3)], &[(5, 6), (3, 3)], &[(1 << 60, 1 << 60)]] {
        let before = format!("{:?}", scene.recovery);
        assert!(scene.ack_ecn(at(60), ranges, None).is_err(), "{ranges:?}");
        assert_eq!(format!("{:?}", scene.recovery), before);
    }
    scene.ack(at(60), &[(4, 6), (0, 2)]);
    assert_eq!(scene.recovery.bytes_in_flight(), 0);
    // Known for a while longer.
    assert!(scene.ack_ecn(at(70), &[(0, 6)], None).is_err());
}

// spec: 8.1
#[test]
fn a_response_to_spurious_losses_is_undone() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..20);
    scene.ack(at(100), &[(2, 5)]);
    assert_eq!(scene.lost(), [0, 1]);
    scene.ack(at(101), &[(1, 5)]);
    assert_eq!(scene.heard.undos, 0, "only one of two");
    scene.ack(at(102), &[(0, 5)]);
    assert_eq!(scene.heard.undos, 1);
    assert_eq!(scene.recovery.counters().spurious_losses, 2);
    let fates: Vec<_> = scene.fates.iter().filter(|(_, number)| *number == 0).collect();
    assert_eq!(fates, [&(Fate::Lost, 0), &(Fate::Acknowledged, 0)]);
    // The threshold is now 6: five behind is early.
    scene.ack(at(103), &[(11, 11), (0, 5)]);
    assert_eq!(scene.lost(), [0, 1]);
    scene.ack(at(104), &[(11, 12), (0, 5)]);
    assert_eq!(scene.lost(), [0, 1, 6]);
}

// spec: 8.1
#[test]
fn a_mark_in_between_cannot_be_undone() {
    let mut scene = Scene::measured();
    for number in 0..8 {
        let sent = Sent { number, bytes: 1_000, is_ack_eliciting: true, ..Sent::default() };
        scene.send_packet(at(0), Sent { is_ect0: true, ..sent });
    }
    let counts = |ect0, ce| Some(EcnCounts { ect0, ect1: 0, ce });
    scene.ack_ecn(at(100), &[(1, 3)], counts(3, 0)).unwrap();
    scene.ack_ecn(at(101), &[(1, 4)], counts(3, 1)).unwrap();
    scene.ack_ecn(at(102), &[(0, 5)], counts(5, 1)).unwrap();
    assert_eq!(scene.kinds(), [CongestionKind::Loss, CongestionKind::Mark]);
    assert_eq!((scene.heard.undos, scene.recovery.counters().spurious_losses), (0, 1));
    assert!(scene.recovery.markable() > 0);
}

// spec: 8.1, 9.3.2
#[test]
fn what_never_counted_as_lost_is_not_taken_back() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..20);
    scene.ack(at(100), &[(2, 5)]);
    assert_eq!(scene.lost(), [0, 1]);
    // The rest went to the old address of a peer whose port has changed, and comes all the same.
    let Scene { recovery, fates, .. } = &mut scene;
    recovery.on_left_address(at(100), 20, &mut |fate, token| fates.push((fate, number_of(token))));
    recovery.on_path(at(100), false);
    assert_eq!((scene.lost().len(), scene.recovery.bytes_in_flight()), (16, 0));
    scene.ack(at(101), &[(2, 19)]);
    assert_eq!(scene.recovery.loss_rate().parts().0, 2 * 256);
    let acks = &scene.heard.acks;
    assert_eq!((scene.heard.undos, acks.last().unwrap().delivery.lost), (0, 2_000));
    scene.ack(at(102), &[(0, 19)]);
    assert_eq!((scene.heard.undos, scene.recovery.loss_rate().parts().0), (1, 0));
}

// spec: 8.5
#[test]
fn what_marks_may_have_cost_is_not_taken_back_either() {
    let mut scene = Scene::measured();
    for number in 0..20 {
        let is_ect0 = [0, 1, 2].contains(&number);
        let sent = Sent { number, bytes: 1_000, is_ack_eliciting: true, ..Sent::default() };
        scene.send_packet(at(0), Sent { is_ect0, ..sent });
    }
    scene.ack(at(100), &[(7, 9)]);
    assert_eq!(scene.lost(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(
        (scene.kinds(), scene.heard.congestion[0].lost),
        (vec![CongestionKind::Loss], 4_000)
    );
    let counts = |ect0| Some(EcnCounts { ect0, ect1: 0, ce: 0 });
    scene.ack_ecn(at(101), &[(7, 10), (0, 3)], counts(3)).unwrap();
    assert_eq!(scene.heard.undos, 0, "only one of four");
    assert_eq!(scene.recovery.loss_rate().parts().0, 3 * 256);
    scene.ack_ecn(at(102), &[(0, 11)], counts(3)).unwrap();
    assert_eq!((scene.heard.undos, scene.recovery.loss_rate().parts().0), (1, 0));
}

// spec: 8.5
#[test]
fn acks_that_do_not_raise_the_highest_do_not_count_for_ecn() {
    let mut scene = Scene::measured();
    for number in 0..3 {
        let sent = Sent { number, bytes: 1_000, is_ack_eliciting: true, ..Sent::default() };
        scene.send_packet(at(0), Sent { is_ect0: true, ..sent });
    }
    let counts = |ect0| Some(EcnCounts { ect0, ect1: 0, ce: 0 });
    scene.ack_ecn(at(100), &[(1, 1)], counts(1)).unwrap();
    scene.ack_ecn(at(100), &[(0, 1)], None).unwrap();
    assert!(scene.recovery.markable() > 0);
    scene.ack_ecn(at(100), &[(0, 2)], None).unwrap();
    assert_eq!(scene.recovery.markable(), 0);
}

// spec: 8.1
#[test]
fn long_losses_in_a_row_are_persistent_congestion() {
    // 3 probe timeouts are 3 * (100 + 1) ms, as the variation is 0.
    for (gap, between, kind) in [
        (304, false, CongestionKind::Persistent),
        (302, false, CongestionKind::Loss),
        (304, true, CongestionKind::Loss),
    ] {
        let mut scene = Scene::measured();
        scene.send(at(10), 0);
        scene.send(at(100), 1);
        scene.send(at(10 + gap), 2);
        scene.send(at(700), 3);
        let ranges: &[(u64, u64)] = if between { &[(3, 3), (1, 1)] } else { &[(3, 3)] };
        scene.ack(at(800), ranges);
        assert_eq!(scene.kinds(), [kind], "{gap} {between}");
    }
}

// spec: 8.1
#[test]
fn losses_before_the_first_sample_are_not_persistent() {
    let mut scene = Scene::new(Config::default());
    scene.send(at(0), 0);
    scene.send(at(9_000), 1);
    scene.send(at(9_900), 2);
    scene.send(at(10_000), 5);
    scene.ack(at(10_010), &[(5, 5)]);
    assert_eq!(scene.kinds(), [CongestionKind::Loss]);
}

// spec: 9.4.1
#[test]
fn a_lost_size_probe_is_no_congestion() {
    let mut scene = Scene::measured();
    let probe =
        Sent { bytes: 1_400, is_ack_eliciting: true, is_size_probe: true, ..Sent::default() };
    scene.send_packet(at(0), probe);
    scene.send_all(at(0), 1..5);
    let outcome = scene.ack(at(100), &[(1, 4)]);
    assert_eq!(outcome.lost, SizeLosses { probe: Some(1_400), ..SizeLosses::default() });
    assert_eq!((scene.lost(), scene.kinds()), (vec![0], vec![]));
    let outcome = scene.ack(at(101), &[(0, 4)]);
    assert_eq!((outcome.acked_size_probe, scene.heard.undos), (Some(1_400), 0));
}

// spec: 9.3.2, 9.4.1
#[test]
fn losses_of_large_packets_are_told_apart_but_not_those_of_another_path() {
    for is_fresh in [false, true] {
        let mut scene = Scene::measured();
        for (number, bytes) in [1_200, 9_000, 4_000, 8_972].into_iter().enumerate() {
            let is_size_probe = bytes == 8_972;
            let number = number as u64;
            let sent =
                Sent { number, bytes, is_ack_eliciting: true, is_ect0: false, is_size_probe };
            scene.send_packet(at(0), sent);
        }
        scene.recovery.on_path(at(1), is_fresh);
        scene.send_all(at(1), 4..8);
        let expected = SizeLosses { probe: Some(8_972), packets: 2, least: 4_000 };
        let expected = if is_fresh { SizeLosses::default() } else { expected };
        let outcome = scene.ack(at(101), &[(4, 7)]);
        assert_eq!((outcome.largest, outcome.lost), (1_000, expected));
        let probe = (!is_fresh).then_some(8_972);
        assert_eq!(scene.ack(at(102), &[(3, 7)]).acked_size_probe, probe);
    }
}

// spec: 8.1, 8.6
#[test]
fn probes_back_off_to_the_maximum_and_end() {
    let config = Config { max_probe_timeout: MS * 500, max_probes: Some(4), ..Config::default() };
    let mut scene = Scene::new(config);
    for _ in 0..200 {
        scene.recovery.on_handshake_rtt(at(0), MS * 99);
    }
    scene.send(at(0), 0);
    let mut now = at(0);
    for (count, wait) in [(1, 100), (2, 200), (3, 400), (4, 500)] {
        let due = scene.recovery.timeout().unwrap();
        assert_eq!(due - now, MS * wait);
        assert_eq!(scene.timeout(due), TimeoutOutcome::Probe { count });
        assert!(scene.recovery.timeout().unwrap() > due, "never asks for what is done");
        now = due;
    }
    assert_eq!(scene.timeout(now + MS * 500), TimeoutOutcome::GiveUp);
    assert_eq!(scene.lost(), [], "a timeout is no loss");
}

#[test]
fn an_answer_ends_the_backoff() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..2);
    scene.timeout(at(101));
    assert_eq!(scene.recovery.timeout(), Some(at(101 + 202)));
    scene.ack(at(120), &[(0, 0)]);
    assert!(scene.recovery.timeout().unwrap() < at(101 + 202));
}

// spec: 5.3.5
#[test]
fn the_probe_timer_runs_until_something_is_acknowledged() {
    let mut scene = Scene::new(Config { max_probe_timeout: MS * 1_000, ..Config::default() });
    scene.send(at(0), 0);
    for count in 1..100 {
        let due = scene.recovery.timeout().unwrap();
        assert_eq!(scene.timeout(due), TimeoutOutcome::Probe { count });
    }
}

// spec: 8.2
#[test]
fn probes_carry_the_oldest_first_and_each_once() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..2);
    assert!(scene.give_back());
    assert!(scene.give_back());
    assert!(!scene.give_back());
    assert_eq!((scene.lost(), scene.recovery.bytes_in_flight()), (vec![0, 1], 2_000));
    // Declared lost, or acknowledged, afterwards: each token is told once.
    scene.send_all(at(101), 2..6);
    scene.ack(at(201), &[(1, 5)]);
    assert_eq!(scene.lost(), [0, 1]);
    assert_eq!(scene.fates[2], (Fate::Acknowledged, 1));
}

// spec: 9.3.2
#[test]
fn another_path_starts_anew() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..5);
    scene.recovery.on_path(at(1), false);
    assert_eq!(scene.recovery.rtt().smoothed(), MS * 100);
    scene.recovery.on_path(at(1), true);
    scene.send_all(at(2), 6..7);
    scene.ack(at(500), &[(3, 4)]);
    assert_eq!(scene.recovery.rtt(), &Rtt::new(MS * 333), "the old path gives no sample");
    assert!(scene.kinds().is_empty() && scene.heard.acks.is_empty());
    assert_eq!(scene.lost(), [0, 1, 2], "but its packets are lost as ever");
    scene.ack(at(512), &[(6, 6), (3, 4)]);
    assert_eq!(scene.recovery.rtt().latest(), MS * 510);
}

#[test]
fn packets_that_ask_for_no_ack_hold_nothing() {
    let mut scene = Scene::measured();
    for number in 0..10_000 {
        scene.send_packet(at(0), Sent { number, bytes: 40, ..Sent::default() });
    }
    assert_eq!((scene.recovery.timeout(), scene.recovery.bytes_in_flight()), (None, 0));
    assert!(scene.ack(at(1), &[(0, 9_999)]).is_new);
}

#[test]
fn silence_returns_the_memory() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..1_000);
    scene.ack(at(100), &[(1, 999)]);
    assert_eq!(scene.recovery.bytes_in_flight(), 0);
    let due = scene.recovery.timeout().unwrap();
    assert!(due > at(100));
    assert_eq!(scene.timeout(due), TimeoutOutcome::Nothing);
    assert_eq!(scene.recovery.timeout(), None);
    assert!(!scene.recovery.sent.holds_memory());
    // What was forgotten may be acknowledged, to no effect.
    assert!(!scene.ack(due, &[(0, 999)]).is_new);
}

#[test]
fn samples_tell_the_rate_and_the_rounds() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..10);
    scene.tally.on_app_limited(scene.recovery.bytes_in_flight());
    scene.ack(at(100), &[(0, 9)]);
    let sample = scene.heard.acks[0];
    assert_eq!((sample.bytes, sample.sent_at), (10_000, at(0)));
    assert_eq!((sample.prior_in_flight, sample.bytes_in_flight), (10_000, 0));
    let delivery = sample.delivery;
    assert_eq!((delivery.rate, delivery.delivered), (Some(100_000), 10_000));
    assert_eq!(delivery.sent_in_flight, 10_000);
    assert!(!sample.is_app_limited);
    scene.send(at(100), 10);
    scene.ack(at(200), &[(0, 10)]);
    assert!(scene.heard.acks[1].is_app_limited);
    assert_eq!(scene.heard.acks[1].latest_rtt, Some(MS * 100));
}

#[test]
fn forgetting_tells_what_is_in_flight() {
    let mut scene = Scene::measured();
    scene.send_all(at(0), 0..6);
    scene.ack(at(100), &[(3, 3)]);
    scene.give_back();
    let Scene { recovery, fates, .. } = &mut scene;
    recovery.forget_all(&mut |fate, token| fates.push((fate, number_of(token))));
    assert_eq!(scene.lost(), [0, 1, 2, 4, 5]);
    assert_eq!((scene.recovery.bytes_in_flight(), scene.recovery.timeout()), (0, None));
}

#[test]
fn records_are_small() {
    assert!(size_of::<Packet>() <= 80);
    assert!(size_of::<Recovery>() <= 768, "{}", size_of::<Recovery>());
}
