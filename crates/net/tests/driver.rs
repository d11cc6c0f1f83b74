//! The driver as its users see it: conversations, timers, calls from many threads, and its end.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads, and any byte will do as data"
)]

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{Event, Peer, address, echo_peer, quiet_peer, start};
use rudp_base::{Application, Instant, SendError, Transmit};
use rudp_net::{Driver, DriverOptions, OnEnd, Socket, SocketOptions};

#[test]
fn two_drivers_play_ping_pong() {
    for host in ["127.0.0.1:0", "[::1]:0"] {
        let (echo, _told) = echo_peer(host);
        let (ping, told) = quiet_peer(host);
        for n in 0..1_000u32 {
            ping.with(|_, peer, _| peer.send(echo.local_addr(), &n.to_le_bytes()));
            let pong = told.arrived();
            assert_eq!((pong.remote, pong.data), (echo.local_addr(), n.to_le_bytes().to_vec()));
        }
        let stats = ping.stats();
        assert_eq!((stats.datagrams_out, stats.datagrams_in), (1_000, 1_000));
        assert_eq!((stats.bytes_out, stats.bytes_in), (4_000, 4_000));
        assert_eq!((stats.batches_out, stats.send_errors.total()), (1_000, 0));
    }
}

#[test]
fn batches_are_echoed_with_and_without_offload() {
    for offload in [true, false] {
        let options = SocketOptions { offload, ..SocketOptions::default() };
        let peer = Peer { echo: true, ..Peer::default() };
        let (echo, _told) = start("127.0.0.1:0", &options, peer);
        let (ping, told) = start("127.0.0.1:0", &options, Peer::default());
        let data: Vec<u8> = (0..30 * 1_400 + 5).map(|n: usize| (n / 3) as u8).collect();
        ping.with(|_, peer, _| peer.send_batch(echo.local_addr(), &data, 1_400));
        for datagram in data.chunks(1_400) {
            assert_eq!(told.arrived().data, datagram);
        }
        assert_eq!(ping.stats().datagrams_out, 31);
    }
}

#[test]
fn timers_fire_in_order_and_never_early() {
    let (driver, told) = quiet_peer("127.0.0.1:0");
    // Later ones first: each is earlier than what the thread waits for already.
    for millis in [40, 5, 30, 1, 20, 0] {
        driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(millis)));
    }
    let mut previous = Instant::ZERO;
    for _ in 0..6 {
        let Event::TimedOut { deadline, now } = told.next() else { panic!("not a timer") };
        assert!(now >= deadline);
        assert!(deadline >= previous);
        previous = deadline;
    }
}

fn another_socket() -> Socket {
    Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap()
}

#[test]
fn another_socket_takes_over_from_one_that_somebody_sleeps_at() {
    let (echo, echoed) = echo_peer("127.0.0.1:0");
    let (driver, told) = quiet_peer("127.0.0.1:0");
    for n in 0..50u8 {
        let (old, socket) = (driver.local_addr(), another_socket());
        let new = socket.local_addr();
        driver.rebind(socket, |_, peer, _| peer.send(echo.local_addr(), &[n])).unwrap();
        assert_eq!(driver.local_addr(), new);
        let asked = echoed.arrived();
        assert_eq!((asked.remote, asked.data), (new, vec![n]));
        // The answer finds the thread at the new socket, and so nobody at the old one.
        assert_eq!(told.arrived().data, [n]);
        std::net::UdpSocket::bind(old).unwrap();
    }
    assert_eq!(driver.stats().send_errors.total(), 0);
}

#[test]
fn calls_and_answers_go_on_while_sockets_are_replaced() {
    let (echo, _echoed) = echo_peer("127.0.0.1:0");
    let (driver, told) = quiet_peer("127.0.0.1:0");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                driver.rebind(another_socket(), |_, _, _| ()).unwrap();
            }
        });
        // What was on its way to a socket that has gone is lost: it is asked until it is answered.
        for n in 0..100u32 {
            let is_answered = || loop {
                match told.next_within(Duration::from_millis(1)) {
                    Some(Event::Arrived(came)) if came.data == n.to_le_bytes() => return true,
                    Some(_) => {}
                    None => return false,
                }
            };
            let send = || {
                driver.with(|_, peer, _| peer.send(echo.local_addr(), &n.to_le_bytes()));
                is_answered()
            };
            assert!((0..20_000).any(|_| send()), "{n} is never answered");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_driver_that_has_ended_gets_no_other_socket() {
    let driver = start_fragile();
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
    assert!(driver.join().is_err());
    let error = driver.rebind(another_socket(), |_, _, _| ()).unwrap_err();
    assert!(error.to_string().contains("cannot bear it"), "{error}");
    assert_eq!(driver.local_addr(), to);
}

#[cfg(target_os = "linux")]
fn cpu_ticks_of_thread(name: &str) -> u64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        let (head, tail) = stat.rsplit_once(')').unwrap();
        if head.ends_with(&format!("({name}")) {
            let fields: Vec<&str> = tail.split_whitespace().collect();
            return fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    panic!("no thread {name}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_driver_sleeps() {
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let (sender, _receiver) = channel();
    let options = DriverOptions { name: "idle".to_owned(), ..DriverOptions::default() };
    let driver = Driver::spawn(Peer::default(), common::Tell(sender), socket, options).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let before = cpu_ticks_of_thread("idle");
    std::thread::sleep(Duration::from_millis(300));
    // A tick is 10 ms.
    assert!(cpu_ticks_of_thread("idle") - before <= 1);
    assert_eq!(driver.stats().wake_ups, 0);
}

#[test]
fn a_timer_that_is_set_again_and_again_does_not_wake_the_thread_each_time() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let later = Duration::from_mins(10);
    for _ in 0..100 {
        driver.with(|now, peer, _| peer.deadlines.push(now + later));
        driver.with(|_, peer, _| peer.deadlines.clear());
    }
    assert!(driver.stats().wake_ups <= 1, "{:?}", driver.stats());
}

#[test]
fn a_call_that_only_looks_neither_sends_nor_wakes() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    // With a timer, too: to look at it does not set it.
    driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_mins(10)));
    std::thread::sleep(Duration::from_millis(10));
    let before = driver.stats();
    for _ in 0..1_000 {
        driver.with(|_, peer, _| assert_eq!(peer.count, 0));
        driver.try_with(|_, peer, _| assert_eq!(peer.count, 0)).unwrap();
        driver.post(|_, peer, _| assert_eq!(peer.count, 0));
    }
    std::thread::sleep(Duration::from_millis(10));
    let after = driver.stats();
    assert_eq!((after.wake_ups, after.batches_out), (before.wake_ups, 0));
    assert_eq!((after.blocked, after.send_errors.total()), (0, 0));
}

#[test]
fn many_threads_call_while_traffic_runs() {
    let (echo, _echo_told) = echo_peer("127.0.0.1:0");
    let (driver, told) = quiet_peer("127.0.0.1:0");
    let (threads, calls) = (8, 200);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..calls {
                    driver.with(|now, peer, _| {
                        assert!(now >= peer.last_now);
                        peer.count += 1;
                        peer.send(echo.local_addr(), b"ping");
                    });
                    let stats = driver.stats();
                    assert!(stats.datagrams_in <= stats.datagrams_out);
                    std::thread::yield_now();
                }
            });
        }
    });
    for _ in 0..threads * calls {
        assert_eq!(told.arrived().data, b"ping");
    }
    assert_eq!(driver.with(|_, peer, _| peer.count), threads * calls);
}

#[test]
fn callers_that_never_pause_do_not_keep_the_thread_out() {
    let sink = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = sink.local_addr().unwrap();
    let outside = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let (tell, told) = channel();
    let application = move |now: Instant, _: &mut Peer, _: Event| tell.send(now).unwrap();
    let options = DriverOptions::default();
    let driver = Driver::spawn(Peer::default(), application, socket, options).unwrap();
    let (stop, batch, count) = (AtomicBool::new(false), vec![0; 40 * 1_472], 200);
    let mut turns: Vec<Instant> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                driver.with(|_, peer, _| {
                    (0..8).for_each(|_| peer.send_batch(to, &batch, 1_472));
                });
            }
        });
        for _ in 0..count {
            std::thread::sleep(Duration::from_millis(1));
            outside.send_to(b"ping", driver.local_addr()).unwrap();
        }
        turns.extend((0..count).map_while(|_| told.recv_timeout(common::PATIENCE).ok()));
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(turns.len(), count);
    // A turn for each, or nearly; a thread that is kept out handles them twenty at a time.
    turns.dedup();
    assert!(turns.len() > count / 10, "{} turns", turns.len());
}

#[test]
fn no_post_is_lost() {
    let (echo, _echo_told) = echo_peer("127.0.0.1:0");
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let (threads, posts) = (8, 5_000);
    let remote = echo.local_addr();
    let made = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for n in 0..posts {
                    let made = Arc::clone(&made);
                    driver.post(move |_, peer, _| {
                        made.fetch_add(1, Ordering::Relaxed);
                        if n % 64 == 0 {
                            peer.send(remote, b"ping");
                        }
                    });
                }
            });
        }
    });
    // Nobody calls the driver any more, which would run what might be left.
    let started = std::time::Instant::now();
    while made.load(Ordering::Relaxed) < threads * posts {
        assert!(started.elapsed() < common::PATIENCE, "a call was left and never made");
        std::thread::yield_now();
    }
}

#[test]
fn posts_of_one_thread_keep_their_order() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let stop = AtomicBool::new(false);
    let out_of_order = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                driver.with(|_, _, _| ());
            }
        });
        for n in 0..20_000 {
            let out_of_order = Arc::clone(&out_of_order);
            driver.post(move |_, peer, _| {
                if peer.count != n {
                    out_of_order.fetch_add(1, Ordering::Relaxed);
                }
                peer.count += 1;
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(out_of_order.load(Ordering::Relaxed), 0);
    assert_eq!(driver.with(|_, peer, _| peer.count), 20_000);
}

/// Counts from within an event, by a post to its own driver.
struct Reposter(Option<Driver<Peer, Reposter>>);

impl Application<Peer> for Reposter {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: Event) {
        let driver = self.0.as_ref().unwrap();
        driver.post(|_, peer, _| peer.count += 1);
    }
}

#[test]
fn an_application_may_post_to_its_own_driver() {
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let driver =
        Driver::spawn(Peer::default(), Reposter(None), socket, DriverOptions::default()).unwrap();
    let own = driver.clone();
    driver.with(move |_, _, application| application.0 = Some(own));
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
    while driver.with(|_, peer, _| peer.count) == 0 {
        std::thread::yield_now();
    }
    driver.shutdown();
    driver.join().unwrap();
    driver.with(|_, _, application| application.0 = None);
}

#[test]
fn a_closed_port_neither_ends_the_driver_nor_loses_what_follows() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (echo, _echo_told) = echo_peer("127.0.0.1:0");
    let (driver, told) = quiet_peer("127.0.0.1:0");
    for _ in 0..20 {
        driver.with(|_, peer, _| {
            peer.send(closed, b"anybody?");
            peer.send(echo.local_addr(), b"you?");
        });
        assert_eq!(told.arrived().data, b"you?");
    }
    assert_eq!(driver.stats().send_errors.total(), 0);
}

#[test]
fn a_refused_batch_is_counted_and_the_next_is_sent() {
    let (echo, _echo_told) = echo_peer("127.0.0.1:0");
    let (driver, told) = quiet_peer("127.0.0.1:0");
    driver.with(|_, peer, _| {
        peer.outgoing.push_back((Transmit::single(address("127.0.0.1:0"), 1), vec![0]));
        peer.send(echo.local_addr(), b"next");
    });
    assert_eq!(told.arrived().data, b"next");
    let stats = driver.stats();
    assert_eq!((stats.send_errors.invalid, stats.send_errors.total()), (1, 1));
    assert_eq!(stats.datagrams_out, 1);
}

/// Sends a small datagram to where a larger one could not be sent.
#[derive(Default)]
struct Shrinker(Vec<(usize, SendError)>);

impl Application<Peer> for Shrinker {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: Event) {}

    fn on_send_error(&mut self, _: Instant, peer: &mut Peer, lost: &Transmit, error: SendError) {
        self.0.push((lost.stride, error));
        peer.send(lost.remote, b"smaller");
    }
}

#[test]
fn what_cannot_be_sent_is_told_and_the_answer_is_sent_at_once() {
    let (sink, sink_told) = quiet_peer("127.0.0.1:0");
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let options = DriverOptions::default();
    let driver = Driver::spawn(Peer::default(), Shrinker::default(), socket, options).unwrap();
    // One byte more than fits into a packet of IPv4.
    driver.with(|_, peer, _| peer.send(sink.local_addr(), &vec![0; 65_508]));
    assert_eq!(sink_told.arrived().data, b"smaller");
    driver.with(|_, _, shrinker| assert_eq!(shrinker.0, [(65_508, SendError::TooBig)]));
    let stats = driver.stats();
    assert_eq!((stats.send_errors.too_big, stats.send_errors.total()), (1, 1));
    assert_eq!((stats.datagrams_out, stats.bytes_out), (1, 7));
}

#[test]
fn a_long_burst_is_sent_over_several_turns() {
    let (sink, sink_told) = quiet_peer("127.0.0.1:0");
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let count = 500u32;
    driver.with(|_, peer, _| {
        (0..count).for_each(|n| peer.send(sink.local_addr(), &n.to_le_bytes()));
    });
    for n in 0..count {
        assert_eq!(sink_told.arrived().data, n.to_le_bytes());
    }
}

#[test]
fn shutdown_ends_the_thread_and_leaves_the_machine() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let other = driver.clone();
    let waiter = std::thread::spawn(move || other.join());
    driver.with(|_, peer, _| peer.count = 7);
    driver.shutdown();
    driver.join().unwrap();
    driver.join().unwrap();
    waiter.join().unwrap().unwrap();
    let (peer, _application) = driver.finish().unwrap();
    assert_eq!(peer.count, 7);
}

#[test]
fn parts_come_out_of_the_last_handle_only() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let other = driver.clone();
    assert!(other.finish().is_none());
    driver.with(|_, peer, _| peer.count += 1);
    assert_eq!(driver.finish().unwrap().0.count, 1);
}

#[test]
fn the_last_handle_closes_the_socket() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let address = driver.local_addr();
    drop(driver.clone());
    assert!(std::net::UdpSocket::bind(address).is_err());
    drop(driver);
    std::net::UdpSocket::bind(address).unwrap();
}

/// Panics at the first event.
fn fragile(_: Instant, _: &mut Peer, _: Event) {
    panic!("cannot bear it");
}

fn start_fragile() -> Driver<Peer, impl Application<Peer> + Send + 'static> {
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    Driver::spawn(Peer::default(), fragile, socket, DriverOptions::default()).unwrap()
}

#[test]
fn a_panic_in_the_thread_ends_the_driver_and_hangs_nobody() {
    let driver = start_fragile();
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
    let error = driver.join().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert!(error.to_string().contains("cannot bear it"), "{error}");
    assert!(
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| driver.with(|_, _, _| ())))
            .is_err()
    );
    assert_eq!(driver.stats().datagrams_in, 1);
    assert!(driver.finish().is_none());
}

#[test]
fn a_panic_in_a_call_ends_the_driver_and_hangs_nobody() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    let call = std::panic::AssertUnwindSafe(|| driver.with(|_, _, _| panic!("in a call")));
    assert!(std::panic::catch_unwind(call).is_err());
    assert!(driver.join().unwrap_err().to_string().contains("panicked"));
}

#[test]
fn the_end_is_told_however_it_comes() {
    let start = |application: fn(Instant, &mut Peer, Event)| {
        let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
        let (tell, told) = channel();
        let on_end: OnEnd = Box::new(move |outcome| {
            tell.send(outcome.as_ref().map_err(ToString::to_string).copied()).unwrap();
        });
        let options = DriverOptions { on_end: Some(on_end), ..DriverOptions::default() };
        let driver = Driver::spawn(Peer::default(), application, socket, options).unwrap();
        (driver, told)
    };
    let (driver, told) = start(|_, _, _| ());
    driver.shutdown();
    assert_eq!(told.recv_timeout(common::PATIENCE).unwrap(), Ok(()));

    let (driver, told) = start(fragile);
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
    let error = told.recv_timeout(common::PATIENCE).unwrap().unwrap_err();
    assert!(error.contains("cannot bear it"), "{error}");
    assert!(driver.join().unwrap_err().to_string().contains("cannot bear it"));

    let (driver, told) = start(|_, _, _| ());
    let call = std::panic::AssertUnwindSafe(|| driver.with(|_, _, _| panic!("in a call")));
    assert!(std::panic::catch_unwind(call).is_err());
    let error = told.recv_timeout(common::PATIENCE).unwrap().unwrap_err();
    assert!(error.contains("panicked"), "{error}");
}

#[test]
fn a_call_may_be_refused_instead_of_panicking() {
    let (driver, _told) = quiet_peer("127.0.0.1:0");
    assert_eq!(driver.try_with(|_, peer, _| peer.count).unwrap(), 0);
    driver.shutdown();
    driver.join().unwrap();
    driver.try_with(|_, peer, _| peer.count += 1).unwrap();
    let call = std::panic::AssertUnwindSafe(|| driver.with(|_, _, _| panic!("in a call")));
    assert!(std::panic::catch_unwind(call).is_err());
    let error = driver.try_with(|_, _, _| ()).unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");

    let driver = start_fragile();
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
    assert!(driver.join().is_err());
    let error = driver.try_with(|_, _, _| ()).unwrap_err();
    assert!(error.to_string().contains("cannot bear it"), "{error}");
}

/// Counts what the system dropped.
struct DropCounter(Arc<AtomicUsize>);

impl Application<Peer> for DropCounter {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: Event) {}

    fn on_receive_drops(&mut self, _: Instant, _: &mut Peer, count: u64) {
        self.0.fetch_add(usize::try_from(count).unwrap(), Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn drops_reach_the_application() {
    let options = SocketOptions { receive_buffer: 4_096, ..SocketOptions::default() };
    let socket = Socket::bind(address("127.0.0.1:0"), &options).unwrap();
    let counted = Arc::new(AtomicUsize::new(0));
    let application = DropCounter(Arc::clone(&counted));
    let driver =
        Driver::spawn(Peer::default(), application, socket, DriverOptions::default()).unwrap();
    let (sender, _told) = quiet_peer("127.0.0.1:0");
    let to = driver.local_addr();
    let started = std::time::Instant::now();
    while counted.load(Ordering::Relaxed) == 0 && started.elapsed() < common::PATIENCE {
        // The lock keeps the thread from handling what it received, so that the buffer fills up.
        driver.with(|_, _, _| {
            sender.with(|_, peer, _| {
                (0..64).for_each(|_| peer.send(to, &[0; 1_000]));
            });
        });
    }
    assert!(counted.load(Ordering::Relaxed) > 0);
    assert!(driver.stats().receive_drops > 0);
}
