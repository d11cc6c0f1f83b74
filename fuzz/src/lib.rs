//! The fuzz targets: functions that take any bytes and panic if what they test is broken. They are
//! plain functions, so that ordinary tests replay their corpora; how libFuzzer calls them is in
//! `fuzz_targets/`.
//!
//! A new target is a function here, a line in [`TARGETS`], a file in `fuzz_targets/`, its `[[bin]]`
//! in the manifest, and at least one input in `corpus/`. A test says what is missing.
#![allow(clippy::missing_panics_doc, reason = "a target panics to say what it found")]

pub mod input;
pub mod law;
pub mod mutation;
pub mod targets;

/// A fuzz target: it panics on an input that breaks what it tests.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("batch", targets::batch::run),
    ("client", targets::client::run),
    ("codec", targets::codec::run),
    ("server", targets::server::run),
    ("session", targets::session::run),
    ("wire_frames", targets::wire_frames::run),
    ("wire_packet", targets::wire_packet::run),
];
