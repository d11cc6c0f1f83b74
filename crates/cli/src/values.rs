//! Values of command lines that people write: durations, shares, counts.
//! What they are for is the commands' business.

use std::time::Duration;

/// A number above zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// A number from 0 to 100.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("must be a number from 0 to 100".into()),
    }
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

fn seconds(text: &str) -> Result<f64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
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
    fn durations_need_a_unit() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for wrong in ["4", "s", "", "4h", "-1s", "0s", "1e9s", "nans", "90000s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
