//! The cookies of RETRY (docs/PROTOCOL.md, 5.5.3): proof that who asks gets what is sent to it.
//! When one is asked for is the server's to decide.

use rudp_base::Instant;
use rudp_wire::packet::Syn;

use super::place::Place;
use crate::crypto::{TokenKey, equal_tokens};

/// How old a cookie may be, in seconds (docs/PROTOCOL.md, 5.5.3).
const MAX_AGE: u32 = 15;
/// How far in the future it may have been made, in seconds, by a clock that is ahead.
const MAX_AHEAD: u32 = 2;

/// A cookie: when it was made, and its MAC.
pub(super) type Cookie = [u8; 20];

/// Makes cookies and checks them. Keeps nothing of any client.
#[derive(Debug)]
pub(crate) struct Cookies {
    key: Box<dyn TokenKey>,
    unix_seconds_at_zero: u64,
}

impl Cookies {
    /// Cookies under `key`, which servers may share. `unix_seconds_at_zero` is the time of
    /// [`Instant::ZERO`] in seconds since 1970.
    pub(crate) fn new(key: Box<dyn TokenKey>, unix_seconds_at_zero: u64) -> Self {
        Self { key, unix_seconds_at_zero }
    }

    /// The cookie for a SYN whose message has the SHA-256 `digest`.
    pub(super) fn make(
        &self,
        now: Instant,
        place: Place,
        syn: &Syn<'_>,
        digest: &[u8; 32],
    ) -> Cookie {
        self.at(self.seconds(now).to_be_bytes(), place, syn, digest)
    }

    /// Whether the SYN's cookie is one that was made for it, not long ago.
    pub(super) fn is_valid(
        &self,
        now: Instant,
        place: Place,
        syn: &Syn<'_>,
        digest: &[u8; 32],
    ) -> bool {
        let Ok(cookie) = Cookie::try_from(syn.cookie) else { return false };
        let [a, b, c, d, mac @ ..] = cookie;
        let made = [a, b, c, d];
        let age = self.seconds(now).wrapping_sub(u32::from_be_bytes(made));
        if age > MAX_AGE && age < MAX_AHEAD.wrapping_neg() {
            return false;
        }
        let [_, _, _, _, expected @ ..] = self.at(made, place, syn, digest);
        equal_tokens(&mac, &expected)
    }

    fn at(&self, made: [u8; 4], place: Place, syn: &Syn<'_>, digest: &[u8; 32]) -> Cookie {
        let (address, port, identity) = (place.address(), place.port(), syn.identity());
        let mac = self.key.mac(&[b"rudp cookie", &made, &address, &port, &identity, digest]);
        let mut cookie = [0; 20];
        for (byte, value) in cookie.iter_mut().zip(made.iter().chain(&mac)) {
            *byte = *value;
        }
        cookie
    }

    /// Seconds since 1970 modulo 2^32.
    #[expect(clippy::cast_possible_truncation, reason = "cookies count modulo 2^32")]
    fn seconds(&self, now: Instant) -> u32 {
        self.unix_seconds_at_zero.wrapping_add(now.as_nanos() / 1_000_000_000) as u32
    }
}
