//! One client and one server table, wired together by hand: what the parts promise each other.

mod client;
mod crowd;
mod hostile;
mod loss;
mod scene;
mod server;
