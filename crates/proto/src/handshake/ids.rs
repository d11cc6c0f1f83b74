//! Choosing connection ids (docs/PROTOCOL.md, 4): random as far as sockets and load balancers leave
//! them free. Which ids are in use is the callers' to know.

use rudp_base::PublicRng;
use rudp_wire::packet::ConnectionId;

/// How often an id is drawn before giving up. With less than half of all ids in use, failing is as
/// likely as guessing a key.
const MAX_DRAWS: usize = 128;

/// What the ids of one socket have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdPlan {
    prefix: [u8; 2],
    prefix_len: usize,
    socket: u32,
    sockets: u32,
}

impl Default for IdPlan {
    /// One socket and no prefix.
    fn default() -> Self {
        Self { prefix: [0; 2], prefix_len: 0, socket: 0, sockets: 1 }
    }
}

impl IdPlan {
    /// The ids of socket number `socket` of `sockets` on one port (docs/PROTOCOL.md, 4.2), which
    /// begin with `prefix` (4.3). `None` where there is no such socket, or the prefix is longer
    /// than 2 bytes.
    pub(crate) fn new(prefix: &[u8], socket: u16, sockets: u16) -> Option<Self> {
        let mut padded = [0; 2];
        padded.get_mut(..prefix.len())?.copy_from_slice(prefix);
        let (socket, sockets) = (u32::from(socket), u32::from(sockets));
        let plan = Self { prefix: padded, prefix_len: prefix.len(), socket, sockets };
        (socket < sockets).then_some(plan)
    }

    /// An id that is not in use, or `None` where hardly any is free.
    pub(crate) fn choose(
        &self,
        public: &mut PublicRng,
        in_use: impl Fn(ConnectionId) -> bool,
    ) -> Option<ConnectionId> {
        (0..MAX_DRAWS).find_map(|_| self.draw(public).filter(|id| !in_use(*id)))
    }

    /// Whether an id is one that this socket can have chosen.
    pub(crate) fn may_own(&self, id: ConnectionId) -> bool {
        id.0.starts_with(self.prefix()) && id.steering() % self.sockets == self.socket
    }

    /// What this socket may do of `total`, which all sockets of its port may do together: its part,
    /// but at least 1 (docs/PROTOCOL.md, 4.2a).
    pub(crate) fn share(&self, total: u32) -> u32 {
        (total / self.sockets).max(1)
    }

    fn prefix(&self) -> &[u8] {
        self.prefix.get(..self.prefix_len).unwrap_or_default()
    }

    /// A random id of the plan; seldom `None`, where steering would leave the range of a `u32`.
    fn draw(&self, public: &mut PublicRng) -> Option<ConnectionId> {
        let mut id = public.next_u64().to_be_bytes();
        for (byte, fixed) in id.iter_mut().zip(self.prefix()) {
            *byte = *fixed;
        }
        let steering = ConnectionId(id).steering();
        let steering = (steering - steering % self.sockets).checked_add(self.socket)?;
        id[4..].copy_from_slice(&steering.to_be_bytes());
        Some(ConnectionId(id))
    }
}

/// The id that a client draws for its SYN (docs/PROTOCOL.md, 5.1): any.
pub(crate) fn initial(public: &mut PublicRng) -> ConnectionId {
    ConnectionId(public.next_u64().to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rudp_base::Seed;

    use super::*;

    proptest! {
        // spec: 4.1, 4.2, 4.3
        #[test]
        fn ids_keep_prefix_and_socket(
            seed: u64,
            prefix in prop::collection::vec(any::<u8>(), 0..=2),
            sockets in 1u16..,
            socket: u16,
        ) {
            let socket = socket % sockets;
            let plan = IdPlan::new(&prefix, socket, sockets).unwrap();
            let mut public = Seed::from_u64(seed).public_stream("ids");
            let mut known = BTreeSet::new();
            for _ in 0..20 {
                let id = plan.choose(&mut public, |id| known.contains(&id)).unwrap();
                prop_assert!(id.0.starts_with(&prefix));
                prop_assert_eq!(id.steering() % u32::from(sockets), u32::from(socket));
                prop_assert!(plan.may_own(id) && known.insert(id));
            }
        }
    }

    #[test]
    fn plans_that_cannot_be() {
        assert_eq!(IdPlan::new(&[], 0, 0), None);
        assert_eq!(IdPlan::new(&[], 2, 2), None);
        assert_eq!(IdPlan::new(&[1, 2, 3], 0, 1), None);
        assert_eq!(IdPlan::new(&[], 0, 1), Some(IdPlan::default()));
    }

    // spec: 4.2a
    #[test]
    fn sockets_share_what_an_endpoint_may_do() {
        let plan = |sockets| IdPlan::new(&[], 0, sockets).unwrap();
        assert_eq!([1, 2, 5, 64].map(|sockets| plan(sockets).share(64)), [64, 32, 12, 1]);
        assert_eq!(plan(65).share(64), 1);
    }

    // spec: 4.1
    #[test]
    fn an_id_in_use_is_never_chosen() {
        let mut public = Seed::from_u64(1).public_stream("ids");
        assert_eq!(IdPlan::default().choose(&mut public, |_| true), None);
        let odd = |id: ConnectionId| id.0[7] % 2 == 1;
        let id = IdPlan::default().choose(&mut public, odd).unwrap();
        assert!(!odd(id));
    }

    #[test]
    fn other_sockets_and_instances_own_other_ids() {
        let plan = IdPlan::new(&[7], 1, 4).unwrap();
        assert!(plan.may_own(ConnectionId([7, 0, 0, 0, 0, 0, 0, 5])));
        assert!(!plan.may_own(ConnectionId([7, 0, 0, 0, 0, 0, 0, 6])));
        assert!(!plan.may_own(ConnectionId([8, 0, 0, 0, 0, 0, 0, 5])));
    }
}
