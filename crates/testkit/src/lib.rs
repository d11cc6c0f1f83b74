//! Scenarios: the protocols of this workspace, played in the simulated network.
//!
//! | module | what lives there |
//! |---|---|
//! | [`oracle`] | files whose bytes follow from their offsets |
//! | [`peer`] | a node that a test drives by hand |
//! | [`rudp`] | RUDP: programs that follow a plan, scenes |
//! | [`rushb`] | RUSHB: a shop, downloads, packets by hand, scenes |
//!
//! The scenarios themselves are the tests of this crate. Nothing here decides what a protocol does.

pub mod oracle;
pub mod peer;
pub mod rudp;
pub mod rushb;
