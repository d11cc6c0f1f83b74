//! Files, directories and sockets of this machine that fail.
//! The network and the peer are well.

use std::fs;
use std::process::Command;

use crate::disk::SmallDisk;
use crate::support::{Place, Process, RUSHB, Server, content, get, names, rushb, skip};

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = Place::with("file", &content(5_000, 1));
    let server = Server::start(&place.served(), &[]);
    fs::write(place.here().join("regular"), "old").unwrap();
    for output in ["regular/below", "missing/file", "/proc/rushb-file", "/dev/full"] {
        let ended = get(&place.here(), &[&server.at("file"), "-o", output]).expect(7);
        let named = ended.stderr.contains(output) || output == "/dev/full";
        assert!(named, "{output}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = get(&place.here(), &[&server.at("file"), "-o", "/dev/full"]).expect(7);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert_eq!(place.names(), ["regular"]);
    assert_eq!(place.got("regular"), b"old");
}

#[test]
fn a_standard_output_that_nobody_reads_is_a_local_error() {
    let place = Place::with("file", &content(5_000, 1));
    let server = Server::start(&place.served(), &[]);
    let command = &mut Command::new("sh");
    command.args(["-c", "exec \"$0\" get \"$1\" -o - >/dev/full", RUSHB, &server.at("file")]);
    Process::start(command).wait().expect(7);
}

#[test]
fn a_standard_error_that_takes_nothing_does_not_stop_a_download() {
    let text = content(5_000, 1);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &[]);
    for option in ["--no-chk", "--verbose"] {
        let command = &mut Command::new("sh");
        let script = "exec \"$0\" get \"$1\" \"$2\" -o \"./$2\" 2>/dev/full";
        command.current_dir(place.here()).args(["-c", script, RUSHB, &server.at("file"), option]);
        Process::start(command).wait().expect(0);
        assert!(place.got(option) == text, "{option}: it differs");
    }
    assert_eq!(place.names(), ["--no-chk", "--verbose"], "nothing else is left");
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new();
    let server = Server::start(&place.served(), &[]);
    let address = server.address.to_string();
    for options in [&[][..], &["--classic"], &["--json"]] {
        let arguments = [&["serve", "--listen", &address], options].concat();
        let ended = rushb(arguments).expect(7);
        assert!(ended.stderr.contains(&address), "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "it never served");
    }
}

#[test]
fn a_directory_that_cannot_be_served_is_named() {
    let place = Place::with("file", b"text");
    for (name, why) in [("missing", "No such file"), ("file", "Not a directory")] {
        let path = place.served().join(name);
        let ended = rushb(["serve".as_ref(), path.as_os_str()]).expect(7);
        assert!(ended.stderr.contains(&*path.to_string_lossy()), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "it never served");
    }
}

#[test]
fn a_full_disk_is_a_local_error_and_leaves_nothing() {
    let place = Place::with("large", &content(200_000, 2));
    place.add("small", &content(2_000, 3));
    let server = Server::start(&place.served(), &[]);
    let Some(disk) = SmallDisk::mount(&place.here()) else {
        return skip("the full disk: this user may not mount one");
    };
    fs::write(disk.0.join("large"), "old").unwrap();
    let ended = get(&disk.0, &[&server.at("large")]).expect(7);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("large"), "{}", ended.stderr);
    assert_eq!(names(&disk.0), ["large"]);
    assert_eq!(place.got("large"), b"old");
    get(&disk.0, &[&server.at("small")]).expect(0);
}
