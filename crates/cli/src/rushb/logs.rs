//! Where log lines go, and which: for people on standard error, for programs as JSON on standard
//! output. The lines themselves are written where things happen.

use tracing::level_filters::LevelFilter;

/// Which lines, and for whom.
pub(crate) fn init(json: bool, quiet: bool, verbose: u8) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::WARN,
        (_, 0) => LevelFilter::INFO,
        (_, 1) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    // A second initialisation in one process keeps the first: the demo and tests do that.
    let _ = if json {
        builder.json().flatten_event(true).with_writer(std::io::stdout).try_init()
    } else {
        let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
        builder.with_ansi(ansi).with_writer(std::io::stderr).try_init()
    };
}
