//! Damage to the bytes of a packet that reaches the machine, as if checksums had missed it.
//! Whether a packet is damaged is decided by the link; the length never changes.

use rudp_base::PublicRng;

use crate::Corruption;

/// Damages `packet`, and tells whether there was anything to damage.
pub(crate) fn damage(packet: &mut [u8], corruption: Corruption, rng: &mut PublicRng) -> bool {
    if packet.is_empty() {
        return false;
    }
    match corruption {
        Corruption::Bits(count) => flip_bits(packet, count, rng),
        Corruption::Noise { longest } => add_noise(packet, longest, rng),
    }
    true
}

/// One bit in each of `count` equal parts of the packet: so all are different.
fn flip_bits(packet: &mut [u8], count: usize, rng: &mut PublicRng) {
    let bits = packet.len() * 8;
    let count = count.clamp(1, bits);
    for part in 0..count {
        let start = part * bits / count;
        let end = (part + 1) * bits / count;
        let bit = start + index_below(end - start, rng);
        packet[bit / 8] ^= 1 << (bit % 8);
    }
}

fn add_noise(packet: &mut [u8], longest: usize, rng: &mut PublicRng) {
    let start = index_below(packet.len(), rng);
    let length = 1 + index_below(longest.max(1), rng);
    let first = packet[start];
    let end = packet.len().min(start + length);
    rng.fill(&mut packet[start..end]);
    if packet[start] == first {
        packet[start] = !first;
    }
}

fn index_below(bound: usize, rng: &mut PublicRng) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rudp_base::Seed;

    use super::*;

    fn flipped(packet: &[u8]) -> u32 {
        packet.iter().map(|byte| byte.count_ones()).sum()
    }

    #[test]
    fn exactly_so_many_bits_flip() {
        let mut rng = Seed::from_u64(1).public_stream("test");
        for length in 1..50 {
            for count in [1, 2, 5, 8] {
                let mut packet = vec![0; length];
                assert!(damage(&mut packet, Corruption::Bits(count), &mut rng));
                assert_eq!(flipped(&packet) as usize, count);
            }
        }
    }

    #[test]
    fn noise_always_changes_something_and_only_a_run() {
        let mut rng = Seed::from_u64(1).public_stream("test");
        for _ in 0..2_000 {
            let mut packet = [0; 40];
            assert!(damage(&mut packet, Corruption::Noise { longest: 6 }, &mut rng));
            let first = packet.iter().position(|byte| *byte != 0).unwrap();
            let last = packet.iter().rposition(|byte| *byte != 0).unwrap();
            assert!(last - first < 6);
        }
    }

    #[test]
    fn an_empty_packet_cannot_be_damaged() {
        let mut rng = Seed::from_u64(1).public_stream("test");
        assert!(!damage(&mut [], Corruption::Bits(1), &mut rng));
    }
}
