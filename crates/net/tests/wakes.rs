//! How a driver wakes whom its application wants woken: after the lock is free, each once, whoever
//! made the call.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test above the line: real sockets and threads"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::{Event, PATIENCE, Peer, address};
use rudp_base::{Application, Instant};
use rudp_net::{Driver, DriverOptions, Socket, SocketOptions, Visit};

/// Wakes those who wait for an event at each event, and others when they are named.
#[derive(Default)]
struct Doorman {
    waiting: Vec<Waker>,
    due: Vec<Waker>,
}

impl Application<Peer> for Doorman {
    fn on_event(&mut self, _: Instant, _: &mut Peer, _: Event) {
        self.due.append(&mut self.waiting);
    }

    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        assert!(wakes.is_empty());
        wakes.append(&mut self.due);
    }
}

type DoormanDriver = Driver<Peer, Doorman>;

fn start() -> DoormanDriver {
    let socket = Socket::bind(address("127.0.0.1:0"), &SocketOptions::default()).unwrap();
    let options = DriverOptions::default();
    Driver::spawn(Peer::default(), Doorman::default(), socket, options).unwrap()
}

/// Sends itself a datagram, which the driver's thread will tell of.
fn cause_event(driver: &DoormanDriver) {
    let to = driver.local_addr();
    driver.with(|_, peer, _| peer.send(to, b"to myself"));
}

/// Calls the driver when it is woken, and tells by which thread that was.
struct Caller {
    driver: DoormanDriver,
    tell: Sender<ThreadId>,
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        // From another thread as well: it must not wait for the one that wakes either.
        let other = self.driver.clone();
        thread::spawn(move || other.with(|_, peer, _| peer.count += 1)).join().unwrap();
        self.driver.with(|_, peer, _| peer.count += 1);
        self.driver.post(|_, peer, _| peer.count += 1);
        self.tell.send(thread::current().id()).unwrap();
    }
}

fn caller(driver: &DoormanDriver) -> (Waker, Receiver<ThreadId>) {
    let (tell, told) = channel();
    (Waker::from(Arc::new(Caller { driver: driver.clone(), tell })), told)
}

#[test]
fn a_waker_may_call_the_driver_whoever_wakes_it() {
    let driver = start();
    let (waker, told) = caller(&driver);
    let myself = thread::current().id();

    let due = waker.clone();
    driver.with(|_, _, doorman| doorman.due.push(due));
    assert_eq!(told.try_recv(), Ok(myself));
    let due = waker.clone();
    driver.try_with(|_, _, doorman| doorman.due.push(due)).unwrap();
    assert_eq!(told.try_recv(), Ok(myself));
    let due = waker.clone();
    driver.post(|_, _, doorman| doorman.due.push(due));
    told.recv_timeout(PATIENCE).unwrap();

    driver.with(|_, _, doorman| doorman.waiting.push(waker));
    cause_event(&driver);
    assert_ne!(told.recv_timeout(PATIENCE).unwrap(), myself);
    assert_eq!(driver.with(|_, peer, _| peer.count), 4 * 3);
    driver.shutdown();
    driver.join().unwrap();
    assert!(told.try_recv().is_err());
}

#[test]
fn a_waker_may_use_a_driver_that_has_ended() {
    let driver = start();
    driver.shutdown();
    driver.join().unwrap();
    let (waker, told) = caller(&driver);
    driver.with(|_, _, doorman| doorman.due.push(waker));
    assert!(told.try_recv().is_ok());
}

#[test]
fn the_wakes_of_a_call_that_was_left_are_its_holders() {
    let driver = start();
    let (waker, told) = caller(&driver);
    // By the holder itself.
    let (own, due) = (driver.clone(), waker.clone());
    driver.with(|_, _, _| own.post(|_, _, doorman| doorman.due.push(due)));
    told.recv_timeout(PATIENCE).unwrap();
    // By another thread, while a third holds the lock.
    let (held, release) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            driver.with(|_, _, _| {
                held.wait();
                release.wait();
            });
        });
        held.wait();
        driver.post(|_, _, doorman| doorman.due.push(waker));
        assert!(told.try_recv().is_err(), "woken under the lock");
        release.wait();
        // Nobody calls the driver any more, which would make the call that was left.
        assert_ne!(told.recv_timeout(PATIENCE).unwrap(), thread::current().id());
    });
    assert!(told.try_recv().is_err(), "woken twice");
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn no_wake_is_lost_and_none_comes_twice() {
    let driver = start();
    let (threads, calls) = (4, 2_000);
    let bell = Arc::new(Bell::default());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for n in 0..calls {
                    let due = Waker::from(Arc::clone(&bell));
                    match n % 4 {
                        0 => driver.with(|_, _, doorman| doorman.due.push(due)),
                        1 => {
                            driver.with(|_, _, doorman| doorman.waiting.push(due));
                            cause_event(&driver);
                        }
                        _ => driver.post(|_, _, doorman| doorman.due.push(due)),
                    }
                }
            });
        }
    });
    // Some datagrams may have been too many for the socket's buffer, the last ones among them.
    let started = std::time::Instant::now();
    while driver.with(|_, _, doorman| !doorman.waiting.is_empty()) {
        assert!(started.elapsed() < PATIENCE, "no event comes");
        cause_event(&driver);
        thread::yield_now();
    }
    assert!(driver.finish().is_some());
    assert_eq!(bell.0.load(Ordering::Relaxed), threads * calls);
    assert_eq!(Arc::strong_count(&bell), 1);
}

/// Panics when it is woken.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[test]
fn a_waker_that_panics_ends_neither_the_driver_nor_the_call() {
    let driver = start();
    let bell = Arc::new(Bell::default());
    let both = || [Waker::from(Arc::new(Broken)), Waker::from(Arc::clone(&bell))];
    driver.with(|_, _, doorman| doorman.due.extend(both()));
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    driver.with(|_, _, doorman| doorman.waiting.extend(both()));
    cause_event(&driver);
    let started = std::time::Instant::now();
    while bell.0.load(Ordering::Relaxed) < 2 {
        assert!(started.elapsed() < PATIENCE, "the driver's thread is gone");
        thread::yield_now();
    }
    assert!(driver.try_with(|_, _, _| ()).is_ok());
    driver.shutdown();
    driver.join().unwrap();
}

/// Ends a visit, but not before the guest has looked whether it is over, and sleeps.
#[derive(Default)]
struct Late {
    begun: AtomicBool,
    looked: AtomicBool,
    over: AtomicBool,
}

impl Wake for Late {
    fn wake(self: Arc<Self>) {
        self.begun.store(true, Ordering::Release);
        while !self.looked.load(Ordering::Acquire) {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        self.over.store(true, Ordering::Release);
    }
}

#[test]
fn a_guest_that_sits_down_meanwhile_hears_of_it() {
    let (driver, late) = (start(), Arc::new(Late::default()));
    let waker = Waker::from(Arc::clone(&late));
    driver.with(|_, _, doorman| doorman.waiting.push(waker));
    cause_event(&driver);
    while !late.begun.load(Ordering::Acquire) {
        thread::yield_now();
    }
    let is_over = || {
        late.looked.store(true, Ordering::Release);
        late.over.load(Ordering::Acquire)
    };
    let deadline = driver.clock().now() + PATIENCE;
    let (spin, is_alone) = (Duration::ZERO, &|| true);
    driver.visit(&Visit { is_over: &is_over, deadline: Some(deadline), spin, is_alone });
    assert!(driver.clock().now() < deadline, "it slept until its patience was over");
}

#[test]
fn a_guest_that_sits_hears_of_it_from_a_caller() {
    let (driver, late) = (start(), Arc::new(Late::default()));
    let is_over = || {
        late.looked.store(true, Ordering::Release);
        late.over.load(Ordering::Acquire)
    };
    let deadline = driver.clock().now() + PATIENCE;
    let (spin, is_alone) = (Duration::ZERO, &|| true);
    thread::scope(|scope| {
        let waker = Waker::from(Arc::clone(&late));
        scope.spawn(|| {
            while !late.looked.load(Ordering::Acquire) {
                thread::yield_now();
            }
            driver.with(|_, _, doorman| doorman.due.push(waker));
        });
        driver.visit(&Visit { is_over: &is_over, deadline: Some(deadline), spin, is_alone });
    });
    assert!(driver.clock().now() < deadline, "it slept until its patience was over");
}
