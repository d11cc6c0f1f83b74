//! RUDP in the simulated network, one behaviour a file. Every scenario leaves its digest.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "numbers that are drawn here are small, and a scenario that cannot go on has failed"
)]

mod asymmetric;
mod bbr;
mod closing;
mod crash;
mod delay_changes;
mod delivered;
mod disorder;
mod ecn;
mod figures;
mod handshake;
mod hostile;
mod impairments;
mod keys;
mod limits;
mod long_start;
mod many;
mod messages;
mod moves;
mod ontime;
mod oracle;
mod outages;
mod overtaken;
mod packet_size;
mod races;
mod random;
mod receipts;
#[path = "../common/record.rs"]
mod record;
mod resets;
mod roaming;
mod short_queues;
mod short_round_trips;
mod silence;
mod size_black_holes;
mod sizes;
mod transfer;
mod turns;
mod windows;
