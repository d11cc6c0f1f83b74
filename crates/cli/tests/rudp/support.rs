//! Processes of `rudp` with a home of their own, and directories with files to serve.
//! Every server that is started here is killed and reaped when its guard goes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A place with a directory to serve, a home for keys, and a directory to work in.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(TempDir::new().expect("a temporary directory"));
        for name in ["served", "here", "state"] {
            fs::create_dir(place.0.path().join(name)).expect("a directory");
        }
        place
    }

    /// A file that is served.
    pub(crate) fn with(self, name: &str, content: &[u8]) -> Self {
        fs::write(self.served().join(name), content).expect("the file is written");
        self
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.0.path().join("served")
    }

    pub(crate) fn here(&self) -> PathBuf {
        self.0.path().join("here")
    }

    /// A file that was downloaded.
    pub(crate) fn got(&self, name: &str) -> Vec<u8> {
        fs::read(self.here().join(name)).expect("it is there")
    }

    /// What is in the directory to work in.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.here()).expect("it can be listed").flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rudp"));
        command.args(arguments).current_dir(self.here());
        command.env("XDG_STATE_HOME", self.0.path().join("state")).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end, which has to have this code.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Ended {
        let Output { status, stdout, stderr } =
            self.command(arguments).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let ended = Ended { stdout, stderr };
        assert_eq!(status.code(), Some(code), "{arguments:?}: {}{}", ended.printed(), ended.stderr);
        ended
    }

    /// Serves the directory.
    pub(crate) fn serve(&self) -> Server {
        let served = self.served();
        let served = served.to_str().expect("a name that is UTF-8");
        self.start(&["serve", served, "-l", "127.0.0.1:0"])
    }

    /// Starts a program that prints a line with a URL once it listens.
    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let at = line.find("rudp://")?;
            let url = line[at..].split_whitespace().next()?;
            Some(url.trim_end_matches("/NAME").to_owned())
        });
        let url = url.expect("a line with the URL");
        Server { child, url }
    }
}

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A server that does not outlive this.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// `rudp://KEY@HOST:PORT`.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.rsplit('@').next().expect("there is always a last part")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
