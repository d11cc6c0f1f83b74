//! Loss of packets: independent, and in bursts by the model of Gilbert and Elliott.
//! Drops of the queue, the MTU and partitions are not loss in this sense.

use crate::LinkConfig;
use crate::dice::Dice;

#[derive(Clone, Debug, Default)]
pub(crate) struct Loss {
    in_bad_state: bool,
}

impl Loss {
    /// Whether the next packet is lost.
    pub(crate) fn strikes(&mut self, config: &LinkConfig, dice: &mut Dice) -> bool {
        let lost = dice.loss.chance(config.loss);
        let Some(burst) = config.burst_loss else {
            self.in_bad_state = false;
            return lost;
        };
        let state = &mut dice.burst_state;
        self.in_bad_state =
            if self.in_bad_state { !state.chance(burst.leave) } else { state.chance(burst.enter) };
        let probability = if self.in_bad_state { burst.bad_loss } else { burst.good_loss };
        dice.burst_loss.chance(probability) || lost
    }
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;
    use crate::BurstLoss;

    fn losses(config: &LinkConfig) -> Vec<bool> {
        let mut dice = Dice::new(&Seed::from_u64(1));
        let mut loss = Loss::default();
        (0..100_000).map(|_| loss.strikes(config, &mut dice)).collect()
    }

    #[test]
    fn independent_loss_has_its_rate() {
        let lost = losses(&LinkConfig { loss: 0.1, ..LinkConfig::default() });
        let count = lost.iter().filter(|lost| **lost).count();
        assert!((9_700..10_300).contains(&count), "{count}");
    }

    #[test]
    fn bursts_have_their_rate_and_length() {
        let burst = BurstLoss { enter: 0.01, leave: 0.2, good_loss: 0.0, bad_loss: 1.0 };
        let lost = losses(&LinkConfig { burst_loss: Some(burst), ..LinkConfig::default() });
        // Share of the bad state: enter / (enter + leave) = 4.76 %; mean burst 1 / leave = 5.
        let count = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!((4_200..5_300).contains(&count), "{count}");
        assert!((4 * bursts..6 * bursts).contains(&count), "{count} in {bursts}");
    }
}
