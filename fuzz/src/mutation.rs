//! Random changes to an input, as a fuzzer makes them but the same ones every time. Nothing here
//! learns from what a target does with the result; that is libFuzzer's work.

use rudp_base::PublicRng;

/// Bytes at the edges of what formats distinguish.
const EDGES: [u8; 8] = [0x00, 0x01, 0x0a, 0x20, 0x3f, 0x7f, 0x80, 0xff];

/// Changes `input` in one to four places.
pub fn mutate(rng: &mut PublicRng, input: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        change(rng, input);
    }
}

fn change(rng: &mut PublicRng, input: &mut Vec<u8>) {
    let at = index(rng, input.len());
    let end = at + index(rng, input.len() - at + 1);
    match rng.below(7) {
        0 if at < input.len() => input[at] ^= 1 << rng.below(8),
        1 if at < input.len() => input[at] = EDGES[index(rng, EDGES.len())],
        2 if at < input.len() => input[at] = byte(rng),
        3 => input.truncate(at),
        4 => drop(input.drain(at..end)),
        5 if at < end && input.len() < 1 << 16 => input.extend_from_within(at..end),
        _ => input.insert(at, byte(rng)),
    }
}

fn byte(rng: &mut PublicRng) -> u8 {
    let mut byte = [0];
    rng.fill(&mut byte);
    byte[0]
}

/// A number below `length`, or 0.
fn index(rng: &mut PublicRng, length: usize) -> usize {
    usize::try_from(rng.below(length as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rudp_base::Seed;

    use super::*;

    fn mutations(count: usize) -> Vec<Vec<u8>> {
        let mut rng = Seed::from_u64(1).public_stream("mutation");
        let mutation = || {
            let mut input = b"some input".to_vec();
            mutate(&mut rng, &mut input);
            input
        };
        std::iter::repeat_with(mutation).take(count).collect()
    }

    #[test]
    fn mutations_are_many_and_the_same_every_time() {
        let distinct: BTreeSet<_> = mutations(1_000).into_iter().collect();
        assert!(distinct.len() > 800, "{} of 1000", distinct.len());
        assert_eq!(mutations(100), mutations(100));
    }

    #[test]
    fn nothing_becomes_something() {
        let mut rng = Seed::from_u64(2).public_stream("mutation");
        let grown = (0..100).filter(|_| {
            let mut input = Vec::new();
            mutate(&mut rng, &mut input);
            !input.is_empty()
        });
        assert!(grown.count() > 50);
    }
}
