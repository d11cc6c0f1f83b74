//! How far something is, for somebody who looks at a terminal.
//! Nothing is drawn elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar where the size is known, a counter where not; invisible if `shown` is false or standard
/// error is no terminal.
pub(crate) fn bar(name: &str, size: Option<u64>, shown: bool) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => {
            (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes} {bytes_per_sec} {elapsed}")
        }
    };
    let bar = styled(name, shown, bar, template);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Steps of a bar of parts.
const PARTS: u64 = 1_000;

/// A bar of the part that is done; invisible as above.
pub(crate) fn part(name: &str, shown: bool) -> ProgressBar {
    styled(name, shown, ProgressBar::new(PARTS), "{prefix} {bar:30} {percent} %")
}

/// So much of 1 is done.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of 1 makes a small number"
)]
pub(crate) fn set_part(bar: &ProgressBar, part: f64) {
    bar.set_position((part.clamp(0.0, 1.0) * PARTS as f64) as u64);
}

/// A line that says how it goes; invisible as above.
pub(crate) fn status(name: &str, shown: bool) -> ProgressBar {
    styled(name, shown, ProgressBar::new_spinner(), "{prefix} {msg}")
}

fn styled(name: &str, shown: bool, bar: ProgressBar, template: &str) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(name.to_owned())
}
