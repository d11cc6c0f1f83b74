//! `rushb demo`: the program's own proof that it works.
//! The protocol is not looked at here.

use std::process::Command;

use crate::support::{Process, RUSHB, rushb};

#[test]
fn the_demo_ends_with_an_exact_copy() {
    let ended = rushb(["demo"]).expect(0);
    let printed = ended.printed();
    assert!(printed.contains("the copy is exact: 150000 bytes"), "{printed}");
    assert!(printed.contains("C [DAT/ACK]"), "{printed}");
}

#[test]
fn the_demo_shows_its_packets_and_takes_other_numbers() {
    let arguments =
        ["demo", "-v", "--size", "3000", "--loss", "0", "--corrupt", "0", "--seed", "7"];
    let printed = rushb(arguments).expect(0).printed();
    assert!(printed.contains("C [GET|CHK] 1 \"demo.txt\", sum ok"), "{printed}");
    assert!(printed.contains("S [DAT|CHK] 3 72 bytes, sum ok"), "{printed}");
    assert!(printed.contains("the copy is exact: 3000 bytes"), "{printed}");
}

#[test]
fn an_empty_file_can_be_demonstrated_too() {
    let printed = rushb(["demo", "--size", "0", "--loss", "0"]).expect(0).printed();
    assert!(printed.contains("the copy is exact: 0 bytes"), "{printed}");
}

#[test]
fn a_network_that_carries_nothing_fails_the_demo() {
    let ended = rushb(["demo", "--loss", "100"]).expect(3);
    assert!(ended.stderr.contains("no answer"), "{}", ended.stderr);
    assert!(!ended.printed().contains("exact"), "{}", ended.printed());
}

#[test]
fn a_demo_that_nobody_can_read_is_a_local_error() {
    let command = &mut Command::new("sh");
    command.args(["-c", "exec \"$0\" demo --size 3000 --loss 0 >/dev/full", RUSHB]);
    let ended = Process::start(command).wait().expect(7);
    assert!(ended.stderr.contains("cannot write"), "{}", ended.stderr);
}
