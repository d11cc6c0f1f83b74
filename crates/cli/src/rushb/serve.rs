//! `rushb serve`: a socket, the server machine and a directory, until Ctrl-C.
//! Requests are answered in `site`.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rudp_net::{Driver, DriverOptions, Socket, SocketOptions};
use rushb::Server;
use serde_json::json;
use tracing::info;

use super::args::ServeArgs;
use super::directory::Directory;
use super::site::{Scan, Site, Totals};
use crate::exit::{Exit, Failure, OrExit};
use crate::print::print;
use crate::{logs, signals};

/// How long open sessions may go on after Ctrl-C.
const GRACE: Duration = Duration::from_millis(800);

/// Files that may wait to be looked through for ENC.
const SCANS: usize = 64;

/// What ends a server.
enum Stop {
    /// Ctrl-C.
    Interrupted,
    /// The driver's thread ended by itself.
    Driver,
}

/// A server that runs.
pub(crate) type Running = Driver<Server, Site>;

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let _log = logs::init(args.json, args.quiet || args.classic, args.verbose);
    let (sender, stop) = mpsc::channel();
    signals::on_interrupt(sender.clone(), Stop::Interrupted)?;
    let driver = start(args)?;
    announce(args, &driver)?;
    wait(&driver, sender, &stop)?;
    finish(&driver);
    let (totals, ignored) = driver.with(|_, server, site| (site.totals(), server.ignored()));
    driver.shutdown();
    report(args, totals, ignored);
    Ok(())
}

/// Binds, and starts to answer.
pub(crate) fn start(args: &ServeArgs) -> Result<Running, Failure> {
    let path = &args.directory;
    let directory = Directory::open(path, args.limits.max_open_files.into())
        .or_exit(Exit::Local, || format!("cannot serve {}", path.display()))?;
    // RUSHB's packets may be fragmented on the way (docs/RUSHB.md, 1.2).
    let options = SocketOptions { fragment: true, ..SocketOptions::default() };
    let socket = Socket::bind(args.listen, &options)
        .or_exit(Exit::Local, || format!("cannot listen on {}", args.listen))?;
    let (scans, to_scan) = mpsc::sync_channel(SCANS);
    let site = Site::new(directory, scans);
    let driver = Driver::spawn(
        Server::new(args.config()),
        site,
        socket,
        DriverOptions { name: "rushb-serve".into(), ..DriverOptions::default() },
    )
    .or_exit(Exit::Other, || "cannot start the server's thread".into())?;
    let scanner = driver.clone();
    thread::Builder::new()
        .name("rushb-scan".into())
        .spawn(move || scan_files(&scanner, &to_scan))
        .or_exit(Exit::Other, || "cannot start a thread".into())?;
    Ok(driver)
}

/// Looks through files for bytes that ENC cannot carry, one after the other.
fn scan_files(driver: &Running, to_scan: &Receiver<Scan>) {
    for scan in to_scan {
        let encodable = scan.run();
        driver.post(move |_, server, site| site.on_scanned(server, &scan, encodable));
    }
}

fn announce(args: &ServeArgs, driver: &Running) -> Result<(), Failure> {
    let address = driver.local_addr();
    let directory = std::fs::canonicalize(&args.directory).unwrap_or(args.directory.clone());
    let directory = directory.display();
    let line = if args.classic {
        // Harnesses read this line and nothing else.
        address.port().to_string()
    } else if args.json {
        // Whatever the log's level: without it nobody knows the port.
        let (address, directory) = (address.to_string(), directory.to_string());
        json!({
            "timestamp": logs::timestamp(),
            "level": "INFO",
            "message": "serving",
            "address": address,
            "directory": directory,
        })
        .to_string()
    } else {
        let (host, port) = (address.ip(), address.port());
        let reach =
            if host.is_unspecified() { format!("HOST:{port}") } else { address.to_string() };
        format!("serving {directory} at {address}; download with: rushb get {reach}/NAME")
    };
    print(line + "\n")
}

fn wait(driver: &Running, sender: Sender<Stop>, stop: &Receiver<Stop>) -> Result<(), Failure> {
    let watched = driver.clone();
    let (result, ended) = mpsc::channel();
    thread::spawn(move || {
        let _ = result.send(watched.join());
        let _ = sender.send(Stop::Driver);
    });
    match stop.recv() {
        Ok(Stop::Driver) => ended
            .recv()
            .unwrap_or(Ok(()))
            .or_exit(Exit::Local, || "the socket failed".into())
            .and(Err(Failure::message(Exit::Other, "the server's thread ended"))),
        Ok(Stop::Interrupted) | Err(_) => Ok(()),
    }
}

/// Lets open sessions end for a moment, and drops the rest.
fn finish(driver: &Running) {
    let deadline = Instant::now() + GRACE;
    driver.with(|_, server, _| server.close());
    while driver.with(|_, server, _| server.open_sessions()) > 0 {
        if Instant::now() >= deadline {
            driver.with(|now, server, _| server.interrupt(now));
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn report(args: &ServeArgs, totals: Totals, ignored: u64) {
    let Totals { delivered, refused, failed, bytes, packets, retransmissions } = totals;
    if args.classic {
        return;
    }
    info!(delivered, refused, failed, bytes, packets, retransmissions, ignored, "stopped");
}
