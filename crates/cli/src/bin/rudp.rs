//! The program `rudp`: files, pipes and measurements over reliable encrypted sessions.

use std::process::ExitCode;

fn main() -> ExitCode {
    rudp_cli::rudp::main(std::env::args_os().collect())
}
