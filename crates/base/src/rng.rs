//! Seeded randomness: one [`Seed`] per endpoint, forked by purpose into secret and public streams.
//! The system's randomness is not read here; a driver's owner draws the first seed.

use core::fmt;

use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rand_chacha::{ChaCha8Rng, ChaCha20Rng};

/// Where all randomness of an endpoint comes from.
///
/// Forks for different purposes are independent (keyed BLAKE3): whoever sees everything drawn from
/// one learns nothing of the others. Secret streams (keys, tokens) and public ones (ids, jitter)
/// have types of their own, so that nothing seen on the wire comes from the generator behind the
/// keys.
///
/// ```
/// use rudp_base::Seed;
///
/// let seed = Seed::from_u64(7);
/// let mut ids = seed.public_stream("connection ids");
/// let mut again = Seed::from_u64(7).public_stream("connection ids");
/// assert_eq!(ids.next_u64(), again.next_u64());
/// assert_ne!(ids.next_u64(), seed.public_stream("jitter").next_u64());
/// ```
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed from 32 bytes that nobody can guess.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A seed for tests and simulations: everybody can guess it.
    pub fn from_u64(number: u64) -> Self {
        Self(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    /// A seed that depends on this one and on `purpose` alone.
    #[must_use]
    pub fn fork(&self, purpose: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes())
    }

    // The zero bytes keep the two kinds apart from whatever purpose somebody forks for.

    /// A generator for what must stay secret.
    pub fn secret_stream(&self, purpose: &str) -> SecretRng {
        SecretRng(ChaCha20Rng::from_seed(self.fork("\0secret").fork(purpose).0))
    }

    /// A generator for what anybody may see.
    pub fn public_stream(&self, purpose: &str) -> PublicRng {
        PublicRng(ChaCha8Rng::from_seed(self.fork("\0public").fork(purpose).0))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A generator of secrets. It gives bytes, and nothing that invites other uses.
pub struct SecretRng(ChaCha20Rng);

impl SecretRng {
    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// `N` fresh bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for SecretRng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretRng(..)")
    }
}

/// A generator of numbers that may be seen: ids, jitter, a simulator's dice.
#[derive(Clone, Debug)]
pub struct PublicRng(ChaCha8Rng);

impl PublicRng {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A number from 0 to `bound` - 1, or 0 where `bound` is 0. The bias is below 2^-32 for bounds
    /// below 2^32.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next_u64()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// A number from 0 (included) to 1 (excluded).
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with `probability` (0 to 1). Draws nothing where the answer is certain, so that a
    /// switched-off impairment does not shift the dice of the others.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.unit() < probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_different_kind_or_purpose_differ() {
        let seed = Seed::from_u64(1);
        let mut public = [0; 16];
        seed.public_stream("a").fill(&mut public);
        let mut other = [0; 16];
        seed.public_stream("b").fill(&mut other);
        assert_ne!(public, other);
        assert_ne!(public, seed.secret_stream("a").array());
        assert_ne!(seed.fork("x").fork("y").0, seed.fork("y").fork("x").0);
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = Seed::from_u64(2).public_stream("test");
        let mut seen = [false; 7];
        for _ in 0..1_000 {
            seen[usize::try_from(rng.below(7)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn chance_is_about_right_and_certain_at_the_ends() {
        let mut rng = Seed::from_u64(3).public_stream("test");
        let hits = (0..10_000).filter(|_| rng.chance(0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!(!rng.chance(0.0));
        assert!(rng.chance(1.0));
    }

    #[test]
    fn secrets_are_not_printed() {
        let seed = Seed::from_u64(4);
        assert_eq!(format!("{seed:?} {:?}", seed.secret_stream("k")), "Seed(..) SecretRng(..)");
    }
}
