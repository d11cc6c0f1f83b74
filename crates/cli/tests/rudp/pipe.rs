//! `rudp pipe`: standard input and output, connected.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::support::Place;

#[test]
fn what_goes_in_on_one_side_comes_out_on_the_other() {
    let place = Place::new();
    let mut listening = place
        .command(&["pipe", "-l", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Standard output is for the data: where it listens is said on standard error.
    let mut errors = std::io::BufReader::new(listening.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("rudp://") {
        line.clear();
        let len = std::io::BufRead::read_line(&mut errors, &mut line).expect("it is text");
        assert!(len > 0, "no URL");
    }
    let at = line.find("rudp://").expect("it is there");
    let url = line[at..].split_whitespace().next().expect("a word");
    let mut dialling = place
        .command(&["pipe", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut there = listening.stdin.take().expect("it is piped");
    there.write_all(b"from the server").expect("it reads");
    drop(there);
    let mut here = dialling.stdin.take().expect("it is piped");
    here.write_all(&vec![7; 300_000]).expect("it reads");
    drop(here);
    let mut got = Vec::new();
    listening.stdout.take().expect("it is piped").read_to_end(&mut got).expect("it can be read");
    assert!(got == vec![7; 300_000], "{} bytes", got.len());
    let answer = dialling.wait_with_output().expect("it is a child");
    assert!(answer.status.success());
    assert_eq!(answer.stdout, b"from the server");
    assert!(listening.wait().expect("it is a child").success());
}
