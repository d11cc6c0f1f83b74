//! Random runs against a model that knows no more than the fates.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send {
        eliciting: bool,
        skip: bool,
        tokens: u64,
        probe: bool,
    },
    /// Acknowledges, of the numbers sent, those whose bit is set, from so far below the highest.
    Ack {
        back: u64,
        bits: u64,
    },
    Wait(u32),
    Timeout,
    GiveBack,
    Path,
    /// An ACK of anybody's making.
    Hostile {
        ranges: Vec<(u64, u64)>,
        counts: Option<(u64, u64, u64)>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let send = (prop::bool::weighted(0.8), prop::bool::weighted(0.1), 0..4u64, any::<bool>());
    let send = send.prop_map(|(eliciting, skip, tokens, probe)| Step::Send {
        eliciting,
        skip,
        tokens,
        probe,
    });
    let ranges = prop::collection::vec((0..3u64, 0..20u64), 1..6);
    let count = || prop_oneof![0..30u64, Just((1 << 62) - 1)];
    prop_oneof![
        10 => send,
        5 => (0..40u64, any::<u64>()).prop_map(|(back, bits)| Step::Ack { back, bits }),
        3 => (0..200u32).prop_map(Step::Wait),
        2 => Just(Step::Timeout),
        1 => Just(Step::GiveBack),
        1 => Just(Step::Path),
        1 => (ranges, prop::option::of((count(), count(), count())))
            .prop_map(|(ranges, counts)| Step::Hostile { ranges, counts }),
    ]
}

/// A token in the model, and the fates that it met.
#[derive(Clone, Debug, Default)]
struct Told {
    lost: u32,
    acked: u32,
}

#[derive(Default)]
struct Model {
    next: u64,
    /// Numbers sent, with their bytes, if in flight at first, and the tokens.
    sent: BTreeMap<u64, (bool, u64, Vec<u64>)>,
    acked: Vec<u64>,
    next_token: u64,
    told: BTreeMap<u64, Told>,
}

impl Model {
    fn tell(&mut self, fates: &mut Vec<(Fate, u64)>) {
        for (fate, token) in fates.drain(..) {
            let told = self.told.get_mut(&token).expect("a token that was sent");
            assert_eq!(told.acked, 0, "nothing follows an acknowledgement");
            match fate {
                Fate::Lost => told.lost += 1,
                Fate::Acknowledged => told.acked += 1,
            }
            assert!(told.lost <= 1, "lost once");
        }
    }

    /// The numbers acknowledged by `bits`, as ranges from the highest on.
    fn ranges(&self, back: u64, bits: u64) -> Vec<(u64, u64)> {
        let top = self.next.saturating_sub(back);
        let chosen = |number: u64| {
            top.checked_sub(number + 1).is_some_and(|bit| bit < 64 && bits >> bit & 1 == 1)
        };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (&number, _) in self.sent.iter().rev().filter(|(number, _)| chosen(**number)) {
            match ranges.last_mut().filter(|(low, _)| *low == number + 1) {
                Some((low, _)) => *low = number,
                None => ranges.push((number, number)),
            }
        }
        ranges
    }
}

struct Run {
    scene: Scene,
    model: Model,
    now: Instant,
}

impl Run {
    fn apply(&mut self, step: Step) {
        let Self { scene, model, now } = self;
        match step {
            Step::Send { eliciting, skip, tokens, probe } => {
                let number = model.next + u64::from(skip);
                model.next = number + 1;
                let own: Vec<_> = (model.next_token..model.next_token + tokens).collect();
                model.next_token += tokens;
                if eliciting {
                    model.told.extend(own.iter().map(|token| (*token, Told::default())));
                }
                let bytes = 100 + (number % 1_000) as u16;
                let sent = Sent {
                    number,
                    bytes,
                    is_ack_eliciting: eliciting,
                    is_ect0: scene.recovery.markable() > 0,
                    is_size_probe: probe,
                };
                let mut named =
                    own.iter().map(|number| Token::Datagram { number: *number }).collect();
                let feed = Feed { controller: &mut scene.heard, tally: &mut scene.tally };
                scene.recovery.on_sent(*now, sent, &mut named, feed);
                model.sent.insert(number, (eliciting, u64::from(bytes), own));
            }
            Step::Ack { back, bits } => {
                let ranges = model.ranges(back, bits);
                if !ranges.is_empty() {
                    let outcome = scene.ack_ecn(*now, &ranges, None).expect("all was sent");
                    let all = ranges.iter().flat_map(|(low, high)| *low..=*high);
                    model.acked.extend(all);
                    assert!(outcome.highest.is_none_or(|highest| highest == ranges[0].1));
                }
            }
            Step::Wait(ms) => *now += MS * ms,
            Step::Timeout => {
                for _ in 0..10 {
                    let Some(due) = scene.recovery.timeout() else { break };
                    *now = (*now).max(due);
                    scene.timeout(*now);
                    if scene.recovery.timeout().is_none_or(|due| due > *now) {
                        break;
                    }
                }
                assert!(scene.recovery.timeout().is_none_or(|due| due > *now));
            }
            Step::GiveBack => _ = scene.give_back(),
            Step::Path => scene.recovery.on_path(*now, true),
            Step::Hostile { ranges, counts } => self.hostile(&ranges, counts),
        }
    }

    fn hostile(&mut self, steps: &[(u64, u64)], counts: Option<(u64, u64, u64)>) {
        let Self { scene, model, now } = self;
        let mut ranges = Vec::new();
        let mut top = (model.next + 2).checked_sub(steps[0].0);
        for (gap, len) in steps {
            let Some(high) = top.and_then(|top| top.checked_sub(*gap)) else { break };
            let low = high.saturating_sub(*len);
            ranges.push((low, high));
            top = low.checked_sub(2);
        }
        let ecn = counts.map(|(ect0, ect1, ce)| EcnCounts { ect0, ect1, ce });
        if ranges.is_empty() {
            return;
        }
        let mut all = ranges.iter().flat_map(|(low, high)| *low..=*high);
        let were_sent = all.all(|number| model.sent.contains_key(&number));
        let result = scene.ack_ecn(*now, &ranges, ecn);
        if were_sent {
            result.expect("all was sent");
        }
        // Numbers skipped long ago may be forgotten; what was sent of such an ACK counts then.
        if result.is_ok() {
            model.acked.extend(ranges.iter().flat_map(|(low, high)| *low..=*high));
        }
    }

    /// What must hold after each step.
    fn check(&mut self) {
        let mut fates = core::mem::take(&mut self.scene.fates);
        self.model.tell(&mut fates);
        let in_flight = self.scene.recovery.sent.in_flight_numbers();
        let bytes: u64 = in_flight.iter().map(|number| self.model.sent[number].1).sum();
        assert_eq!(self.scene.recovery.bytes_in_flight(), bytes);
        assert_eq!(self.scene.recovery.sent.outstanding(), in_flight.len());
        let model = &self.model;
        for (number, (eliciting, _, tokens)) in &model.sent {
            let is_in_flight = in_flight.binary_search(number).is_ok();
            let is_acked = model.acked.contains(number);
            assert!(!(is_in_flight && (is_acked || !eliciting)), "{number}");
            for told in tokens.iter().filter_map(|token| model.told.get(token)) {
                assert!(is_in_flight || told.lost + told.acked > 0, "{number} has no fate");
                assert!(told.acked == 0 || is_acked, "{number} was never acknowledged");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_token_meets_its_fate(steps in prop::collection::vec(step(), 1..150)) {
        let mut run = Run { scene: Scene::new(Config::default()), model: Model::default(), now: at(0) };
        for step in steps {
            run.apply(step);
            run.check();
        }
        let Scene { recovery, fates, .. } = &mut run.scene;
        recovery.forget_all(&mut |fate, token| fates.push((fate, number_of(token))));
        run.check();
        prop_assert_eq!(run.scene.recovery.bytes_in_flight(), 0);
        prop_assert!(run.model.told.values().all(|told| told.lost + told.acked > 0));
    }
}
