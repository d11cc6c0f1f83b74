//! Sealing and opening packets as the protocol does it, with every suite and without encryption.
//! The bare ciphers are in `ciphers`.

#![allow(missing_docs, reason = "criterion's macro makes public functions without any")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rudp_crypto::{NoiseCrypto, PlainCrypto};
use rudp_proto::crypto::{Crypto as _, PacketKey, Secret};
use rudp_wire::packet::{DataHeader, Profile, Suite};

/// Sizes of packets in bytes of UDP payload: Ethernet's, a large one, the largest.
const SIZES: [usize; 3] = [1_472, 16 << 10, 65_507];

fn keys() -> Vec<(String, Box<dyn PacketKey>, usize)> {
    let secret = Secret([7; 32]);
    let encrypted = NoiseCrypto::new(None, None);
    let mut keys: Vec<_> = Suite::ALL
        .into_iter()
        .map(|suite| {
            let key = encrypted.packet_key(Some(suite), &secret);
            (format!("{suite:?}"), key, Profile::Sealed.data_trailer())
        })
        .collect();
    let key = PlainCrypto.packet_key(None, &secret);
    keys.push(("plain".to_owned(), key, Profile::Plain.data_trailer()));
    keys
}

fn packets(criterion: &mut Criterion) {
    let header = [0x40; DataHeader::LEN];
    for (name, key, trailer) in keys() {
        let mut group = criterion.benchmark_group(name);
        for size in SIZES {
            let frames = vec![0x5a; size - DataHeader::LEN - trailer];
            let (mut sealed, mut opened) = (vec![0; frames.len() + trailer], frames.clone());
            group.throughput(Throughput::Bytes(frames.len() as u64));
            group.bench_function(BenchmarkId::new("seal", size), |bencher| {
                let mut number = 0;
                bencher.iter(|| {
                    number += 1;
                    key.seal(number, &header, &frames, &mut sealed);
                });
            });
            key.seal(1, &header, &frames, &mut sealed);
            group.bench_function(BenchmarkId::new("open", size), |bencher| {
                bencher.iter(|| key.open(1, &header, &sealed, &mut opened).expect("it opens"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, packets);
criterion_main!(benches);
