//! Programs as processes of their own: what the two of the textbook print, and what is left of a
//! client that ends without a close. What closes come to otherwise is in `closing`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of what stands above the line"
)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rudp::{Config, Endpoint, ErrorKind, ReliableSocket, Session};

/// Nothing that is waited for takes this long, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a client of these tests finds its server; only its process has it.
const PORT: &str = "RUDP_TEST_PORT";

/// A process that runs, and does not outlive this.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts; `cargo build --examples` builds the examples");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more where the test has failed.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// An example of this crate. Cargo puts it beside the directory of its tests.
    fn example(name: &str, arguments: &[&str]) -> Self {
        let own = env::current_exe().expect("this is a file");
        let directory = own.ancestors().nth(2).expect("it is in the directory of a profile");
        Self::start(Command::new(directory.join("examples").join(name)).args(arguments))
    }

    /// The next line that it prints; `None` at the end.
    fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program stands still"),
        }
    }

    /// What else it prints. It has to end well.
    fn rest(mut self) -> Vec<String> {
        let lines: Vec<_> = std::iter::from_fn(|| self.line()).collect();
        let status = self.child.wait().expect("it is a child");
        assert!(status.success(), "{status}: {lines:?}");
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example `server` and its first line. Its port is the one of the book, which somebody else
/// may have for a while.
fn server() -> (Program, String) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let server = Program::example("server", &[]);
        if let Some(line) = server.line() {
            return (server, line);
        }
        assert!(Instant::now() < deadline, "the server cannot listen: stderr says why");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_two_programs_of_the_textbook_print_what_the_book_says() {
    let (server, first) = server();
    assert_eq!(first, "listening on 127.0.0.1:55265");
    let client = Program::example("client", &["hello"]);
    let read = "closed: the peer's program has read everything";
    assert_eq!(client.rest(), ["answered: message received", read]);
    assert_eq!(server.rest(), ["received: hello", read]);
}

/// This test's executable as a client for `endpoint` that plays the client in `test`.
fn client(test: &str, endpoint: &Endpoint) -> Program {
    let mut command = Command::new(env::current_exe().expect("this is a file"));
    let port = endpoint.local_addr().port().to_string();
    Program::start(command.args(["--exact", test]).env(PORT, port))
}

/// The client's part, in its process: asks, and has the answer.
fn ask(port: &str) -> ReliableSocket {
    let mut socket = ReliableSocket::new("127.0.0.1", port.parse().unwrap()).unwrap();
    socket.connect().unwrap();
    socket.send("a question").unwrap();
    assert_eq!(socket.receive(1024).unwrap(), b"an answer");
    socket
}

/// The server's part.
fn answer(endpoint: &Endpoint) -> Session {
    let session = endpoint.accept_timeout(PATIENCE).unwrap();
    session.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(session.receive(1024).unwrap(), b"a question");
    session.send("an answer").unwrap();
    session
}

fn endpoint(config: Config) -> Endpoint {
    let endpoint = Endpoint::builder().bind("127.0.0.1:0").config(config).build().unwrap();
    endpoint.listen().unwrap();
    endpoint
}

#[test]
fn a_client_that_ends_without_a_close_ends_what_it_sent_at_once() {
    if let Ok(port) = env::var(PORT) {
        // As at the end of `main`: the process ends right behind the handle.
        drop(ask(&port));
        process::exit(0);
    }
    let endpoint = endpoint(Config::default());
    let test = "a_client_that_ends_without_a_close_ends_what_it_sent_at_once";
    let client = client(test, &endpoint);
    let session = answer(&endpoint);
    // The idle timeout would be an error.
    assert_eq!(session.receive(1024).unwrap(), b"");
    client.rest();
}

#[test]
fn a_client_that_ends_with_its_handle_is_missed_after_the_idle_timeout() {
    if let Ok(port) = env::var(PORT) {
        let _handle = ask(&port);
        // No destructor is called.
        process::exit(0);
    }
    let idle = Duration::from_secs(4);
    let config = Config {
        idle_timeout: Some(idle),
        keep_alive: Some(Duration::from_secs(1)),
        ..Config::default()
    };
    let endpoint = endpoint(config);
    let test = "a_client_that_ends_with_its_handle_is_missed_after_the_idle_timeout";
    let client = client(test, &endpoint);
    let session = answer(&endpoint);
    client.rest();
    assert_eq!(session.receive(1024).unwrap_err().kind(), ErrorKind::Silent);
}
