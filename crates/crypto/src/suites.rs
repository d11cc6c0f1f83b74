//! Which suites an endpoint has, and which of them it prefers (docs/PROTOCOL.md, 5.2.2).
//! What a suite computes is `aead`'s.

use rudp_wire::packet::{Suite, Suites};

/// The suites of an endpoint, the best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preference(Vec<Suite>);

impl Preference {
    /// What suits this machine. Where it has no instructions for AES, what is made of AES is not
    /// offered at all: in software it is slow, and its tables tell secrets to caches.
    ///
    /// What the CPU can do is the one thing here that is not an argument. It is no input that comes
    /// and goes but a property of the program, as its word size is, and two runs on one machine agree.
    pub(crate) fn of_machine() -> Self {
        let wide = has_wide_aes().then_some(Suite::Aegis128X4);
        let narrow = has_aes_and_vectors().then_some(Suite::Aegis128L);
        let gcm =
            [Suite::Aes128Gcm, Suite::Aes256Gcm].into_iter().filter(|_| has_aes_and_product());
        Self(wide.into_iter().chain(narrow).chain(gcm).collect()).with_mandatory()
    }

    /// These suites in this order.
    pub(crate) fn new(suites: &[Suite]) -> Self {
        Self(suites.to_vec()).with_mandatory()
    }

    /// Every endpoint has ChaCha20-Poly1305 (docs/PROTOCOL.md, 5.2.2).
    fn with_mandatory(mut self) -> Self {
        if !self.0.contains(&Suite::ChaCha20Poly1305) {
            self.0.push(Suite::ChaCha20Poly1305);
        }
        self
    }

    pub(crate) fn offer(&self) -> Suites {
        Suites::of(&self.0)
    }

    pub(crate) fn choose(&self, offered: Suites) -> Option<Suite> {
        self.0.iter().copied().find(|suite| offered.contains(*suite))
    }
}

/// Whether the CPU has instructions for AES and for the multiplication in GCM.
fn has_aes_and_product() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has = std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("pclmulqdq");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let has = has_aes();
    has
}

/// Whether the CPU works on four blocks with one instruction for AES, as AEGIS-128X4 wants it.
fn has_wide_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has = std::is_x86_feature_detected!("vaes") && std::is_x86_feature_detected!("avx512f");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let has = false;
    has
}

/// Whether the CPU has what libaegis' implementation in hardware asks for.
fn has_aes_and_vectors() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has = std::is_x86_feature_detected!("aes") && std::is_x86_feature_detected!("avx");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let has = has_aes();
    has
}

/// Whether the CPU has instructions for AES, where they imply the rest.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn has_aes() -> bool {
    #[cfg(target_arch = "aarch64")]
    let has = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(target_arch = "aarch64"))]
    let has = false;
    has
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: 5.2.2
    #[test]
    fn the_best_of_those_offered_is_chosen() {
        use Suite::{Aegis128L, Aegis128X4, Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
        let aes = Preference::new(&[Aegis128X4, Aegis128L, Aes128Gcm, Aes256Gcm]);
        assert_eq!(aes.offer(), Suites::of(&Suite::ALL));
        for (offered, chosen) in [
            (Suites::of(&Suite::ALL), Some(Aegis128X4)),
            (Suites::of(&[ChaCha20Poly1305, Aegis128L]), Some(Aegis128L)),
            (Suites::of(&[Aes256Gcm, Aes128Gcm]), Some(Aes128Gcm)),
            (Suites::of(&[ChaCha20Poly1305, Aes256Gcm]), Some(Aes256Gcm)),
            (Suites::of(&[ChaCha20Poly1305]), Some(ChaCha20Poly1305)),
            // Bits that mean nothing yet.
            (Suites(0b1110_0010), Some(ChaCha20Poly1305)),
            (Suites(0b1110_0000), None),
        ] {
            assert_eq!(aes.choose(offered), chosen, "{offered}");
        }
        let none = Preference::new(&[]);
        assert_eq!(none.offer(), Suites::of(&[ChaCha20Poly1305]));
        assert_eq!(none.choose(Suites::of(&[Aes128Gcm])), None);
        let own = Preference::of_machine();
        assert!(own.offer().contains(ChaCha20Poly1305));
        if own.offer().contains(Aegis128X4) {
            assert_eq!(own.choose(Suites::of(&Suite::ALL)), Some(Aegis128X4));
        }
    }
}
