//! A path through a network as flags: what it is like, or one of some usual kinds, and both in words.
//! Who sends what through it is for `rudp sim` and `rudp link`.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use rudp_sim::{LinkConfig, Profile as Line};

use crate::exit::{Exit, Failure};
use crate::values::{at_least_one, delay, percent, rate, size, split};

/// The queue, where nothing is said, holds at least what the link carries in this time.
const LEAST_QUEUE: Duration = Duration::from_millis(10);

/// A usual kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Gigabit Ethernet
    Lan,
    /// A DSL line
    Dsl,
    /// A mobile network, with jitter and little loss
    Lte,
    /// A geostationary satellite
    Satellite,
    /// Crowded Wi-Fi: bursts of loss, packets out of order
    BadWifi,
    /// A slow line with two seconds of queue
    Bufferbloat,
}

impl Preset {
    pub(crate) fn line(self) -> Line {
        match self {
            Self::Lan => Line::lan(),
            Self::Dsl => Line::dsl(),
            Self::Lte => Line::lte(),
            Self::Satellite => Line::satellite(),
            Self::BadWifi => Line::bad_wifi(),
            Self::Bufferbloat => Line::bufferbloat(),
        }
    }

    /// Its name, and what it stands for.
    pub(crate) fn says(self) -> (String, String) {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help()).map(ToString::to_string);
        (value.map_or_else(String::new, |value| value.get_name().into()), help.unwrap_or_default())
    }
}

/// How much fits into a queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum QueueSize {
    /// So many times what is on the way in a round trip at the link's rate.
    Bdp(f64),
    /// What the link carries in this time.
    Time(Duration),
    Bytes(usize),
    Packets(usize),
}

/// `1bdp`, `50ms`, `64kB` or `100packets`.
fn queue(text: &str) -> Result<QueueSize, String> {
    let (number, unit) = split(text);
    match unit {
        "bdp" => match number.parse() {
            Ok(factor) if (0.001..=1_000.0).contains(&factor) => Ok(QueueSize::Bdp(factor)),
            _ => Err("must be from 0.001bdp to 1000bdp".into()),
        },
        "packets" => at_least_one(number).map(QueueSize::Packets),
        "us" | "ms" | "s" => delay(text).map(QueueSize::Time),
        "" => Err("needs a unit: 1bdp, 50ms, 64kB or 100packets".into()),
        _ => {
            let bytes = size(text).map_err(|_| "must be like 1bdp, 50ms, 64kB or 100packets")?;
            Ok(QueueSize::Bytes(usize::try_from(bytes).unwrap_or(usize::MAX)))
        }
    }
}

/// A mean length of bursts.
fn burst(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(length) if (1.0..=10_000.0).contains(&length) => Ok(length),
        _ => Err("must be a number from 1 to 10000".into()),
    }
}

#[derive(Debug, Clone, Default, PartialEq, ClapArgs)]
#[command(next_help_heading = "Network")]
pub(crate) struct PathArgs {
    /// A usual kind of network; single values override it
    #[arg(long, value_enum)]
    pub(crate) preset: Option<Preset>,

    /// The rate of the link each way, such as 20mbit
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) rate: Option<u64>,

    /// The rate towards the server, where it is another one
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) up_rate: Option<u64>,

    /// The rate towards the client, where it is another one
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) down_rate: Option<u64>,

    /// The round-trip time without any queue, half of it each way, such as 50ms
    #[arg(long, value_name = "TIME", value_parser = delay)]
    pub(crate) rtt: Option<Duration>,

    /// How much waits for the link before packets are dropped, each way: in round trips (1bdp), in
    /// time (50ms), in bytes (64kB) or in packets (100packets) [default: 1bdp, at least 10ms]
    #[arg(long, value_name = "SIZE", value_parser = queue)]
    pub(crate) queue: Option<QueueSize>,

    /// Percent of the packets that get lost, each way, such as 1%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) loss: Option<f64>,

    /// They get lost in bursts of so many packets on average
    #[arg(long, value_name = "PACKETS", value_parser = burst, requires = "loss")]
    pub(crate) burst: Option<f64>,

    /// Up to so much delay more, each way, that rises and falls; packets keep their order
    #[arg(long, value_name = "TIME", value_parser = delay)]
    pub(crate) jitter: Option<Duration>,

    /// Percent of the packets that are held back while those behind them pass
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) reorder: Option<f64>,

    /// For how long they are held back [default: 5ms]
    #[arg(long, value_name = "TIME", value_parser = delay)]
    pub(crate) reorder_by: Option<Duration>,

    /// Percent of the packets that arrive twice
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) duplicate: Option<f64>,

    /// Percent of the packets that arrive with a wrong bit
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) corrupt: Option<f64>,

    /// The largest packet that gets through, in bytes, with the headers of IP and UDP [default: 1500]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(68..))]
    pub(crate) mtu: Option<u16>,
}

impl PathArgs {
    /// The links up and down: those of the preset, or of `usual` without one, with what is said in
    /// the place of what they had. The headers are those of `usual` always.
    pub(crate) fn line(&self, usual: &LinkConfig) -> Result<Line, Failure> {
        let mtu = Some(usual.mtu.unwrap_or(1_500));
        let (usual, overhead) = (LinkConfig { mtu, ..usual.clone() }, usual.overhead);
        let Line { mut up, mut down } = match self.preset {
            Some(preset) => preset.line(),
            None => Line { up: usual.clone(), down: usual },
        };
        (up.overhead, down.overhead) = (overhead, overhead);
        let (up_rate, down_rate) = (self.up_rate.or(self.rate), self.down_rate.or(self.rate));
        let rtt = self.rtt.unwrap_or(up.delay + down.delay);
        let half = self.rtt.map(|rtt| rtt / 2);
        Ok(Line {
            up: self.link(&up, up_rate, half, rtt)?,
            down: self.link(&down, down_rate, half, rtt)?,
        })
    }

    fn link(
        &self,
        base: &LinkConfig,
        rate: Option<u64>,
        delay: Option<Duration>,
        rtt: Duration,
    ) -> Result<LinkConfig, Failure> {
        let part = |percent: Option<f64>, base: f64| percent.map_or(base, |p| p / 100.0);
        let mut link = LinkConfig {
            rate: rate.or(base.rate),
            delay: delay.unwrap_or(base.delay),
            jitter: self.jitter.unwrap_or(base.jitter),
            reorder: part(self.reorder, base.reorder),
            reorder_by: self.reorder_by.unwrap_or(base.reorder_by),
            duplicate: part(self.duplicate, base.duplicate),
            corrupt: part(self.corrupt, base.corrupt),
            mtu: self.mtu.map(usize::from).or(base.mtu),
            ..base.clone()
        };
        if link.reorder > 0.0 && link.reorder_by.is_zero() && self.reorder_by.is_none() {
            link.reorder_by = Duration::from_millis(5);
        }
        if let Some(percent) = self.loss {
            let loss = percent / 100.0;
            link = LinkConfig { loss, burst_loss: None, ..link };
            if let Some(length) = self.burst {
                if loss > length / (length + 1.0) {
                    let text = "--burst: so much loss needs longer bursts";
                    return Err(Failure::message(Exit::Usage, text));
                }
                link = link.bursts(loss, length);
            }
        }
        self.with_queue(link, rtt)
    }

    /// The link with the queue that is said, or one that fits where neither the flags nor the preset
    /// have one.
    fn with_queue(&self, link: LinkConfig, rtt: Duration) -> Result<LinkConfig, Failure> {
        if link.rate.is_none() {
            return match self.queue {
                Some(_) => Err(Failure::message(Exit::Usage, "--queue: needs a --rate as well")),
                None => Ok(link),
            };
        }
        Ok(match self.queue {
            Some(QueueSize::Bdp(factor)) => link.queue_bdp(factor, rtt),
            Some(QueueSize::Time(time)) => link.queue_bdp(1.0, time),
            Some(QueueSize::Bytes(bytes)) => LinkConfig { queue_bytes: Some(bytes), ..link },
            Some(QueueSize::Packets(packets)) => {
                LinkConfig { queue_bytes: None, queue_packets: Some(packets), ..link }
            }
            None if link.queue_bytes.is_some() => link,
            None => link.queue_bdp(1.0, rtt.max(LEAST_QUEUE)),
        })
    }
}

/// What a link does, in a few words.
#[expect(clippy::cast_precision_loss, reason = "numbers for people")]
pub(crate) fn describe(link: &LinkConfig) -> String {
    let mut words = vec![match link.rate {
        Some(rate) => bits(rate),
        None => "any rate".into(),
    }];
    words.push(format!("{:?} one way", link.delay));
    if let (Some(rate), Some(bytes)) = (link.rate, link.queue_bytes) {
        let time = millis(drain_time(bytes, rate));
        words.push(format!("queue {} kB ({time})", digits(bytes as f64 / 1e3)));
    }
    if let Some(packets) = link.queue_packets {
        words.push(format!("queue {packets} packets"));
    }
    let lost = LinkConfig { corrupt: 0.0, ..link.clone() }.mean_loss();
    if lost > 0.0 {
        let how = if link.burst_loss.is_some() { " in bursts" } else { "" };
        words.push(format!("{} lost{how}", share(lost)));
    }
    if !link.jitter.is_zero() {
        words.push(format!("jitter up to {:?}", link.jitter));
    }
    if link.reorder > 0.0 {
        words.push(format!("{} held back by {:?}", share(link.reorder), link.reorder_by));
    }
    if link.duplicate > 0.0 {
        words.push(format!("{} doubled", share(link.duplicate)));
    }
    if link.corrupt > 0.0 {
        words.push(format!("{} damaged", share(link.corrupt)));
    }
    if let Some(mtu) = link.mtu {
        words.push(format!("MTU {mtu}"));
    }
    words.join(", ")
}

/// How long a link of `rate` bits per second takes for so many bytes.
#[expect(clippy::cast_precision_loss, reason = "numbers for people")]
pub(crate) fn drain_time(bytes: usize, rate: u64) -> Duration {
    Duration::try_from_secs_f64(bytes as f64 * 8.0 / rate as f64).unwrap_or(Duration::MAX)
}

/// A rate in bits per second.
#[expect(clippy::cast_precision_loss, reason = "a number for people")]
pub(crate) fn bits(rate: u64) -> String {
    match rate {
        1_000_000_000.. => format!("{} Gbit/s", digits(rate as f64 / 1e9)),
        1_000_000.. => format!("{} Mbit/s", digits(rate as f64 / 1e6)),
        _ => format!("{} kbit/s", digits(rate as f64 / 1e3)),
    }
}

/// A part of 1 in percent.
pub(crate) fn share(part: f64) -> String {
    format!("{} %", digits(part * 100.0))
}

/// A duration in milliseconds, for people.
pub(crate) fn millis(time: Duration) -> String {
    format!("{} ms", digits(time.as_secs_f64() * 1e3))
}

/// A duration in milliseconds, for programs.
#[expect(clippy::cast_precision_loss, reason = "durations of days are exact to the nanosecond")]
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// A number with as many digits as mean something to people, and no zeros behind them.
pub(crate) fn digits(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{number:.places$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &PathArgs) -> Line {
        args.line(&LinkConfig::default()).unwrap()
    }

    #[test]
    fn a_queue_has_a_unit() {
        assert_eq!(queue("1bdp"), Ok(QueueSize::Bdp(1.0)));
        assert_eq!(queue("1.5s"), Ok(QueueSize::Time(Duration::from_millis(1_500))));
        assert_eq!(queue("64kB"), Ok(QueueSize::Bytes(64_000)));
        assert_eq!(queue("9packets"), Ok(QueueSize::Packets(9)));
        for wrong in ["", "1", "bdp", "0bdp", "-1bdp", "nanbdp", "1x", "0packets", "90s"] {
            assert!(queue(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_way_has_its_own_rate_and_queue() {
        let args = PathArgs {
            rate: Some(8_000_000),
            up_rate: Some(800_000),
            rtt: Some(Duration::from_millis(100)),
            ..PathArgs::default()
        };
        let Line { up, down } = line(&args);
        assert_eq!((up.rate, up.queue_bytes), (Some(800_000), Some(10_000)));
        assert_eq!((down.rate, down.queue_bytes), (Some(8_000_000), Some(100_000)));
        assert_eq!((up.delay, down.mtu), (Duration::from_millis(50), Some(1_500)));
    }

    #[test]
    fn a_short_path_has_a_queue_all_the_same() {
        let args = PathArgs { rate: Some(8_000_000), ..PathArgs::default() };
        assert_eq!(line(&args).up.queue_bytes, Some(10_000));
    }

    #[test]
    fn single_values_override_a_preset() {
        let preset = PathArgs { preset: Some(Preset::BadWifi), ..PathArgs::default() };
        assert_eq!(line(&preset), Line::bad_wifi());
        let args = PathArgs { loss: Some(2.0), jitter: Some(Duration::ZERO), ..preset };
        let Line { up, down } = line(&args);
        assert_eq!((up.loss, up.burst_loss, up.jitter), (0.02, None, Duration::ZERO));
        assert_eq!(down.rate, Line::bad_wifi().down.rate);
    }

    #[test]
    fn a_preset_has_the_headers_of_the_network() {
        let args = PathArgs { preset: Some(Preset::Dsl), ..PathArgs::default() };
        let ipv6 = LinkConfig { overhead: 48, ..LinkConfig::default() };
        let Line { up, down } = args.line(&ipv6).unwrap();
        assert_eq!((up.overhead, down.overhead), (48, 48));
        assert_eq!(LinkConfig { overhead: 28, ..down }, Line::dsl().down);
    }

    #[test]
    fn what_is_said_of_reordering_is_what_is_done() {
        let args = PathArgs { reorder: Some(1.0), ..PathArgs::default() };
        assert_eq!(line(&args).up.reorder_by, Duration::from_millis(5));
        let args = PathArgs { reorder_by: Some(Duration::ZERO), ..args };
        assert_eq!(line(&args).up.reorder_by, Duration::ZERO);
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let queue = PathArgs { queue: Some(QueueSize::Bdp(1.0)), ..PathArgs::default() };
        let burst = PathArgs { loss: Some(90.0), burst: Some(2.0), ..PathArgs::default() };
        for (args, word) in [(queue, "--rate"), (burst, "--burst")] {
            let failure = args.line(&LinkConfig::default()).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.text().contains(word), "{}", failure.text());
        }
    }

    #[test]
    fn every_preset_says_what_it_stands_for() {
        for preset in Preset::value_variants() {
            let (name, meaning) = preset.says();
            assert!(!name.is_empty() && meaning.len() > 8, "{name}: {meaning}");
        }
        assert_eq!(
            describe(&Line::satellite().down),
            "25 Mbit/s, 300ms one way, queue 1875 kB (600 ms), 0.5 % lost, MTU 1500"
        );
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let numbers = [0.0, 0.1234, 1.0, 9.876, 12.34, 123.4, 0.0004];
        let texts = numbers.map(digits);
        assert_eq!(texts, ["0", "0.123", "1", "9.88", "12.3", "123", "0"]);
        assert_eq!((bits(1_500_000), bits(64_000)), ("1.5 Mbit/s".into(), "64 kbit/s".into()));
    }
}
