//! Digests of scenarios, for whoever compares two runs: where the environment variable
//! `RUDP_DIGESTS` names a file, each scenario appends a line `name digest` to it.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;

use rudp_sim::World;

/// Leaves the digest of a world.
pub(crate) fn record(name: &str, world: &World) {
    record_digest(name, world.digest());
}

/// Leaves a digest, of several worlds where they are many.
pub(crate) fn record_digest(name: &str, digest: u64) {
    let Some(path) = env::var_os("RUDP_DIGESTS") else { return };
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the file opens");
    // One write, so that lines of tests that run at the same time do not mix.
    file.write_all(format!("{}/{name} {digest:016x}\n", env!("CARGO_CRATE_NAME")).as_bytes())
        .expect("the line is written");
}

/// One digest of many, which depends on their order.
pub(crate) fn combine(digest: u64, next: u64) -> u64 {
    (digest.rotate_left(5) ^ next).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
