//! Whole worlds with small machines: the loop and its law, addresses, links, traces, determinism.
//! Single impairments are tested beside their code.

mod determinism;
mod law;
mod machines;
mod network;
mod nodes;
mod pcap;
mod runner;
mod time;
