//! The state machine, fed with one acknowledgement per round trip.

use super::bounds::NONE;
use super::*;
use crate::congestion::Delivery;
use crate::congestion::tests::{at, congestion, sent};

const SIZE: u64 = 1_000;
const RTT: u64 = 100;
/// Bytes per second, and what they are in a round trip.
const RATE: u64 = 10_000_000;
const BDP: u64 = RATE / 10;

/// A path that somebody plays.
struct Feed {
    bbr: Bbr,
    millis: u64,
    rtt: u64,
    delivered: u64,
    lost: u64,
    is_app_limited: bool,
}

impl Feed {
    fn new() -> Self {
        let bbr = Bbr::new(1_000, 1);
        Self { bbr, millis: 1_000, rtt: RTT, delivered: 0, lost: 0, is_app_limited: false }
    }

    /// As it is at the begin of the first cycle of `ProbeBW`.
    fn cruising() -> Self {
        let mut feed = Self::new();
        for round in 0..20 {
            feed.round((RATE >> 5 << round).min(RATE), BDP);
        }
        assert_eq!(feed.bbr.state, State::Cruise);
        feed
    }

    /// As it is in the first probe, one round after its begin.
    fn probing() -> Self {
        let mut feed = Self::cruising();
        feed.until(State::Up, RATE, BDP);
        feed.round(RATE, BDP * 5 / 4);
        feed
    }

    /// A round trip in which `rate` came, with `in_flight` then and now.
    fn round(&mut self, rate: u64, in_flight: u64) -> State {
        self.millis += self.rtt;
        let bytes = rate * self.rtt / 1_000;
        let prior_delivered = self.delivered;
        self.delivered += bytes;
        let rtt = Duration::from_millis(self.rtt);
        self.bbr.on_ack(&AckSample {
            now: at(self.millis),
            bytes,
            sent_at: at(self.millis - self.rtt),
            prior_in_flight: in_flight,
            bytes_in_flight: in_flight,
            latest_rtt: Some(rtt),
            ack_delay: Duration::ZERO,
            smoothed_rtt: rtt,
            min_rtt: rtt,
            delivery: Delivery {
                rate: Some(rate),
                prior_delivered,
                delivered: self.delivered,
                lost: self.lost,
                sent_in_flight: in_flight,
                lost_since_sent: 0,
            },
            is_app_limited: self.is_app_limited,
        });
        self.bbr.state
    }

    /// Rounds until it is in `state`; how many.
    fn until(&mut self, state: State, rate: u64, in_flight: u64) -> u32 {
        for rounds in 1..200 {
            if self.round(rate, in_flight) == state {
                return rounds;
            }
        }
        panic!("never {state:?}");
    }

    /// `count` separate losses of packets sent with `in_flight`, half a round trip ago.
    fn lose(&mut self, count: u64, in_flight: u64) {
        for nth in 1..=count {
            self.lost += SIZE;
            self.bbr.on_congestion(&CongestionSample {
                lost: SIZE,
                sent_in_flight: in_flight,
                lost_since_sent: nth * SIZE,
                ..congestion(self.millis, CongestionKind::Loss, self.millis - self.rtt / 2)
            });
        }
    }

    fn mark(&mut self) {
        let sample = congestion(self.millis, CongestionKind::Mark, self.millis - self.rtt / 2);
        let sample = CongestionSample { sent_in_flight: BDP, lost_since_sent: 0, ..sample };
        self.bbr.on_congestion(&sample);
    }
}

#[test]
fn startup_doubles_and_ends_on_a_plateau_of_three_rounds() {
    let mut feed = Feed::new();
    assert_eq!((feed.bbr.pacing_rate(), feed.bbr.window()), (Some(100_000), 60_000));
    // 10,000 bytes in 100 ms, times 2.77.
    feed.round(10_000, SIZE);
    assert_eq!(feed.bbr.pacing_rate(), Some(304_700), "11,000 bytes per round trip, times 2.77");
    let table = [
        (RATE / 4, State::Startup),
        (RATE / 2, State::Startup),
        (RATE, State::Startup),
        (RATE, State::Startup),
        (RATE * 6 / 5, State::Startup),
        (RATE, State::Drain),
    ];
    for (rate, state) in table {
        assert_eq!(feed.round(rate, 2 * BDP), state, "{rate}");
    }
    let rate = feed.bbr.pacing_rate();
    assert_eq!(rate, Some(RATE / 2 * 99 / 100), "the one that was higher stood alone");
}

#[test]
fn what_seems_to_come_faster_than_it_was_sent_is_noise() {
    let mut feed = Feed::cruising();
    feed.round(RATE * 21 / 20, BDP);
    assert_eq!(feed.bbr.max_bw.get(), RATE);
    feed.until(State::Refill, RATE, BDP);
    feed.round(RATE * 21 / 20, BDP);
    assert_eq!(feed.bbr.max_bw.get(), RATE);
    feed.until(State::Up, RATE, BDP);
    feed.round(RATE * 21 / 20, BDP);
    assert_eq!(feed.bbr.max_bw.get(), RATE * 21 / 20, "now more is sent");
}

// spec: 8.4.1
#[test]
fn the_window_grows_from_what_was_in_flight_before_the_first_acknowledgement() {
    // (packets in flight, the window after one of them was acknowledged)
    let table = [(1, 11_000), (10, 11_000), (30, 31_000), (60, 61_000)];
    for (packets, window) in table {
        let mut feed = Feed::new();
        feed.round(SIZE * 1_000 / RTT, packets * SIZE);
        assert_eq!(feed.bbr.window(), window, "{packets}");
        let rate = window * 1_000 / RTT;
        assert_eq!(feed.bbr.pacing_rate(), Some(rate * 277 / 100), "{packets}");
    }
}

#[test]
fn samples_that_the_program_limited_end_nothing() {
    let mut feed = Feed::new();
    feed.round(RATE, BDP);
    feed.is_app_limited = true;
    for _ in 0..10 {
        assert_eq!(feed.round(RATE / 2, BDP), State::Startup);
    }
    assert_eq!(feed.bbr.max_bw.get(), RATE);
    feed.round(RATE * 2, BDP);
    assert_eq!(feed.bbr.max_bw.get(), RATE * 2, "more counts whoever limited it");
}

#[test]
fn startup_ends_on_losses_with_a_queue_only() {
    // (losses, rounds in which there are some, round-trip time, whether it ends)
    let table = [
        (0, 1, RTT, false),
        (5, 1, 2 * RTT, false),
        (200, 1, 2 * RTT, true),
        (100, 4, RTT, false),
        (1_000, 1, RTT, true),
    ];
    for (losses, rounds, rtt, ends) in table {
        let mut feed = Feed::new();
        feed.round(RATE / 2, BDP);
        feed.round(RATE / 2, BDP);
        feed.rtt = rtt;
        for _ in 0..rounds {
            feed.lose(losses, BDP);
            feed.round(RATE, 2 * BDP);
            feed.bbr.pipe.restart(0);
        }
        assert_eq!(feed.bbr.state != State::Startup, ends, "{losses} at {rtt} ms");
    }
}

#[test]
fn probes_follow_soon_where_losses_without_a_queue_ended_startup() {
    // (round-trip time meanwhile, rounds until the first probe and from each to the next)
    for (rtt, soon) in [(RTT, [true, true, false]), (2 * RTT, [false; 3])] {
        let mut feed = Feed::new();
        feed.round(RATE / 2, BDP);
        feed.rtt = rtt;
        feed.round(RATE / 2, BDP);
        feed.lose(1_000, BDP);
        assert_eq!(feed.round(RATE / 2, BDP), State::Drain);
        feed.rtt = RTT;
        let rounds = soon.map(|_| {
            let rounds = feed.until(State::Up, RATE, BDP / 2);
            feed.lose(300, BDP);
            assert_eq!(feed.bbr.state, State::Down);
            rounds
        });
        assert_eq!(rounds.map(|rounds| rounds < 8), soon, "{rtt} ms: {rounds:?}");
    }
}

#[test]
fn drain_ends_with_the_queue_or_after_three_rounds() {
    for (in_flight, rounds) in [(BDP, 1), (2 * BDP, 4)] {
        let mut feed = Feed::new();
        feed.until(State::Drain, RATE, 2 * BDP);
        let left = (1..10).find(|_| feed.round(RATE, in_flight) != State::Drain);
        assert_eq!(left, Some(rounds));
    }
}

#[test]
fn the_cycle_has_its_gains_and_times() {
    let mut feed = Feed::cruising();
    let paced = |feed: &Feed| feed.bbr.pacing_rate().unwrap();
    assert_eq!((paced(&feed), feed.bbr.window()), (RATE * 99 / 100, 2 * BDP + BDP));
    // 2 to 3 s, in rounds of 0.1 s.
    let rounds = feed.until(State::Refill, RATE, BDP);
    assert!((10..=30).contains(&rounds), "{rounds}");
    assert_eq!(paced(&feed), RATE * 99 / 100);
    assert_eq!(feed.until(State::Up, RATE, BDP), 1);
    assert_eq!(paced(&feed), RATE * 5 / 4 * 99 / 100);
    assert_eq!(feed.until(State::Down, RATE, BDP * 5 / 4), 3, "a plateau");
    assert_eq!(paced(&feed), RATE * 9 / 10 * 99 / 100);
    assert_eq!(feed.round(RATE, BDP * 6 / 5), State::Down, "there is still a queue");
    assert_eq!(feed.round(RATE, BDP), State::Cruise);
    let rounds = feed.until(State::Refill, RATE, BDP);
    assert!((18..=30).contains(&rounds), "{rounds}");
}

#[test]
fn a_probe_that_makes_nothing_but_a_queue_ends_a_round_earlier() {
    // (round-trip time in the probe, rounds until it ends)
    for (rtt, rounds) in [(RTT, 3), (RTT + RTT / 8, 3), (RTT + RTT / 8 + 1, 2)] {
        let mut feed = Feed::cruising();
        feed.until(State::Up, RATE, BDP);
        feed.rtt = rtt;
        assert_eq!(feed.until(State::Down, RATE, BDP * 5 / 4), rounds, "{rtt} ms");
    }
    // More arrives: the queue is no reason.
    let mut feed = Feed::cruising();
    feed.until(State::Up, RATE, BDP);
    feed.rtt = RTT + RTT / 4;
    for percent in [125, 157, 197] {
        assert_eq!(feed.round(RATE * percent / 100, 2 * BDP), State::Up);
    }
}

#[test]
fn a_probe_follows_more_bandwidth_and_the_filter_forgets_less() {
    let mut feed = Feed::probing();
    for percent in [125, 156, 195] {
        assert_eq!(feed.round(RATE * percent / 100, 2 * BDP), State::Up);
    }
    assert_eq!(feed.bbr.max_bw.get(), RATE * 195 / 100);
    // Half of it from now on: two cycles later it is known.
    for _ in 0..2 {
        feed.until(State::Up, RATE / 2, BDP / 2);
        feed.until(State::Cruise, RATE / 2, BDP / 2);
        feed.round(RATE / 2, BDP / 2);
    }
    assert_eq!(feed.bbr.max_bw.get(), RATE / 2);
}

#[test]
fn a_probe_ends_on_loss_and_the_next_one_is_careful() {
    let mut feed = Feed::probing();
    let in_flight = BDP * 5 / 4;
    feed.lose(5, in_flight);
    assert_eq!(feed.bbr.state, State::Up, "0.4 % are tolerated");
    assert_eq!(feed.bbr.bounds.inflight_longterm, NONE);
    feed.lose(60, in_flight);
    assert_eq!(feed.bbr.state, State::Down);
    assert_eq!(feed.bbr.bounds.inflight_longterm, in_flight);
    feed.until(State::Cruise, RATE, BDP);
    feed.round(RATE, BDP);
    assert_eq!(feed.bbr.window(), in_flight * 85 / 100, "headroom");
    feed.until(State::Up, RATE, BDP);
    // Where the last one met loss, it is left at once, and if nothing is lost, tried again.
    assert_eq!(feed.round(RATE, in_flight), State::Down);
    assert_eq!(feed.round(RATE, BDP), State::Refill);
    feed.until(State::Up, RATE, BDP);
    assert_eq!(feed.round(RATE, in_flight), State::Up);
}

#[test]
fn loss_without_a_queue_is_no_congestion_once_it_is_known() {
    let mut feed = Feed::cruising();
    for _ in 0..12 {
        // 5 % of what is sent.
        feed.lose(BDP / SIZE / 19, BDP);
        feed.round(RATE, BDP);
    }
    assert!(!feed.bbr.loss.is_rare() && Feed::cruising().bbr.loss.is_rare());
    let baseline = feed.bbr.loss.baseline();
    assert!((0.04..0.055).contains(&baseline), "{baseline}");
    let paced = feed.bbr.pacing_rate().unwrap();
    feed.bbr.bounds.reset_shortterm();
    feed.until(State::Up, RATE, BDP);
    feed.lose(BDP / SIZE / 19, BDP);
    assert_eq!(feed.bbr.state, State::Up, "as much as always");
    feed.lose(BDP / SIZE / 8, BDP);
    assert_eq!(feed.bbr.state, State::Down, "more than that");
    assert!(paced > RATE, "{paced}: what has to be sent so that RATE arrives");
}

#[test]
fn congestion_while_cruising_slows_down_to_what_arrives() {
    for (count, bw) in [(10, RATE), (100, RATE * 8 / 10)] {
        let mut feed = Feed::cruising();
        // It has risen, which is no queue worth the name.
        feed.rtt = RTT * 17 / 16;
        for _ in 0..2 {
            feed.lose(count, BDP);
            feed.round(RATE * 8 / 10, BDP);
        }
        assert_eq!(feed.bbr.bw, bw, "{count}");
        feed.rtt = RTT;
        feed.until(State::Refill, RATE, BDP);
        feed.round(RATE, BDP);
        assert_eq!(feed.bbr.bw, RATE, "forgotten for the next probe");
    }
}

#[test]
fn cruising_through_a_queue_goes_by_what_arrives_until_the_next_probe() {
    for (rtt, bw) in [(RTT, RATE), (RTT * 6 / 5, RATE * 95 / 100)] {
        let mut feed = Feed::cruising();
        feed.until(State::Refill, RATE, BDP);
        feed.until(State::Cruise, RATE, BDP);
        feed.rtt = rtt;
        feed.round(RATE * 9 / 10, BDP);
        assert_eq!(feed.bbr.bw, RATE, "what arrives now left while the queue was to drain");
        feed.round(RATE * 95 / 100, BDP);
        assert_eq!(feed.bbr.bw, bw, "{rtt} ms");
        feed.round(RATE, BDP);
        assert_eq!(feed.bbr.bw, bw, "{rtt} ms");
        feed.until(State::Refill, RATE, BDP);
        feed.round(RATE, BDP);
        assert_eq!(feed.bbr.bw, RATE, "forgotten for the next probe");
    }
}

// spec: 8.5
#[test]
fn a_mark_counts_once_per_round_trip_in_every_state() {
    let mut startup = Feed::new();
    startup.round(RATE, BDP);
    startup.mark();
    assert_eq!(startup.round(2 * RATE, 2 * BDP), State::Drain);
    let mut cruise = Feed::cruising();
    cruise.round(RATE / 2, BDP);
    cruise.mark();
    cruise.mark();
    cruise.round(RATE / 2, BDP);
    cruise.round(RATE / 2, BDP);
    assert_eq!(cruise.bbr.bounds.bw_shortterm, RATE * 7 / 10);
    let mut up = Feed::probing();
    up.mark();
    assert_eq!((up.bbr.state, up.bbr.bounds.inflight_longterm), (State::Down, BDP));
}

#[test]
fn the_least_round_trip_time_is_looked_for_with_half_in_flight() {
    let mut feed = Feed::cruising();
    feed.rtt = RTT + 10;
    feed.until(State::ProbeRtt, RATE, BDP);
    assert!((5_000..5_300).contains(&(feed.millis - 1_000 - 20 * RTT)), "{}", feed.millis);
    let window = feed.bbr.window();
    assert_eq!(window, feed.bbr.probe_rtt_window());
    assert!(window <= BDP / 2 + BDP / 10, "{window}");
    assert_eq!(feed.round(RATE / 2, BDP), State::ProbeRtt, "still too much in flight");
    let rounds = feed.until(State::Cruise, RATE / 2, window);
    assert_eq!(rounds, 3, "200 ms and a round from when there is little");
    assert_eq!(feed.bbr.max_bw.get(), RATE, "what came meanwhile shows nothing");
    assert!(feed.bbr.window() > BDP);
}

#[test]
fn a_pause_of_the_program_saves_the_search() {
    let mut feed = Feed::cruising();
    feed.rtt = RTT + 10;
    feed.millis += 10_000;
    feed.bbr.on_sent(&SentSample { is_app_limited: true, ..sent(feed.millis) });
    assert_eq!(feed.bbr.pacing_rate(), Some(RATE * 99 / 100));
    assert_ne!(feed.round(RATE, BDP), State::ProbeRtt);
}

// spec: 8.1
#[test]
fn losses_that_were_none_are_undone() {
    let mut feed = Feed::probing();
    feed.lose(100, BDP);
    assert_eq!(feed.bbr.state, State::Down);
    feed.lost = 0;
    feed.bbr.on_undo(at(feed.millis));
    assert_eq!((feed.bbr.state, feed.bbr.bounds.inflight_longterm), (State::Refill, NONE));

    let mut startup = Feed::new();
    startup.round(RATE, BDP);
    startup.lose(300, BDP);
    startup.rtt = 2 * RTT;
    assert_eq!(startup.round(2 * RATE, 8 * BDP), State::Drain);
    startup.bbr.on_undo(at(startup.millis));
    assert_eq!(startup.bbr.state, State::Startup);
    assert_eq!(startup.bbr.max_bw.get(), 2 * RATE, "rates were still growing");
    assert!(!startup.bbr.pipe.was_full());

    let mut hurried = Feed::new();
    hurried.round(RATE / 2, BDP);
    hurried.lose(1_000, BDP);
    hurried.round(RATE / 2, BDP);
    assert!(hurried.bbr.cycle.hurried > 0);
    hurried.bbr.on_undo(at(hurried.millis));
    assert_eq!((hurried.bbr.state, hurried.bbr.cycle.hurried), (State::Startup, 0));
}

#[test]
fn persistent_congestion_leaves_four_packets_and_the_model() {
    let mut feed = Feed::cruising();
    feed.bbr.on_congestion(&congestion(feed.millis, CongestionKind::Persistent, feed.millis));
    assert_eq!(feed.bbr.window(), 4 * SIZE);
    feed.bbr.on_undo(at(feed.millis));
    assert_eq!(feed.bbr.window(), 4 * SIZE, "it cannot prove wrong");
    feed.round(RATE, BDP);
    assert!(feed.bbr.window() > BDP, "by what was acknowledged");
}

#[test]
fn another_path_is_another_model() {
    let mut feed = Feed::cruising();
    feed.bbr.on_path(1_400, false);
    assert_eq!((feed.bbr.state, feed.bbr.least_window()), (State::Cruise, 5_600));
    feed.bbr.on_path(1_400, true);
    assert_eq!((feed.bbr.state, feed.bbr.window()), (State::Startup, 60 * 1_400));
    assert_eq!(feed.bbr.pacing_rate(), Some(140_000));
}
