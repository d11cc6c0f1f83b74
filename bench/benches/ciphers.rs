//! The ciphers of three libraries, sealing in place: what a packet costs at the least.
//! Which library and which cipher is used is decided in `rudp-crypto`.

#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use aegis::aegis128l::Aegis128L;
use aegis::aegis128x4::Aegis128X4;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of a full packet on Ethernet, and of one as large as UDP takes.
const SIZES: [usize; 2] = [1_440, 64 << 10];
const HEADER: [u8; 16] = [0x40; 16];

/// Seals `data` under a new number each time. AWS-LC and ring have the same interface, but types of
/// their own.
macro_rules! library {
    ($name:ident) => {
        mod $name {
            use $name::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};

            const CIPHERS: [(&str, &aead::Algorithm); 3] = [
                ("AES-128-GCM", &aead::AES_128_GCM),
                ("AES-256-GCM", &aead::AES_256_GCM),
                ("ChaCha20-Poly1305", &aead::CHACHA20_POLY1305),
            ];

            pub(super) fn keys() -> impl Iterator<Item = (&'static str, impl FnMut(&mut [u8]))> {
                CIPHERS.into_iter().map(|(name, algorithm)| {
                    let key = UnboundKey::new(algorithm, &[7; 32][..algorithm.key_len()]);
                    let key = LessSafeKey::new(key.expect("the key has the right length"));
                    let mut number = 0u32;
                    let seal = move |data: &mut [u8]| {
                        number = number.wrapping_add(1);
                        let mut nonce = [0; 12];
                        nonce[..4].copy_from_slice(&number.to_be_bytes());
                        let nonce = Nonce::assume_unique_for_key(nonce);
                        let tag =
                            key.seal_in_place_separate_tag(nonce, Aad::from(super::HEADER), data);
                        let _ = std::hint::black_box(tag.expect("it is short enough"));
                    };
                    (name, seal)
                })
            }
        }
    };
}

library!(aws_lc_rs);
library!(ring);

fn measure(
    criterion: &mut Criterion,
    library: &str,
    keys: impl Iterator<Item = (&'static str, impl FnMut(&mut [u8]))>,
) {
    for (cipher, mut seal) in keys {
        let mut group = criterion.benchmark_group(cipher);
        for size in SIZES {
            let mut data = vec![0x5a; size];
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(BenchmarkId::new(library, size), |bencher| {
                bencher.iter(|| seal(&mut data));
            });
        }
        group.finish();
    }
}

/// The same with the family of AEGIS, which has neither a key schedule nor another library.
macro_rules! aegis {
    ($name:ident, $cipher:ty, $label:literal) => {
        fn $name() -> impl Iterator<Item = (&'static str, impl FnMut(&mut [u8]))> {
            let mut number = 0u128;
            let seal = move |data: &mut [u8]| {
                number += 1;
                let cipher = <$cipher>::new(&[7; 16], &number.to_be_bytes());
                let _ = std::hint::black_box(cipher.encrypt_in_place(data, &HEADER));
            };
            [($label, seal)].into_iter()
        }
    };
}

aegis!(narrow, Aegis128L<16>, "AEGIS-128L");
aegis!(wide, Aegis128X4<16>, "AEGIS-128X4");

fn ciphers(criterion: &mut Criterion) {
    measure(criterion, "libaegis", narrow());
    measure(criterion, "libaegis", wide());
    measure(criterion, "aws-lc-rs", aws_lc_rs::keys());
    measure(criterion, "ring", ring::keys());
}

criterion_group!(benches, ciphers);
criterion_main!(benches);
