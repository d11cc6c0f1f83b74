//! [`Dice`]: the randomness of a link, with a stream of its own for each question.
//! What is asked, and how often, is the link's and the impairments'.

use rudp_base::{PublicRng, Seed};

/// The dice of one link. However often one of them is thrown, the others show the same.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    pub(crate) loss: Die,
    pub(crate) burst_state: Die,
    pub(crate) burst_loss: Die,
    pub(crate) corrupt: Die,
    pub(crate) damage: Die,
    pub(crate) duplicate: Die,
    pub(crate) jitter: Die,
    pub(crate) wave: Die,
    pub(crate) reorder: Die,
    /// For the jitter and the reordering of second copies, which most packets do not have.
    pub(crate) copies: Die,
}

impl Dice {
    pub(crate) fn new(seed: &Seed) -> Self {
        let die = |purpose| Die { seed: seed.clone(), purpose, rng: None };
        Self {
            loss: die("loss"),
            burst_state: die("burst state"),
            burst_loss: die("burst loss"),
            corrupt: die("corrupt"),
            damage: die("damage"),
            duplicate: die("duplicate"),
            jitter: die("jitter"),
            wave: die("wave"),
            reorder: die("reorder"),
            copies: die("copies"),
        }
    }
}

/// One stream. It is made when it is first used, since most links use few and many worlds are
/// small.
#[derive(Clone, Debug)]
pub(crate) struct Die {
    seed: Seed,
    purpose: &'static str,
    rng: Option<Box<PublicRng>>,
}

impl Die {
    pub(crate) fn rng(&mut self) -> &mut PublicRng {
        let Self { seed, purpose, rng } = self;
        rng.get_or_insert_with(|| Box::new(seed.public_stream(purpose)))
    }

    /// As [`PublicRng::chance`]: what is off draws nothing.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng().chance(probability)
    }
}
