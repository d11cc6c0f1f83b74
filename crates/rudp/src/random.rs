//! The system's randomness, which seeds keys and endpoints.
//! What comes after the seed is `rudp-base`'s.

use rudp_base::Seed;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// 32 bytes that nobody can guess.
pub(crate) fn bytes() -> Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)
        .map_err(|error| Error::system("drawing randomness", error.into()))?;
    Ok(bytes)
}

/// A seed for one endpoint.
pub(crate) fn seed() -> Result<Seed> {
    Ok(Seed::new(*bytes()?))
}
