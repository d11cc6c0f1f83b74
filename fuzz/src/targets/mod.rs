//! The targets, one file each, called `run`. What they need in common is in the crates they test,
//! not here.

pub mod codec;
