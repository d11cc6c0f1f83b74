//! Callers that do the thread's work while they wait.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads"
)]

mod common;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::time::Duration;

use common::{Event, PATIENCE, Peer, PeerDriver, Told, address, echo_peer, quiet_peer};
use rudp_base::{Application, Instant};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions, Visit};

const YES: &dyn Fn() -> bool = &|| true;
const NO: &dyn Fn() -> bool = &|| false;

/// A visit without an end.
fn endless() -> Visit<'static> {
    Visit { is_over: NO, deadline: None, spin: Duration::ZERO, is_alone: YES }
}

fn end_of_patience(driver: &PeerDriver) -> Instant {
    driver.clock().now() + PATIENCE
}

/// Waits for an answer in the thread's place.
fn answer(driver: &PeerDriver, told: &Told, visit: &Visit<'_>) -> Vec<u8> {
    let arrived = Cell::new(None);
    let is_over = || {
        arrived.set(arrived.take().or_else(|| told.try_next()));
        let event = arrived.take();
        let is_there = event.is_some();
        arrived.set(event);
        is_there
    };
    driver.visit(&Visit { is_over: &is_over, deadline: Some(end_of_patience(driver)), ..*visit });
    match arrived.take() {
        Some(Event::Arrived(arrived)) => arrived.data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_asks_and_waits_needs_no_other_thread() {
    for spin in [Duration::ZERO, Duration::from_millis(50)] {
        for is_alone in [YES, NO] {
            let (echo, _told) = echo_peer("127.0.0.1:0");
            let (asking, told) = quiet_peer("127.0.0.1:0");
            let visit = Visit { spin, is_alone, ..endless() };
            for n in 0..500u32 {
                asking.with(|_, peer, _| peer.send(echo.local_addr(), &n.to_le_bytes()));
                assert_eq!(answer(&asking, &told, &visit), n.to_le_bytes());
            }
        }
    }
}

#[test]
fn the_thread_goes_on_when_the_guest_does_not_come_back() {
    let (echo, _told) = echo_peer("127.0.0.1:0");
    let (asking, told) = quiet_peer("127.0.0.1:0");
    for is_alone in [YES, NO] {
        for n in 0..20u8 {
            // So often that the seat is kept for the next time.
            for _ in 0..20 {
                asking.with(|_, peer, _| peer.send(echo.local_addr(), &[n]));
                assert_eq!(answer(&asking, &told, &Visit { is_alone, ..endless() }), [n]);
            }
            // What comes now, and a timer, are the thread's.
            asking.with(|now, peer, _| {
                peer.deadlines.push(now + Duration::from_millis(1));
                peer.send(echo.local_addr(), &[n, n]);
            });
            let mut events = [told.next(), told.next()];
            events.sort_by_key(|event| matches!(event, Event::Arrived(_)));
            assert!(matches!(events[0], Event::TimedOut { .. }), "{events:?}");
            assert!(matches!(&events[1], Event::Arrived(came) if came.data == [n, n]));
        }
    }
}

#[test]
fn a_guest_that_seldom_waits_looks_in_between() {
    let (echo, _told) = echo_peer("127.0.0.1:0");
    let (asking, told) = quiet_peer("127.0.0.1:0");
    asking.with(|_, peer, _| peer.send(echo.local_addr(), b"first"));
    assert_eq!(answer(&asking, &told, &endless()), b"first");
    let own = std::thread::current().id();
    let end = end_of_patience(&asking);
    // Until some were received by this thread, which never waits.
    let mut received = 0;
    for n in 0u32.. {
        asking.with(|_, peer, _| peer.send(echo.local_addr(), &n.to_le_bytes()));
        let event = loop {
            asking.begin_call(YES);
            asking.end_call();
            if let Some(event) = told.try_next() {
                break event;
            }
            assert!(asking.clock().now() < end, "neither the thread nor the guest looks");
        };
        let Event::Arrived(came) = event else { panic!("{event:?}") };
        assert_eq!(came.data, n.to_le_bytes());
        received += u32::from(came.by == own);
        if n >= 200 && received >= 20 {
            return;
        }
        assert!(asking.clock().now() < end, "{received} in {n} calls");
    }
}

#[test]
fn a_caller_looks_in_the_middle_of_a_long_call() {
    let (echo, _told) = echo_peer("127.0.0.1:0");
    let (asking, told) = quiet_peer("127.0.0.1:0");
    let own = std::thread::current().id();
    let end = end_of_patience(&asking);
    // Until this thread has received some, in calls that it need not begin for it.
    let mut received = 0;
    while received < 20 {
        // One that calls often does the thread's work, unless it was held up for long.
        for _ in 0..100 {
            asking.begin_call(YES);
            asking.end_call();
        }
        asking.begin_call(YES);
        for n in 0..50u8 {
            asking.with(|_, peer, _| peer.send(echo.local_addr(), &[n]));
            let event = loop {
                asking.go_on_call(YES);
                if let Some(event) = told.try_next() {
                    break event;
                }
                assert!(asking.clock().now() < end, "neither the thread nor the caller looks");
            };
            let Event::Arrived(came) = event else { panic!("{event:?}") };
            assert_eq!(came.data, [n]);
            received += u32::from(came.by == own);
        }
        asking.end_call();
        assert!(asking.clock().now() < end, "{received}");
    }
}

/// One that sits down itself, in the call that wakes it.
struct Restless {
    driver: OnceLock<Driver<Peer, Wakeful>>,
    woken: Sender<()>,
}

impl Wake for Restless {
    fn wake(self: Arc<Self>) {
        let driver = self.driver.get().unwrap();
        driver.visit(&Visit { is_over: YES, ..endless() });
        let _ = self.woken.send(());
    }
}

/// Wants somebody woken for each event.
struct Wakeful(Waker, bool);

impl Application<Peer> for Wakeful {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: Event) {
        self.1 = true;
    }

    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        if std::mem::take(&mut self.1) {
            wakes.push(self.0.clone());
        }
    }
}

#[test]
fn whoever_is_woken_may_sit_down_at_once() {
    let (sender, woken) = channel();
    let restless = Arc::new(Restless { driver: OnceLock::new(), woken: sender });
    let wakeful = Wakeful(Arc::clone(&restless).into(), false);
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let driver = Driver::spawn(Peer::default(), wakeful, socket, DriverOptions::default()).unwrap();
    let _ = restless.driver.set(driver.clone());
    for _ in 0..20 {
        // By the thread, and by a guest.
        driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(1)));
        woken.recv_timeout(PATIENCE).expect("the thread waits for itself");
        driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(1)));
        let deadline = Some(driver.clock().now() + Duration::from_millis(5));
        driver.visit(&Visit { deadline, ..endless() });
        woken.recv_timeout(PATIENCE).expect("the guest waits for itself");
    }
    driver.shutdown();
    driver.join().unwrap();
}

#[test]
fn a_guest_keeps_the_machines_time() {
    let (driver, told) = quiet_peer("127.0.0.1:0");
    for spin in [Duration::ZERO, Duration::from_secs(1)] {
        driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(5)));
        let came = Cell::new(false);
        let is_over = || {
            came.set(came.get() || told.try_next().is_some());
            came.get()
        };
        driver.visit(&Visit {
            is_over: &is_over,
            deadline: Some(end_of_patience(&driver)),
            spin,
            ..endless()
        });
        assert!(came.get());
    }
}

#[test]
fn a_visit_ends_in_time_and_at_the_drivers_end() {
    let (driver, told) = quiet_peer("127.0.0.1:0");
    let deadline = driver.clock().now() + Duration::from_millis(5);
    driver.visit(&Visit { deadline: Some(deadline), ..endless() });
    assert!(driver.clock().now() >= deadline);

    let sits = AtomicBool::new(false);
    let is_over = || {
        sits.store(true, Ordering::Release);
        false
    };
    std::thread::scope(|scope| {
        let guest = scope.spawn(|| driver.visit(&Visit { is_over: &is_over, ..endless() }));
        while !sits.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        // One guest at a time.
        driver.visit(&endless());
        assert!(!guest.is_finished());
        // Calls get in all the same, and wake the guest if it has to do something earlier.
        driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(1)));
        assert!(matches!(told.next(), Event::TimedOut { .. }));
        driver.shutdown();
    });
    driver.join().unwrap();
    driver.visit(&endless());
}

#[test]
fn a_guest_goes_on_at_another_socket() {
    let (echo, _told) = echo_peer("127.0.0.1:0");
    let (asking, told) = quiet_peer("127.0.0.1:0");
    for spin in [Duration::ZERO, PATIENCE] {
        let sits = AtomicBool::new(false);
        let arrived = Cell::new(false);
        let is_over = || {
            sits.store(true, Ordering::Release);
            arrived.set(arrived.get() || told.try_next().is_some());
            arrived.get()
        };
        std::thread::scope(|scope| {
            let (asking, echo, sits) = (&asking, &echo, &sits);
            scope.spawn(move || {
                while !sits.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                let options = SocketOptions::default();
                let socket = Socket::bind(address("127.0.0.1:0"), &options).unwrap();
                let ask = |_: Instant, peer: &mut Peer, _: &mut _| {
                    peer.send(echo.local_addr(), b"there?");
                };
                asking.rebind(socket, ask).unwrap();
            });
            let deadline = Some(end_of_patience(asking));
            asking.visit(&Visit { is_over: &is_over, deadline, spin, ..endless() });
        });
        assert!(arrived.get());
    }
}

#[test]
fn a_panic_during_a_visit_ends_the_driver() {
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let application = |_: Instant, _: &mut Peer, event: Event| panic!("no {event:?}, please");
    let options = DriverOptions::default();
    let driver = Driver::spawn(Peer::default(), application, socket, options).unwrap();
    driver.with(|now, peer, _| peer.deadlines.push(now + Duration::from_millis(20)));
    let visiting = driver.clone();
    let guest = std::thread::spawn(move || visiting.visit(&endless()));
    // The panic is the guest's, if it came before the timer.
    let _ = guest.join();
    let ended = driver.join().unwrap_err().to_string();
    assert!(ended.contains("panicked"), "{ended}");
}
