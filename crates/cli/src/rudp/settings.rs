//! Settings of sessions as flags, and the endpoints that are made of them.
//! What a setting does is the library's documentation.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use rudp::{Builder, Config, Congestion, Endpoint, Key, Secret};

use super::keys;
use crate::exit::{Exit, Failure, OrExit};
use crate::values::{duration, moment, rate};

/// A whole set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// A bit of everything
    Balanced,
    /// Much data
    Bulk,
    /// Small data that must not be late: where packets are lost, they are repeated
    Realtime,
}

impl From<Profile> for rudp::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Balanced => Self::Balanced,
            Profile::Bulk => Self::Bulk,
            Profile::Realtime => Self::Realtime,
        }
    }
}

impl Profile {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Bulk => "bulk",
            Self::Realtime => "realtime",
        }
    }
}

#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Session")]
pub(crate) struct Settings {
    /// Settings for a purpose; single ones override it
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,

    /// No encryption and no keys, only checksums: for closed networks. Both ends must say so
    #[arg(long, conflicts_with_all = ["key", "secret_file"])]
    pub(crate) plain: bool,

    /// The file of the key to be known by; servers make it if it is missing, and without it use
    /// this user's
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// The file of a secret that both ends share (`rudp key new --secret FILE`); others get no answer
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,

    /// Give up when there is no answer for so long [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,

    /// Give up when a packet sent so often got no answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) tries: Option<u32>,

    /// The least and the most time before a packet is sent again (such as 200ms..4s)
    #[arg(long, value_name = "MIN..MAX", value_parser = durations)]
    pub(crate) rto: Option<(Duration, Duration)>,

    /// Give up when nothing was heard for so long [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) idle_timeout: Option<Duration>,

    /// Bytes of the largest packets, without the headers of IP and UDP; used without being tried
    /// [default: what the path takes, which is searched for]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1_200..=65_507))]
    pub(crate) packet_size: Option<u16>,

    /// How fast to send: bbr (which lives with loss), cubic, or a rate for a link of one's own (such
    /// as 100mbit) [default: bbr]
    #[arg(long, value_name = "bbr|cubic|RATE", value_parser = congestion)]
    pub(crate) congestion: Option<Congestion>,

    /// Look for packets so long without sleeping: answers come sooner, and a processor is busy
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) spin: Option<Duration>,

    /// Send and receive each packet by itself, for drivers that cut or merge batches wrongly
    #[arg(long)]
    pub(crate) no_offload: bool,
}

impl Settings {
    /// The settings of sessions, those of the profile `usual` where nothing is said.
    pub(crate) fn config(&self, usual: Profile) -> Result<Config, Failure> {
        let mut config = Config::profile(self.profile.unwrap_or(usual).into());
        if let Some(timeout) = self.timeout {
            config.handshake_timeout = timeout;
        }
        if let Some(tries) = self.tries {
            config.handshake_tries = tries.min(16);
            config.max_tries = Some(tries);
        }
        if let Some((min, max)) = self.rto {
            (config.min_rto, config.max_rto) = (min, max);
        }
        if let Some(idle) = self.idle_timeout {
            config.idle_timeout = Some(idle);
            config.keep_alive = config.keep_alive.map(|time| time.min(idle / 3));
        }
        config.packet_size = self.packet_size;
        if let Some(congestion) = self.congestion {
            config.congestion = congestion;
        }
        config.check().or_exit(Exit::Usage, || "the settings do not fit".into())?;
        Ok(config)
    }

    /// What every endpoint with these settings has.
    fn builder(&self, usual: Profile) -> Result<Builder, Failure> {
        let builder = Endpoint::builder()
            .config(self.config(usual)?)
            .spin(self.spin.unwrap_or_default())
            .offload(!self.no_offload);
        Ok(match self.secret()? {
            _ if self.plain => builder.plain(),
            Some(secret) => builder.secret(secret),
            None => builder,
        })
    }

    /// What a server at the address `listen` has: a key always, the user's if no other is said.
    pub(crate) fn server(&self, usual: Profile, listen: &str) -> Result<Builder, Failure> {
        let builder = self.builder(usual)?;
        if self.plain {
            return Ok(builder);
        }
        let key = match &self.key {
            Some(file) => Key::load_or_generate(file).or_exit(Exit::Local, keys::no_key)?,
            None => keys::own()?,
        };
        let builder = match keys::reset_key(&key, listen) {
            Some(reset_key) => builder.reset_key(reset_key),
            None => builder,
        };
        Ok(builder.key(key))
    }

    /// What a client has: a key only if one is said, since whoever it connects to learns it.
    pub(crate) fn client(&self, usual: Profile) -> Result<Builder, Failure> {
        let builder = self.builder(usual)?;
        let Some(file) = &self.key else { return Ok(builder) };
        Ok(builder.key(Key::load(file).or_exit(Exit::Local, keys::no_key)?))
    }

    fn secret(&self) -> Result<Option<Secret>, Failure> {
        let Some(file) = &self.secret_file else { return Ok(None) };
        let text = keys::read_secret(file)?;
        let secret = Secret::from_text(&text);
        secret
            .map(Some)
            .or_exit(Exit::Local, || format!("{} is no file of a secret", file.display()))
    }
}

/// A way to decide how fast to send.
pub(crate) fn congestion(text: &str) -> Result<Congestion, String> {
    match text {
        "bbr" => return Ok(Congestion::Bbr),
        "cubic" => return Ok(Congestion::Cubic),
        _ => {}
    }
    match rate(text) {
        // The least that a session takes is 1,000 bytes per second.
        Ok(rate) if rate >= 8_000 => Ok(Congestion::Fixed(rate / 8)),
        Ok(_) => Err("must be at least 8kbit".into()),
        Err(_) => {
            Err("must be bbr, cubic, or a rate such as 100mbit, from 8kbit to 1000gbit".into())
        }
    }
}

/// Two durations, the second not below the first.
fn durations(text: &str) -> Result<(Duration, Duration), String> {
    let (min, max) = text.split_once("..").ok_or("must be MIN..MAX, such as 200ms..4s")?;
    let (min, max) = (duration(min)?, duration(max)?);
    if min <= max { Ok((min, max)) } else { Err("the first must not be above the second".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_overrides_the_profile() {
        let usual = Settings::default().config(Profile::Bulk).unwrap();
        assert_eq!(usual, Config::bulk());
        let settings = Settings {
            profile: Some(Profile::Realtime),
            timeout: Some(Duration::from_secs(3)),
            tries: Some(20),
            rto: Some((Duration::from_millis(2), Duration::from_secs(2))),
            idle_timeout: Some(Duration::from_secs(6)),
            packet_size: Some(1_400),
            ..Settings::default()
        };
        let config = settings.config(Profile::Bulk).unwrap();
        assert_eq!(config.max_ack_delay, Config::realtime().max_ack_delay);
        assert_eq!(config.handshake_timeout, Duration::from_secs(3));
        assert_eq!((config.handshake_tries, config.max_tries), (16, Some(20)));
        assert_eq!(config.max_rto, Duration::from_secs(2));
        assert_eq!(config.keep_alive, Some(Duration::from_secs(2)));
        assert_eq!(config.packet_size, Some(1_400));
    }

    #[test]
    fn what_is_out_of_range_is_a_usage_error_that_names_it() {
        let settings = Settings { timeout: Some(Duration::from_millis(1)), ..Settings::default() };
        let failure = settings.config(Profile::Bulk).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let text = format!("{:#}", failure.error);
        assert!(text.contains("handshake_timeout"), "{text}");
    }

    #[test]
    fn a_rate_has_a_least() {
        assert_eq!(congestion("8kbit"), Ok(Congestion::Fixed(1_000)));
        for wrong in ["1kbit", "7.9kbit", "0.1kbit", "2000gbit", "reno", "8"] {
            let error = congestion(wrong).unwrap_err();
            assert!(error.contains("8kbit"), "{wrong}: {error}");
        }
    }

    #[test]
    fn two_durations_are_in_order() {
        let expected = (Duration::from_millis(200), Duration::from_secs(4));
        assert_eq!(durations("200ms..4s"), Ok(expected));
        for wrong in ["4s", "4s..200ms", "..4s", "1..2", "1s-2s"] {
            assert!(durations(wrong).is_err(), "{wrong}");
        }
    }
}
