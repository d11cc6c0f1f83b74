//! Values of command lines that people write: durations, shares, counts, rates, sizes.
//! What they are for is the commands' business.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The most shards that an endpoint may have.
const MOST_SHARDS: usize = 64;

/// A number above zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// On how many threads a server runs: a number from 1 to 64, or one for each core.
pub(crate) fn shards(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MOST_SHARDS) => Ok(number),
        Err(_) if text == "auto" => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Ok(cores.min(MOST_SHARDS))
        }
        _ => Err(format!("must be a number from 1 to {MOST_SHARDS}, or auto")),
    }
}

/// A number from 0 to 100, with or without a percent sign.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim_end().parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("must be a number from 0 to 100".into()),
    }
}

/// A rate in bits per second, from 1 kbit/s on: 500kbit, 20mbit, 2.5gbit.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => return Err("needs a unit, such as 500kbit, 20mbit or 1gbit".into()),
    };
    whole(number, factor, 1e3..=1e12).ok_or_else(|| "must be from 1kbit to 1000gbit".into())
}

/// A number of bytes, at least one: 1500, 64kB, 16MiB.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return Err(format!("unknown unit {unit:?}: use kB, MB, GB, KiB, MiB or GiB")),
    };
    whole(number, factor, 1.0..=1e15).ok_or_else(|| "must be from 1 byte to 1000000 GB".into())
}

/// `number` times `factor`, rounded, if it is in the range, which begins at 0 or more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is of small numbers that are not negative"
)]
fn whole(number: &str, factor: f64, range: RangeInclusive<f64>) -> Option<u64> {
    let number: f64 = number.parse().ok()?;
    let value = (number * factor).round();
    range.contains(&value).then_some(value as u64)
}

/// A number, and the unit behind it.
pub(crate) fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

/// A duration as people write it, from 1 ms on: 200ms, 1.5s, 2m.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if (1e-3..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be from 1ms to 24 hours".into())
    }
}

/// A duration of up to a second, such as 50us.
pub(crate) fn moment(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if (0.0..=1.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be at most 1s".into())
    }
}

/// A duration of up to a minute, such as 50ms.
pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if (0.0..=60.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be at most 1m".into())
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "" => return Err("needs a unit, such as 200ms, 4s or 2m".into()),
        _ => return Err(format!("unknown unit {unit:?}: use us, ms, s or m")),
    };
    let number: f64 = number.parse().map_err(|_| "is not a number with a unit".to_owned())?;
    Ok(number * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_a_number_or_as_many_as_there_are_cores() {
        assert_eq!((shards("1"), shards("64")), (Ok(1), Ok(64)));
        let all = shards("auto").unwrap();
        assert!((1..=64).contains(&all));
        for wrong in ["0", "65", "-1", "many", "", "1.5"] {
            let error = shards(wrong).unwrap_err();
            assert!(error.contains("64"), "{wrong}: {error}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["4", "s", "", "4h", "-1s", "0s", "1e9s", "nans", "90000s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_and_sizes_have_units() {
        assert_eq!(rate("20mbit"), Ok(20_000_000));
        assert_eq!(rate("2.5gbit"), Ok(2_500_000_000));
        assert_eq!(rate("1kbit"), Ok(1_000));
        for wrong in ["20", "20mb", "mbit", "0mbit", "0.5kbit", "-1mbit", "1..2mbit", "9999gbit"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!(size("1500"), Ok(1_500));
        assert_eq!(size("100MB"), Ok(100_000_000));
        assert_eq!(size("1.5KiB"), Ok(1_536));
        for wrong in ["", "0", "0.4", "1mb", "MB", "-1", "nan", "1e99GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_may_have_a_sign() {
        assert_eq!(
            (percent("1%"), percent("0.5"), percent("100 %")),
            (Ok(1.0), Ok(0.5), Ok(100.0))
        );
        for wrong in ["", "%", "101%", "-1", "nan%", "1%%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_delay_may_be_nothing() {
        assert_eq!((delay("0ms"), delay("1m")), (Ok(Duration::ZERO), Ok(Duration::from_mins(1))));
        assert!(delay("61s").is_err() && delay("5").is_err());
    }
}
