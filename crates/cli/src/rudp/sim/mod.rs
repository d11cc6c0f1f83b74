//! `rudp sim`: the real protocol over a network that is described, in virtual time.
//! The same flags and seed give the same bytes of output, on any computer.

mod bins;
mod draw;
mod play;
mod plot;
mod report;
mod watch;

use std::sync::mpsc;
use std::time::Duration;

use rudp::{Config, Congestion};
use rudp_sim::{LinkConfig, Profile as Line};
use serde_json::{Value, json};

use self::play::{Flow, Scenario, play};
use self::report::{Report, name};
use super::args::SimArgs;
use super::path::{describe, ms};
use super::say::Say;
use super::settings::Profile;
use crate::exit::{Exit, Failure, OrExit};
use crate::output::Output;
use crate::{progress, signals};

/// Without any flag: 100 Mbit/s and 50 ms.
const RATE: u64 = 100_000_000;
const RTT: Duration = Duration::from_millis(50);

/// A run takes so long in virtual time if nothing else is said; one of so many bytes at most a day.
const TIME: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_hours(24);

pub(crate) fn run(args: &SimArgs, say: Say) -> Result<(), Failure> {
    let scenario = scenario(args)?;
    // A place where nothing can be written is noticed before the work is done.
    let svg = args.svg.as_deref().map(|path| Output::open(Some(path), "sim.svg", ".rudp-"));
    let svg = svg.transpose()?;
    let (sender, interrupted) = mpsc::channel();
    signals::on_interrupt(sender, ())?;
    if !say.common.json && !say.common.quiet {
        crate::print::print(introduction(args, &scenario))?;
    }
    let bar = progress::part("simulating", !say.common.quiet && !say.common.json);
    let played = play(&scenario, |part| {
        progress::set_part(&bar, part);
        interrupted.try_recv().is_err()
    });
    bar.finish_and_clear();
    let played = played?;
    let report = Report::new(&scenario, &played);
    if let Some(mut svg) = svg {
        svg.write(draw::plot(&scenario, &played).as_bytes())?;
        svg.complete()?;
    }
    let mut object = asked(args, &scenario);
    if let (Value::Object(object), Value::Object(came)) = (&mut object, report.object()) {
        object.extend(came);
    }
    say.result(report.text(), object)?;
    match report.broken() {
        Some(why) => Err(Failure::message(Exit::NoAnswer, why)),
        None => Ok(()),
    }
}

fn scenario(args: &SimArgs) -> Result<Scenario, Failure> {
    let usual = LinkConfig::delay(RTT / 2).rate(RATE);
    let Line { up, down } = args.path.line(&usual)?;
    let (data, back) = if args.upload { (up, down) } else { (down, up) };
    let config = |congestion: Option<Congestion>| {
        let mut config = Config::profile(args.profile.unwrap_or(Profile::Bulk).into());
        config.packet_size = args.packet_size;
        if let Some(congestion) = congestion {
            config.congestion = congestion;
        }
        config.check().or_exit(Exit::Usage, || "the settings do not fit".into()).map(|()| config)
    };
    let own = config(args.congestion)?;
    let begins = |number: u8| args.apart.unwrap_or_default().saturating_mul(number.into());
    let own = |number| Flow {
        config: own.clone(),
        bytes: args.bytes,
        begins: begins(number),
        is_rival: false,
    };
    let mut flows: Vec<_> = (0..args.flows).map(own).collect();
    if let Some(rival) = args.vs {
        let (config, begins) = (config(Some(rival))?, begins(args.flows));
        flows.push(Flow { config, bytes: None, begins, is_rival: true });
    }
    let usual = if args.bytes.is_some() { LONGEST } else { TIME };
    let limit = args.time.unwrap_or(usual);
    match flows.last() {
        Some(last) if last.begins >= limit => Err(Failure::message(
            Exit::Usage,
            format!("the last flow would begin after {:?}, when all is over", last.begins),
        )),
        _ => Ok(Scenario { seed: args.seed, data, back, flows, limit }),
    }
}

/// What is simulated, before it is.
fn introduction(args: &SimArgs, scenario: &Scenario) -> String {
    let mut lines = Vec::new();
    if let Some(preset) = args.path.preset {
        let (name, meaning) = preset.says();
        lines.push(format!("network       {name}: {meaning}"));
    }
    let ways = if args.upload { ("up", "down") } else { ("down", "up") };
    for (role, way, link) in [("data", ways.0, &scenario.data), ("back", ways.1, &scenario.back)] {
        let role = format!("{role} ({way})");
        lines.push(format!("{role:<14}{}", describe(link)));
    }
    let names = scenario.flows.iter().map(|flow| name(flow.config.congestion));
    let much = match (args.bytes, args.time) {
        (Some(bytes), _) => format!("{bytes} bytes each"),
        (None, time) => format!("{:?}", time.unwrap_or(TIME)),
    };
    let names = names.collect::<Vec<_>>().join(", ");
    let apart = args.apart.filter(|_| scenario.flows.len() > 1);
    let apart = apart.map(|apart| format!("; {apart:?} apart")).unwrap_or_default();
    lines.push(format!("flows         {names}; {much}{apart}; seed {}\n\n", args.seed));
    lines.join("\n")
}

/// What was asked for, for programs.
fn asked(args: &SimArgs, scenario: &Scenario) -> Value {
    let link = |link: &LinkConfig| {
        json!({
            "rate_bit_per_s": link.rate,
            "delay_ms": ms(link.delay),
            "queue_bytes": link.queue_bytes,
            "queue_packets": link.queue_packets,
            "loss": LinkConfig { corrupt: 0.0, ..link.clone() }.mean_loss(),
            "jitter_ms": ms(link.jitter),
            "reorder": link.reorder,
            "duplicate": link.duplicate,
            "corrupt": link.corrupt,
            "mtu": link.mtu,
        })
    };
    json!({
        "preset": args.path.preset.map(|preset| preset.says().0),
        "seed": args.seed,
        "profile": args.profile.unwrap_or(Profile::Bulk).name(),
        "data": link(&scenario.data),
        "back": link(&scenario.back),
    })
}
