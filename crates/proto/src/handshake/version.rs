//! VERSION (docs/PROTOCOL.md, 5.6): answers to SYNs of other versions, and what speaks for a
//! downgrade. How a client takes them is its attempt's business.

use rudp_base::{Instant, PublicRng};
use rudp_wire::packet::{Profile, SynInvariant, Version, write_versions};

use super::IdPlan;
use super::random_bit;
use super::rate::Rate;

/// A burst and what is admitted in the same second are 1,000 together (docs/PROTOCOL.md, 5.6.1).
const PER_SECOND: u32 = 1_000 / 2;

/// Answers SYNs of versions that the endpoint does not speak.
#[derive(Debug)]
pub(crate) struct VersionAnswers {
    own: Version,
    rate: Rate,
}

impl VersionAnswers {
    /// Answers of an endpoint that speaks the version of `profile` alone (docs/PROTOCOL.md, 3.2), at
    /// the socket with the ids of `plan`.
    pub(crate) fn new(profile: Profile, plan: IdPlan) -> Self {
        Self { own: profile.version(), rate: Rate::new(plan.share(PER_SECOND)) }
    }

    /// Writes the VERSION that answers `syn` and gives its length, or `None` if there have been too
    /// many. 64 bytes are enough of a buffer.
    ///
    /// Besides the own version a random one is listed that is never assigned, so that clients keep
    /// ignoring versions that they do not know (docs/PROTOCOL.md, 3.1).
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        syn: &SynInvariant,
        public: &mut PublicRng,
        buffer: &mut [u8],
    ) -> Option<usize> {
        if syn.version == self.own || syn.version == Version::NONE || !self.rate.admit(now) {
            return None;
        }
        let [a, b, c, d, ..] = public.next_u64().to_be_bytes();
        let unassigned = Version(u32::from_be_bytes([a, b, c, d]) & 0xf0f0_f0f0 | 0x0a0a_0a0a);
        // 5.6.2: a VERSION that lists the version of the SYN would be dropped.
        let versions = [self.own, unassigned];
        let versions = if unassigned == syn.version { &versions[..1] } else { &versions[..] };
        write_versions(syn, versions, random_bit(public), buffer).ok()
    }
}

/// Whether somebody made a client take version `used` (docs/PROTOCOL.md, 5.6.3): it tried `first`
/// before, which the server speaks too.
pub(super) fn is_downgrade(first: Version, used: Version, spoken: &[Version]) -> bool {
    first != used && spoken.contains(&first)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use rudp_base::Seed;
    use rudp_wire::packet::{ConnectionId, Packet};

    use super::*;

    const FOREIGN: SynInvariant = SynInvariant {
        initial: ConnectionId([1; 8]),
        version: Version(7),
        source: ConnectionId([2; 8]),
    };

    // spec: 5.6.1, 5.7.1
    #[test]
    fn at_most_1000_answers_per_second_each_shorter_than_a_syn() {
        for profile in [Profile::Sealed, Profile::Plain] {
            let mut answers = VersionAnswers::new(profile, IdPlan::default());
            let mut public = Seed::from_u64(1).public_stream("version");
            let mut buffer = [0; 64];
            let mut sent = 0;
            for step in 0..3_000 {
                let now = Instant::ZERO + Duration::from_micros(333 * step);
                let Some(len) = answers.answer(now, &FOREIGN, &mut public, &mut buffer) else {
                    continue;
                };
                sent += 1;
                let Ok(Packet::Version(packet)) = Packet::parse(&buffer[..len], profile) else {
                    panic!("no VERSION");
                };
                assert_eq!((packet.destination, packet.initial), (FOREIGN.source, FOREIGN.initial));
                // spec: 3.1, 3.2
                let versions: Vec<_> = packet.versions().collect();
                assert_eq!(versions[0], profile.version());
                assert!(versions[1..].iter().all(|version| version.is_grease()));
            }
            assert!((500..=1_000).contains(&sent), "{sent}");
        }
    }

    // spec: 5.6.2
    #[test]
    fn no_answer_lists_the_version_that_was_asked_for() {
        let mut public = Seed::from_u64(1).public_stream("version");
        let own = SynInvariant { version: Version::ONE, ..FOREIGN };
        let mut answer = |syn: &SynInvariant| {
            let mut answers = VersionAnswers::new(Profile::Sealed, IdPlan::default());
            answers.answer(Instant::ZERO, syn, &mut public, &mut [0; 64])
        };
        assert_eq!(answer(&own), None);
        assert_eq!(answer(&SynInvariant { version: Version::NONE, ..FOREIGN }), None);
    }

    // spec: 5.6.3
    #[test]
    fn a_downgrade_is_another_first_version_that_the_server_speaks() {
        let (old, new, unknown) = (Version(1), Version(2), Version(3));
        let spoken = [old, new];
        assert!(is_downgrade(new, old, &spoken));
        assert!(!is_downgrade(old, old, &spoken));
        assert!(!is_downgrade(unknown, old, &spoken));
    }
}
