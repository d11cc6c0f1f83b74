//! RUDP in the simulated network, one behaviour a file. Every scenario leaves its digest.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "numbers that are drawn here are small, and a scenario that cannot go on has failed"
)]

mod bbr;
mod closing;
mod crash;
mod delivered;
mod handshake;
mod hostile;
mod impairments;
mod keys;
mod limits;
mod many;
mod messages;
mod oracle;
mod overtaken;
mod packet_size;
mod races;
mod random;
mod receipts;
#[path = "../common/record.rs"]
mod record;
mod resets;
mod roaming;
mod silence;
mod sizes;
mod transfer;
mod windows;
