//! Where log lines go, and which: for people on standard error, for programs as JSON on standard
//! output. The lines themselves are written where things happen.

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Lines that wait to be written. Beyond them lines get lost, since a log that nobody reads must not
/// stop the server.
const WAITING_LINES: usize = 10_000;

/// Which lines, and for whom. What is returned writes them; dropped, it writes what is left.
pub(crate) fn init(json: bool, quiet: bool, verbose: u8) -> WorkerGuard {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::WARN,
        (_, 0) => LevelFilter::INFO,
        (_, 1) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        // A log that cannot be written cannot say so either.
        .log_internal_errors(false);
    // A second initialisation in one process keeps the first.
    if json {
        let (writer, guard) = writer(std::io::stdout());
        let _ = builder.json().flatten_event(true).with_writer(writer).try_init();
        guard
    } else {
        let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let (writer, guard) = writer(std::io::stderr());
        let _ = builder.with_ansi(ansi).with_writer(writer).try_init();
        guard
    }
}

/// The time as the log prints it.
pub(crate) fn timestamp() -> String {
    let mut text = String::new();
    // Nothing can fail in writing to a string.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

fn writer(to: impl std::io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("log")
        .finish(to)
}
