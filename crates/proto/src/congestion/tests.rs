//! Samples for the tests of controllers, and what has to hold for each of them.

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// `millis` behind the origin.
pub(super) fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// An acknowledgement at `millis` of `bytes` that were sent one round trip of `rtt` before.
pub(super) fn ack(millis: u64, bytes: u64, rtt: u64) -> AckSample {
    let rtt = Duration::from_millis(rtt);
    AckSample {
        now: at(millis),
        bytes,
        sent_at: at(millis) - rtt,
        prior_in_flight: bytes,
        bytes_in_flight: 0,
        latest_rtt: Some(rtt),
        ack_delay: Duration::ZERO,
        smoothed_rtt: rtt,
        min_rtt: rtt,
        delivery: Delivery::default(),
        is_app_limited: false,
    }
}

/// A sign of congestion at `millis` on what was sent at `sent`.
pub(super) fn congestion(millis: u64, kind: CongestionKind, sent: u64) -> CongestionSample {
    CongestionSample {
        now: at(millis),
        kind,
        sent_at: at(sent),
        lost: 1_200,
        bytes_in_flight: 0,
        sent_in_flight: 12_000,
        lost_since_sent: 1_200,
        is_app_limited: false,
    }
}

/// One packet sent at `millis` into an empty path.
pub(super) fn sent(millis: u64) -> SentSample {
    SentSample {
        now: at(millis),
        number: millis,
        bytes: 1_200,
        bytes_in_flight: 1_200,
        is_app_limited: false,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Sent(u64),
    Ack { bytes: u64, rtt: u64, app_limited: bool },
    Congestion(u8, u64),
    Undo,
    Path(u32, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![0..100_000u64, Just(u64::MAX >> 8)];
    let rtt = prop_oneof![0..1_000u64, Just(1 << 32)];
    prop_oneof![
        any::<u32>().prop_map(|bytes| Step::Sent(bytes.into())),
        (bytes, rtt, any::<bool>()).prop_map(|(bytes, rtt, app_limited)| Step::Ack {
            bytes,
            rtt,
            app_limited
        }),
        (0..3u8, 0..2_000u64).prop_map(|(kind, age)| Step::Congestion(kind, age)),
        Just(Step::Undo),
        (1_200..65_536u32, any::<bool>()).prop_map(|(size, fresh)| Step::Path(size, fresh)),
        prop_oneof![0..1_000u64, Just(1 << 40)].prop_map(Step::Wait),
    ]
}

proptest! {
    // spec: 8.4
    #[test]
    fn nothing_that_is_sampled_breaks_a_controller(steps in prop::collection::vec(step(), 0..80)) {
        let controllers: [Box<dyn Controller>; 3] = [
            Box::new(Cubic::new(1_200)),
            Box::new(Fixed::new(1_000_000, 1_200)),
            Box::new(Bbr::new(1_200, 1)),
        ];
        for mut controller in controllers {
            let (mut now, mut size, mut delivered) = (5_000, 1_200, 0_u64);
            for step in &steps {
                match *step {
                    Step::Sent(bytes) => {
                        controller.on_sent(&SentSample { bytes, ..sent(now) });
                    }
                    Step::Ack { bytes, rtt, app_limited } => {
                        let sample = ack(now, bytes, rtt);
                        let delivery = Delivery {
                            rate: (rtt > 0).then_some(bytes),
                            prior_delivered: delivered.saturating_sub(rtt),
                            delivered: delivered.saturating_add(bytes),
                            lost: delivered / 10 + rtt,
                            sent_in_flight: bytes,
                            lost_since_sent: rtt,
                        };
                        delivered = delivery.delivered;
                        let is_app_limited = app_limited;
                        controller.on_ack(&AckSample { delivery, is_app_limited, ..sample });
                    }
                    Step::Congestion(kind, age) => {
                        let kind = match kind {
                            0 => CongestionKind::Loss,
                            1 => CongestionKind::Mark,
                            _ => CongestionKind::Persistent,
                        };
                        controller.on_congestion(&congestion(now, kind, now.saturating_sub(age)));
                    }
                    Step::Undo => controller.on_undo(at(now)),
                    Step::Path(bytes, fresh) => {
                        size = bytes;
                        controller.on_path(bytes, fresh);
                    }
                    Step::Wait(millis) => now = (now + millis).min(1 << 43),
                }
                let window = controller.window();
                prop_assert!(window >= 2 * u64::from(size), "{window} after {step:?}");
                prop_assert!(window <= 1 << 54, "{window} after {step:?}");
                prop_assert!(controller.pacing_rate() != Some(0), "after {step:?}");
            }
        }
    }
}

#[test]
fn rates_are_known_when_a_round_trip_time_is() {
    let mut cubic = Cubic::new(1_200);
    assert_eq!(cubic.pacing_rate(), None);
    cubic.on_ack(&AckSample { smoothed_rtt: 100 * MS, ..ack(100, 0, 100) });
    assert_eq!(cubic.pacing_rate(), Some(240_000), "twice the window in slow start");
    cubic.on_congestion(&congestion(110, CongestionKind::Loss, 50));
    assert_eq!(cubic.pacing_rate(), Some(105_000), "8,400 x 1.25 / 0.1 s");
    cubic.on_path(1_200, true);
    assert_eq!((cubic.pacing_rate(), cubic.window()), (None, 12_000));
}
