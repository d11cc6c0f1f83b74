//! Batches of datagrams: whatever the stride, every byte is in exactly one datagram. What is in the
//! datagrams is not looked at.

use std::net::{Ipv4Addr, SocketAddr};

use rudp_base::Datagrams;

/// Takes the first byte as the stride of a batch that the other bytes are.
pub fn run(input: &[u8]) {
    let Some((stride, data)) = input.split_first() else {
        return;
    };
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut copy = data.to_vec();
    let mut batch = Datagrams::single(remote, &mut copy);
    batch.stride = usize::from(*stride).max(1);
    let lengths: Vec<usize> = batch.iter().map(<[u8]>::len).collect();
    assert_eq!(batch.iter().collect::<Vec<_>>().concat(), data, "bytes are lost or moved");
    let Some((last, others)) = lengths.split_last() else {
        panic!("a batch has at least one datagram");
    };
    assert!(others.iter().all(|length| *length == batch.stride), "a datagram is too short");
    assert!(*last <= batch.stride, "the last datagram is too long");
    assert!(batch.iter_mut().map(|datagram| datagram.len()).eq(lengths), "iter_mut differs");
}
