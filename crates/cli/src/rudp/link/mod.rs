//! `rudp link`: a network that is described, for the UDP of any program.
//! Here are the command line, the status and the summary; packets are carried by the carrier.

mod carrier;
mod clients;
mod ready;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

use rudp_base::Seed;
use rudp_net::{Socket, SocketOptions};
use rudp_sim::{LinkConfig, LinkStats, Way};
use serde_json::{Value, json};

use self::carrier::Carrier;
use self::clients::Clients;
use super::args::LinkArgs;
use super::path::{bits, describe, millis, ms};
use super::say::Say;
use super::serve::bindable;
use super::spread::Spread;
use crate::exit::{Exit, Failure, OrExit};
use crate::{progress, signals};

/// How long the carrier carries until it looks for Ctrl-C.
const TURN: Duration = Duration::from_millis(100);

/// How many turns there are until the status is told again.
const STATUS: u64 = 10;

/// What IPv6 and UDP add to a datagram, in bytes.
const IPV6_UDP_OVERHEAD: usize = 48;

pub(crate) fn run(args: &LinkArgs, say: Say) -> Result<(), Failure> {
    let (sender, interrupted) = mpsc::channel();
    signals::on_interrupt(sender, ())?;
    let server = resolve(&args.to)?;
    let mut usual = LinkConfig::default();
    if server.is_ipv6() {
        usual.overhead = IPV6_UDP_OVERHEAD;
    }
    let line = args.path.line(&usual)?;
    let socket = bind(args.listen.as_deref())?;
    announce(args, &socket, (&line.up, &line.down), say)?;
    let clients = Clients::new(server, usize::from(args.clients), args.idle);
    let carrier = Carrier::new(socket, clients, line, &Seed::from_u64(args.seed));
    let mut carrier = carrier.or_exit(Exit::Local, || "cannot watch sockets".into())?;
    let status = progress::status("link", !say.common.quiet && !say.common.json);
    let mut before = [Way::Up, Way::Down].map(|way| carrier.stats(way));
    let mut turn = 0;
    while interrupted.try_recv().is_err() {
        carrier.carry(TURN).or_exit(Exit::Local, || "cannot carry any more".into())?;
        turn += 1;
        if turn % STATUS == 0 {
            let now = [Way::Up, Way::Down].map(|way| carrier.stats(way));
            status.set_message(in_short(&carrier, &before, &now));
            before = now;
        }
    }
    status.finish_and_clear();
    report(&carrier, say)
}

fn resolve(to: &str) -> Result<SocketAddr, Failure> {
    let unknown = || format!("{to} is not known");
    let mut addresses = to.to_socket_addrs().or_exit(Exit::NoAnswer, unknown)?;
    let address = addresses.next().ok_or_else(|| Failure::message(Exit::NoAnswer, unknown()))?;
    Ok(answering(address))
}

/// The address that answers of a server at `address` come from: those to no address in particular
/// reach this machine, and answer from its own; those of IPv4 are seen as such.
fn answering(mut address: SocketAddr) -> SocketAddr {
    address.set_ip(match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    });
    address
}

fn bind(listen: Option<&str>) -> Result<Socket, Failure> {
    let listen = bindable(listen.unwrap_or("127.0.0.1:0"));
    let failed = || format!("cannot listen on {listen}");
    let address = listen.to_socket_addrs().or_exit(Exit::Local, failed)?.next();
    let address = address.ok_or_else(|| Failure::message(Exit::Local, failed()))?;
    Socket::bind(address, &SocketOptions::default()).or_exit(Exit::Local, failed)
}

fn announce(
    args: &LinkArgs,
    socket: &Socket,
    (up, down): (&LinkConfig, &LinkConfig),
    say: Say,
) -> Result<(), Failure> {
    let address = socket.local_addr();
    let mut lines = vec![format!("listening on {address}, and carrying to {}", args.to)];
    if let Some(preset) = args.path.preset {
        let (name, meaning) = preset.says();
        lines.push(format!("network  {name}: {meaning}"));
    }
    lines.push(format!("up       {}", describe(up)));
    lines.push(format!("down     {}", describe(down)));
    say.result(
        lines.join("\n"),
        json!({
            "message": "listening",
            "address": address.to_string(),
            "to": args.to,
            "up": describe(up),
            "down": describe(down),
        }),
    )
}

/// What happened since the last time, in one line.
fn in_short(carrier: &Carrier, before: &[LinkStats; 2], now: &[LinkStats; 2]) -> String {
    let ways = ["up", "down"].into_iter().zip(before.iter().zip(now));
    let ways = ways.map(|(way, (before, now))| {
        let rate = (now.delivered_bytes - before.delivered_bytes) * 8;
        let lost = now.dropped() - before.dropped();
        let packets = now.offered - before.offered;
        format!("{way} {}, {packets} packets, {lost} dropped", bits(rate))
    });
    let clients = carrier.clients().count();
    format!("{clients} clients; {}", ways.collect::<Vec<_>>().join("; "))
}

fn report(carrier: &Carrier, say: Say) -> Result<(), Failure> {
    let (clients, lateness) = (carrier.clients(), carrier.lateness());
    let ways = [("up", Way::Up), ("down", Way::Down)].map(|(name, way)| {
        let stats = carrier.stats(way);
        format!(
            "{name:<8} {} packets: {} delivered; dropped: {} by the queue, {} by loss, {} too large",
            stats.offered,
            stats.delivered,
            stats.dropped_queue,
            stats.dropped_loss,
            stats.dropped_mtu
        )
    });
    let text = format!(
        "{}\nclients  {}; dropped: {} packets of others, {} to clients from others than the server\nlate     half by less than {}, 99 % by less than \
         {}, most {}; {} packets lost here",
        ways.join("\n"),
        clients.seen(),
        clients.turned_away(),
        carrier.foreign(),
        millis(lateness.percentile(50) + Spread::STEP),
        millis(lateness.percentile(99) + Spread::STEP),
        millis(lateness.most()),
        carrier.lost_here()
    );
    say.result(
        text,
        json!({
            "message": "stopped",
            "up": object(&carrier.stats(Way::Up)),
            "down": object(&carrier.stats(Way::Down)),
            "late_ms": {
                "p50": ms(lateness.percentile(50)),
                "p99": ms(lateness.percentile(99)),
                "mean": ms(lateness.mean()),
                "max": ms(lateness.most()),
            },
            "clients": clients.seen(),
            "turned_away": clients.turned_away(),
            "foreign": carrier.foreign(),
            "lost_here": carrier.lost_here(),
        }),
    )
}

fn object(stats: &LinkStats) -> Value {
    json!({
        "packets": stats.offered,
        "bytes": stats.offered_bytes,
        "delivered": stats.delivered,
        "delivered_bytes": stats.delivered_bytes,
        "dropped_queue": stats.dropped_queue,
        "dropped_loss": stats.dropped_loss,
        "dropped_mtu": stats.dropped_mtu,
        "duplicated": stats.duplicated,
        "corrupted": stats.corrupted,
        "reordered": stats.reordered,
        "queue_ms_mean": ms(stats.queue_delay_mean()),
        "queue_ms_max": ms(stats.queue_delay_max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_at_no_address_in_particular_answers_from_the_loopback() {
        for (to, from) in [
            ("0.0.0.0:7777", "127.0.0.1:7777"),
            ("[::]:7777", "[::1]:7777"),
            ("[::ffff:0.0.0.0]:7777", "127.0.0.1:7777"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:db8::1]:1", "[2001:db8::1]:1"),
        ] {
            assert_eq!(resolve(to).unwrap().to_string(), from, "{to}");
        }
    }
}
