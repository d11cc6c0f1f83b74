//! How far a download is, for somebody who looks at a terminal.
//! Nothing is drawn elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar where the size is known, a counter where not; invisible if `shown` is false or standard
/// error is no terminal.
pub(crate) fn bar(name: &str, size: Option<u64>, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => {
            (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes} {bytes_per_sec} {elapsed}")
        }
    };
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
