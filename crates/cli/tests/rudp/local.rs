//! Files, directories and sockets of this machine that fail.
//! The network and the peer are well.

use std::fs;

use crate::disk::{SmallDisk, names, skip};
use crate::support::{Place, Process, text};

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    fs::write(place.here().join("regular"), "old").expect("it is written");
    for output in ["regular/below", "missing/file", "/proc/rudp-file", "/dev/full"] {
        let ended = place.run(&["get", &server.at("file"), "-o", output], 7);
        assert!(ended.stderr.contains(output), "{output}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = place.run(&["get", &server.at("file"), "-o", "/dev/full"], 7);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert_eq!(place.names(), ["regular"]);
    assert_eq!(place.got("regular"), b"old");
}

#[test]
fn a_standard_output_that_nobody_reads_is_a_local_error() {
    let place = Place::new().with("file", b"text");
    let server = place.serve();
    let full = || fs::File::options().write(true).open("/dev/full").expect("it is there");
    let mut command = place.command(&["get", &server.at("file"), "-o", "-"]);
    let status = command.stdout(full()).stderr(full()).status().expect("the program starts");
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_full_disk_is_a_local_error_and_leaves_nothing() {
    let place = Place::new().with_zeros("large", 200_000).with("small", b"text");
    let server = place.serve();
    let Some(disk) = SmallDisk::mount(&place.here()) else {
        return skip("the full disk: this user may not mount one");
    };
    fs::write(disk.0.join("large"), "old").expect("it is written");
    let ended = place.run(&["get", &server.at("large")], 7);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("large"), "{}", ended.stderr);
    assert_eq!(names(&disk.0), ["large"]);
    assert_eq!(place.got("large"), b"old");
    place.run(&["get", &server.at("small")], 0);
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let server = place.serve();
    let address = server.address().to_string();
    for arguments in [&["serve", "-l"][..], &["serve", "--json", "-l"], &["pipe", "-l"]] {
        let ended = place.run(&[arguments, &[&address]].concat(), 7);
        let said = ended.printed() + &ended.stderr;
        assert!(said.contains(&address), "{said}");
        assert_eq!(said.matches("in use").count(), 1, "the reason is said, once: {said}");
        assert!(!said.contains("rudp://"), "it never served: {said}");
    }
}

#[test]
fn a_directory_that_cannot_be_served_is_named() {
    let place = Place::new().with("file", b"text");
    for (name, why) in [("missing", "No such file"), ("file", "Not a directory")] {
        let path = place.served().join(name);
        let ended = place.run(&["serve", text(&path), "-l", "127.0.0.1:0"], 7);
        assert!(ended.stderr.contains(text(&path)), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        assert_eq!(ended.printed(), "", "it never served");
    }
}

#[test]
fn a_place_for_keys_that_cannot_be_written_is_named() {
    let place = Place::new().with("file", b"text");
    let mut command = place.command(&["key", "show"]);
    let ended = Process::start(command.env("XDG_STATE_HOME", "/dev/null")).wait().expect(7);
    assert!(ended.stderr.contains("/dev/null/rudp"), "{}", ended.stderr);
    let mut command = place.command(&["key", "show"]);
    let ended = Process::start(command.env_remove("XDG_STATE_HOME").env_remove("HOME")).wait();
    assert!(ended.expect(7).stderr.contains("HOME"));
}
