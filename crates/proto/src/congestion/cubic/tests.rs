//! CUBIC against the figures of RFC 9438.

use super::super::tests::{ack, at, congestion, sent};
use super::*;
use crate::congestion::Delivery;

const MSS: u32 = 1_000;

/// A controller in congestion avoidance, reduced from `packets` at 1 s.
fn reduced_from(packets: f64) -> Cubic {
    let mut cubic = Cubic::new(MSS);
    cubic.state.window = packets * 1_000.0;
    cubic.on_congestion(&congestion(1_000, CongestionKind::Loss, 900));
    cubic
}

/// Acknowledges a whole window each `rtt` ms, in tenths, for `seconds` from `from`; the window in
/// packets after each second.
fn run(cubic: &mut Cubic, from: u64, rtt: u64, seconds: u64) -> Vec<f64> {
    let mut windows = Vec::new();
    let step = rtt / 10;
    for time in 1..=seconds * 1_000 / step {
        let bytes = cubic.window() / 10;
        cubic.on_ack(&ack(from + time * step, bytes, rtt));
        if (time * step).is_multiple_of(1_000) {
            windows.push(cubic.state.window / f64::from(MSS));
        }
    }
    windows
}

fn near(value: f64, expected: f64, share: f64) -> bool {
    (value - expected).abs() <= share * expected
}

#[test]
fn slow_start_doubles_each_round_trip() {
    let mut cubic = Cubic::new(MSS);
    assert_eq!(cubic.window(), 10_000, "RFC 9002, 7.2");
    for round in 1..=4u64 {
        let window = cubic.window();
        cubic.on_ack(&ack(round * 100, window, 100));
        assert_eq!(cubic.window(), 2 * window);
    }
}

#[test]
fn a_loss_leaves_seven_tenths_and_counts_once_per_round_trip() {
    let mut cubic = reduced_from(100.0);
    assert_eq!(cubic.window(), 70_000, "RFC 9438, 4.6");
    // Sent before the reaction: the same event, be it loss or mark.
    cubic.on_congestion(&congestion(1_050, CongestionKind::Loss, 1_000));
    cubic.on_congestion(&congestion(1_060, CongestionKind::Mark, 999));
    assert_eq!(cubic.window(), 70_000);
    cubic.on_congestion(&congestion(1_100, CongestionKind::Mark, 1_001));
    assert_eq!(cubic.window(), 49_000);
}

#[test]
fn follows_the_cubic_function() {
    // K = cbrt(W_max (1 - beta) / C), and W(t) = C (t - K)^3 + W_max (figures 1 and 2). The round
    // trip is long, so that Reno is slower.
    let mut cubic = reduced_from(1_000.0);
    let k = (1_000.0 * 0.3 / 0.4f64).cbrt();
    assert!((9.0..9.1).contains(&k));
    // The first acknowledgement begins the epoch, at 2 s.
    cubic.on_ack(&ack(2_000, 0, 500));
    let windows = run(&mut cubic, 2_000, 500, 14);
    for (second, window) in (1u32..).zip(&windows) {
        let expected = 0.4 * (f64::from(second) - k).powi(3) + 1_000.0;
        assert!(near(*window, expected, 0.02), "{second} s: {window}, not {expected}");
    }
    // Concave before K, then convex.
    let steps: Vec<_> = windows.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps[..8].windows(2).all(|pair| pair[1] < pair[0]), "{steps:?}");
    assert!(steps[9..].windows(2).all(|pair| pair[1] > pair[0]), "{steps:?}");
}

#[test]
fn is_as_fast_as_reno_where_reno_is_faster() {
    // Short round trips and small windows (RFC 9438, 4.3): 0.529 packets per round trip up to the
    // window before the loss, then 1.
    let mut cubic = reduced_from(20.0);
    cubic.on_ack(&ack(2_000, 0, 10));
    let mut time = 2_000;
    let mut rounds = |cubic: &mut Cubic, count: u64| {
        for _ in 0..count {
            time += 10;
            let window = cubic.window();
            cubic.on_ack(&ack(time, window, 10));
        }
        cubic.state.window / 1_000.0
    };
    assert!(near(rounds(&mut cubic, 10), 14.0 + 10.0 * 0.529, 0.01));
    assert!(near(rounds(&mut cubic, 2), 20.35, 0.01));
    let before = cubic.state.window / 1_000.0;
    assert!(near(rounds(&mut cubic, 10), before + 10.0, 0.01));
}

#[test]
fn a_target_is_at_most_half_a_window_more() {
    let mut cubic = reduced_from(100.0);
    cubic.on_ack(&ack(2_000, 0, 100));
    let window = cubic.window();
    // An hour later the cubic is in the sky (RFC 9438, 4.2).
    cubic.on_ack(&ack(3_600_000, window, 100));
    assert_eq!(cubic.window(), window * 3 / 2);
}

#[test]
fn fast_convergence_gives_room_to_newer_flows() {
    let mut cubic = reduced_from(100.0);
    cubic.on_congestion(&congestion(2_000, CongestionKind::Loss, 1_900));
    // 70 packets did not reach 100: the new plateau is 70 (1 + beta) / 2 (RFC 9438, 4.7).
    assert!(near(cubic.state.plateau.unwrap(), 59_500.0, 1e-9));
    assert_eq!(cubic.window(), 49_000);
    assert!(near(cubic.state.prior, 70_000.0, 1e-9));
}

#[test]
fn nothing_grows_in_recovery_or_without_data_to_send() {
    let mut cubic = reduced_from(100.0);
    cubic.on_ack(&ack(1_050, 10_000, 100));
    assert_eq!(cubic.window(), 70_000, "sent before the reaction");
    for time in 12..40 {
        let sample = ack(time * 100, 70_000, 100);
        cubic.on_ack(&AckSample { is_app_limited: true, ..sample });
    }
    assert_eq!(cubic.window(), 70_000);
    let mut fresh = Cubic::new(MSS);
    fresh.on_ack(&AckSample { is_app_limited: true, ..ack(100, 10_000, 100) });
    assert_eq!(fresh.window(), 10_000);
}

#[test]
fn time_without_data_is_no_time() {
    // RFC 9438, 5.8. One runs on, one is limited by its program for a minute, one is idle.
    let mut windows = [(); 3].map(|()| reduced_from(1_000.0)).map(|mut cubic| {
        cubic.on_ack(&ack(2_000, 0, 500));
        run(&mut cubic, 2_000, 500, 3);
        cubic
    });
    let [on, limited, idle] = &mut windows;
    let from = 5_000;
    let expected = run(on, from, 500, 2);
    for time in 1..=120 {
        let sample = ack(from + time * 500, 1_000, 500);
        limited.on_ack(&AckSample { is_app_limited: true, ..sample });
    }
    idle.on_sent(&sent(from + 60_000));
    assert_eq!(run(limited, from + 60_000, 500, 2), expected);
    assert_eq!(run(idle, from + 60_000, 500, 2), expected);
}

// spec: 8.1
#[test]
fn undo_restores_what_was_before_the_last_event() {
    let mut cubic = reduced_from(1_000.0);
    cubic.on_ack(&ack(2_000, 0, 500));
    run(&mut cubic, 2_000, 500, 3);
    let before = format!("{:?}", cubic.state);
    cubic.on_congestion(&congestion(6_000, CongestionKind::Loss, 5_900));
    cubic.on_congestion(&congestion(6_010, CongestionKind::Loss, 5_950));
    assert_ne!(format!("{:?}", cubic.state), before);
    cubic.on_undo(at(6_020));
    assert_eq!(format!("{:?}", cubic.state), before);
    // There is nothing to undo any more.
    cubic.on_undo(at(6_030));
    assert_eq!(format!("{:?}", cubic.state), before);
}

#[test]
fn undo_brings_back_slow_start() {
    let mut cubic = Cubic::new(MSS);
    cubic.on_ack(&ack(100, 10_000, 100));
    cubic.on_congestion(&congestion(150, CongestionKind::Loss, 120));
    assert_eq!(cubic.window(), 14_000);
    cubic.on_undo(at(160));
    assert_eq!(cubic.window(), 20_000);
    cubic.on_ack(&ack(300, 20_000, 100));
    assert_eq!(cubic.window(), 40_000);
}

#[test]
fn persistent_congestion_leaves_two_packets() {
    let mut cubic = reduced_from(100.0);
    cubic.on_congestion(&congestion(1_500, CongestionKind::Persistent, 900));
    assert_eq!(cubic.window(), 2_000, "RFC 9002, 7.6.2");
    // It is no mistake.
    cubic.on_undo(at(1_600));
    assert_eq!(cubic.window(), 2_000);
    // Slow start up to where the loss left it, then from a plateau of its own.
    let mut time = 2_000;
    while cubic.window() < 70_000 {
        time += 100;
        let window = cubic.window();
        cubic.on_ack(&ack(time, window, 100));
        assert_eq!(cubic.window(), 2 * window);
    }
    let window = cubic.window();
    cubic.on_ack(&ack(time + 100, window, 100));
    assert!(cubic.window() <= window + 1_000);
}

#[test]
fn a_queue_ends_slow_start_without_loss() {
    let mut cubic = Cubic::new(MSS);
    let (mut before, mut time) = (0, 0);
    // A path of 100 packets per 50 ms: beyond that each packet waits half a millisecond.
    for _ in 0..30 {
        let flight = cubic.window() / 1_000;
        let rtt = 50 + flight.saturating_sub(100) / 2;
        time += rtt;
        for packet in 1..=flight {
            let sample = ack(time, 1_000, rtt);
            // What is acknowledged was sent a flight ago.
            let delivered = before + packet;
            let prior_delivered = delivered.saturating_sub(flight);
            let delivery = Delivery { prior_delivered, delivered, ..Delivery::default() };
            cubic.on_ack(&AckSample { delivery, ..sample });
        }
        before += flight;
        if !cubic.state.in_slow_start() {
            break;
        }
    }
    assert!(!cubic.state.in_slow_start());
    assert!(cubic.window() < 1_000_000, "{}", cubic.window());
    assert!(cubic.state.hystart.is_none());
    // RFC 9438, 4.10: the plateau is here.
    let window = cubic.window();
    cubic.on_ack(&ack(time + 100, window, 100));
    assert!(cubic.window() < window + 2_000);
}

#[test]
fn larger_packets_raise_the_least_window() {
    let mut cubic = reduced_from(100.0);
    cubic.on_congestion(&congestion(1_500, CongestionKind::Persistent, 900));
    cubic.on_path(9_000, false);
    assert_eq!(cubic.window(), 18_000);
}
