//! [`Runner`]: how faithfully to a real driver the machines are run, and the dice of a rough one.
//! What follows from those dice is the world's.

use core::time::Duration;

use rudp_base::{PublicRng, Seed};

/// The longest that a rough runner does not look, or cannot send.
const LONGEST_NANOS: u64 = 1_000_000;

/// How machines are run. Either way their law is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// An endlessly fast computer: each input is handled when it comes and followed by a drain,
    /// timeouts are on time, and the socket can always send.
    #[default]
    Ideal,
    /// A driver on a busy computer. At random (from the world's seed) and for up to a millisecond,
    /// it does not look at a node: then what has arrived, and a timeout that came true, are handled
    /// late and at one `now`. It drains once after several inputs of one `now`, or after each; calls
    /// `handle_timeout` early; asks again after `poll_transmit` has returned `None`; and has a
    /// socket that refuses a batch for up to a millisecond, while events and inputs go on.
    ///
    /// Use it to see whether a machine holds, not to measure one.
    Rough,
}

/// The dice of [`Runner::Rough`].
#[derive(Debug)]
pub(crate) struct Rough(PublicRng);

impl Rough {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self(seed.public_stream("runner"))
    }

    /// For how long a node is not looked at, from now on.
    pub(crate) fn nap(&mut self) -> Option<Duration> {
        self.0.chance(0.25).then(|| self.pause())
    }

    /// Whether the drain waits for further inputs of this `now`.
    pub(crate) fn waits_for_more(&mut self) -> bool {
        self.0.chance(0.5)
    }

    /// Whether `handle_timeout` is called though nothing may be due.
    pub(crate) fn is_early(&mut self) -> bool {
        self.0.chance(0.1)
    }

    /// Whether `poll_transmit` is called once more after `None`.
    pub(crate) fn asks_again(&mut self) -> bool {
        self.0.chance(0.5)
    }

    /// For how long the socket refuses a batch.
    pub(crate) fn refusal(&mut self) -> Option<Duration> {
        self.0.chance(0.05).then(|| self.pause())
    }

    /// Short ones are as likely as long ones.
    fn pause(&mut self) -> Duration {
        let most = LONGEST_NANOS >> self.0.below(20);
        Duration::from_nanos(1 + self.0.below(most))
    }
}
