//! RUSHB in the simulated network, one behaviour a file. Every scenario leaves its digest.

mod broken_files;
mod budget;
mod closing;
mod crowd;
mod determinism;
mod duplicates;
mod exhaustive;
mod hard_start;
mod limits;
mod lost_nak;
mod names;
mod nonsense;
mod numbers;
mod options;
mod overload;
mod patience;
mod random;
#[path = "../common/record.rs"]
mod record;
mod shutdown;
mod sizes;
mod soup;
mod steps;
mod timers;
