//! X25519 key pairs and what they agree on (RFC 7748).
//! Who owns a pair, and what is made of an agreement, is decided elsewhere.

use std::sync::OnceLock;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use rudp_proto::crypto::Rejected;
use zeroize::Zeroizing;

/// A key pair, ready for use.
pub(crate) struct KeyPair {
    private: PrivateKey,
    public: [u8; 32],
}

impl KeyPair {
    /// The pair of `secret`: any 32 bytes.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let private =
            PrivateKey::from_private_key(&X25519, secret).expect("any 32 bytes are a secret");
        let key = private.compute_public_key().expect("every secret has a public key");
        let mut public = [0; 32];
        public.copy_from_slice(key.as_ref());
        Self { private, public }
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Writes what this pair and `peer` agree on to the beginning of `shared`.
    ///
    /// # Errors
    /// It is 32 zero bytes (docs/PROTOCOL.md, 5.0.1): the key of `peer` was made for that. AWS-LC
    /// sees to it, as RFC 7748, 6.1 allows.
    pub(crate) fn agree(&self, peer: &[u8; 32], shared: &mut [u8]) -> Result<(), Rejected> {
        let peer = UnparsedPublicKey::new(&X25519, peer);
        agreement::agree(&self.private, peer, Rejected, |secret| {
            shared.get_mut(..secret.len()).ok_or(Rejected)?.copy_from_slice(secret);
            Ok(())
        })
    }
}

/// A pair for one handshake. It is computed when it is first used: a message that does not open
/// has not cost that (docs/PROTOCOL.md, 5.1.5).
pub(crate) struct Ephemeral {
    secret: Zeroizing<[u8; 32]>,
    pair: OnceLock<KeyPair>,
}

impl Ephemeral {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret: Zeroizing::new(secret), pair: OnceLock::new() }
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        self.pair.get_or_init(|| KeyPair::new(&self.secret))
    }

    #[cfg(test)]
    pub(crate) fn is_computed(&self) -> bool {
        self.pair.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> [u8; 32] {
        core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn agreement_is_that_of_rfc_7748() {
        // RFC 7748, section 6.1.
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let (alice, bob) = (KeyPair::new(&hex(alice)), KeyPair::new(&hex(bob)));
        let public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        assert_eq!(*alice.public(), hex(public));
        let public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        assert_eq!(*bob.public(), hex(public));
        let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        let mut ours = [0; 32];
        for (pair, peer) in [(&alice, &bob), (&bob, &alice)] {
            pair.agree(peer.public(), &mut ours).unwrap();
            assert_eq!(ours, hex(shared));
        }
    }

    // spec: 5.0.1
    #[test]
    fn keys_that_agree_on_nothing_are_refused() {
        let pair = KeyPair::new(&[7; 32]);
        for peer in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            assert_eq!(pair.agree(&hex(peer), &mut [0; 32]), Err(Rejected), "{peer}");
        }
    }
}
