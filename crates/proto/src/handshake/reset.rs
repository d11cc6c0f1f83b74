//! Stateless reset (docs/PROTOCOL.md, 10): tokens, and when an unknown id is answered with RESET.
//! Finding the session that a received RESET ends is the endpoint's business.

use rudp_base::{Instant, PublicRng};
use rudp_wire::packet::{ConnectionId, Profile, Reset};

use super::random_bit;
use super::rate::HostRates;
use super::{Arrival, IdPlan};
use crate::crypto::{Crypto, TokenKey, equal_tokens};

/// A burst and what is admitted in the same second are 10 together (docs/PROTOCOL.md, 10.3).
const PER_ADDRESS: u32 = 10 / 2;
/// Likewise 1,000.
const IN_ALL: u32 = 1_000 / 2;

/// The reset tokens of an endpoint, and its answers to packets for ids that it does not know.
#[derive(Debug)]
pub(crate) struct Resets {
    /// `None` in the plain profile, which has no RESET (docs/PROTOCOL.md, 3.6).
    key: Option<Box<dyn TokenKey>>,
    plan: IdPlan,
    rates: HostRates,
}

impl Resets {
    /// Resets under a key that outlives restarts (docs/PROTOCOL.md, 10.1), of the socket with the
    /// ids of `plan`.
    pub(crate) fn new(crypto: &dyn Crypto, key: &[u8; 32], plan: IdPlan) -> Self {
        let is_sealed = crypto.profile() == Profile::Sealed;
        let key = is_sealed.then(|| crypto.token_key(key));
        let rates = HostRates::new(plan.share(PER_ADDRESS), plan.share(IN_ALL));
        Self { key, plan, rates }
    }

    /// The token of one of the endpoint's own ids (docs/PROTOCOL.md, 10.1); zeros in the plain
    /// profile (3.5).
    pub(crate) fn token(&self, id: ConnectionId) -> [u8; 16] {
        let mac = self.key.as_ref().map(|key| key.mac(&[b"rudp reset", &id.0]));
        mac.and_then(|mac| mac.first_chunk().copied()).unwrap_or_default()
    }

    /// The RESET that answers a data packet or an ACK for an id that nobody here knows, or `None`
    /// where there must be no answer.
    ///
    /// The endpoint asks only if neither a session nor an unfinished handshake has the id.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        id: ConnectionId,
        public: &mut PublicRng,
    ) -> Option<[u8; Reset::LEN]> {
        // 5.7.1: shorter than its cause. 10.3: not for what another one may own.
        let may_answer = arrival.len > Reset::LEN && self.plan.may_own(id);
        if self.key.is_none() || !may_answer || !self.rates.admit(now, arrival.remote.ip()) {
            return None;
        }
        let mut packet = [0; Reset::LEN];
        let reset = Reset { id, token: self.token(id) };
        reset.emit(random_bit(public), &mut packet).ok()?;
        Some(packet)
    }
}

/// Whether a RESET is from the peer whose id's token is `token`, in a time that tells nothing
/// (docs/PROTOCOL.md, 10.4).
pub(crate) fn is_from_peer(reset: &Reset, token: &[u8; 16]) -> bool {
    equal_tokens(&reset.token, token)
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, SocketAddr};
    use core::time::Duration;

    use rudp_base::Seed;
    use rudp_wire::packet::Packet;

    use super::*;
    use crate::toy::Toy;

    const ID: ConnectionId = ConnectionId([7, 0, 0, 0, 0, 0, 0, 5]);

    fn resets(toy: &Toy) -> Resets {
        Resets::new(toy, &[1; 32], IdPlan::new(&[7], 1, 4).unwrap())
    }

    fn arrival(host: u32, len: usize) -> Arrival {
        let address = IpAddr::from(host.to_be_bytes());
        Arrival { remote: SocketAddr::new(address, 9), local: None, len }
    }

    fn public() -> PublicRng {
        Seed::from_u64(1).public_stream("reset")
    }

    // spec: 10.1, 10.2, 10.4, 5.7.1
    #[test]
    fn a_reset_has_25_bytes_and_the_token_of_its_id() {
        let mut resets = resets(&Toy::sealed());
        let packet = resets.answer(Instant::ZERO, &arrival(1, 26), ID, &mut public()).unwrap();
        let Ok(Packet::Reset(reset)) = Packet::parse(&packet, Profile::Sealed) else {
            panic!("no RESET");
        };
        assert_eq!(reset.id, ID);
        assert!(is_from_peer(&reset, &resets.token(ID)));
        assert!(!is_from_peer(&reset, &resets.token(ConnectionId([7; 8]))));
        let mac = Toy::sealed().token_key(&[1; 32]).mac(&[b"rudp reset", &ID.0]);
        assert_eq!(resets.token(ID), mac[..16]);
        assert_eq!(resets.answer(Instant::ZERO, &arrival(1, 25), ID, &mut public()), None);
    }

    // spec: 10.3
    #[test]
    fn no_reset_for_what_another_one_may_own() {
        let mut resets = resets(&Toy::sealed());
        for id in [[7, 0, 0, 0, 0, 0, 0, 6], [8, 0, 0, 0, 0, 0, 0, 5]] {
            let answer =
                resets.answer(Instant::ZERO, &arrival(1, 100), ConnectionId(id), &mut public());
            assert_eq!(answer, None);
        }
    }

    // spec: 10.3
    #[test]
    fn at_most_10_resets_per_second_to_one_address_and_1000_in_all() {
        let mut public = public();
        let mut count = |hosts: u32| {
            let plan = IdPlan::new(&[7], 0, 1).unwrap();
            let mut resets = Resets::new(&Toy::sealed(), &[1; 32], plan);
            (0..3_000_u32)
                .filter(|step| {
                    let now = Instant::ZERO + Duration::from_micros(333) * *step;
                    resets.answer(now, &arrival(step % hosts, 100), ID, &mut public).is_some()
                })
                .count()
        };
        assert!((5..=10).contains(&count(1)));
        assert!((500..=1_000).contains(&count(3_000)));
    }

    // spec: 4.2a, 10.3
    #[test]
    fn of_several_sockets_each_sends_its_part() {
        let (mut resets, mut public) = (resets(&Toy::sealed()), public());
        let sent = (0..1_000_u32)
            .filter(|millis| {
                let now = Instant::ZERO + Duration::from_millis(u64::from(*millis));
                resets.answer(now, &arrival(1, 100), ID, &mut public).is_some()
            })
            .count();
        assert_eq!(sent, 1, "a fourth of 10, of which half is a burst");
        let sent = (0..3_000_u32)
            .filter(|step| {
                let now = Instant::ZERO + Duration::from_micros(333) * *step;
                resets.answer(now, &arrival(*step, 100), ID, &mut public).is_some()
            })
            .count();
        assert!((125..=250).contains(&sent), "{sent}");
    }

    // spec: 3.5, 3.6
    #[test]
    fn the_plain_profile_has_no_reset() {
        let mut resets = resets(&Toy::plain());
        assert_eq!(resets.token(ID), [0; 16]);
        assert_eq!(resets.answer(Instant::ZERO, &arrival(1, 100), ID, &mut public()), None);
    }
}
