//! Downloads that go well: sizes, names, places and options.
//! What can go wrong is in the other modules.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::process::Command;
use std::thread;

use crate::support::{Place, Process, RUSHB, Server, content, get, sha256, skip};

#[test]
fn files_of_every_size_arrive_exactly() {
    let place = Place::new();
    let sizes = [0, 1, 2, 1463, 1464, 1465, 2927, 2928, 2929, 200_000];
    for size in sizes {
        place.add(&format!("{size}.bin"), &content(size, size as u64));
    }
    let server = Server::start(&place.served(), &[]);
    for size in sizes {
        let name = format!("{size}.bin");
        let ended = get(&place.here(), &[&server.at(&name)]).expect(0);
        assert!(ended.stdout.is_empty());
        assert!(ended.stderr.starts_with(&format!("{name}: {size} bytes in ")), "{}", ended.stderr);
        assert!(ended.stderr.trim_end().ends_with(", checked"), "{}", ended.stderr);
        assert!(place.got(&name) == content(size, size as u64), "{name} differs");
    }
    assert_eq!(place.names().len(), sizes.len(), "there is nothing else");
}

#[test]
fn names_may_have_directories_and_spaces_and_every_letter() {
    let place = Place::new();
    let names = ["sub/dir/deep.txt", "with some spaces", "grüße/日本語 🦀.txt", "-dash", "%41.txt"];
    for name in names {
        place.add(name, name.as_bytes());
    }
    let server = Server::start(&place.served(), &[]);
    for name in names {
        for options in [&[][..], &["--enc"]] {
            let at = server.at(name);
            let arguments = [&[&at[..], "-o", "-"], options].concat();
            let ended = get(&place.here(), &arguments).expect(0);
            assert_eq!(ended.printed(), name);
        }
    }
    get(&place.here(), &[&format!("rushb://{}", server.at("sub/./dir/deep.txt"))]).expect(0);
    assert_eq!(place.names(), ["deep.txt"], "its own name is the last part");
}

#[test]
fn the_output_is_a_file_or_a_directory_or_standard_output() {
    let text = content(3_000, 1);
    let place = Place::with("dir/file.txt", &text);
    let server = Server::start(&place.served(), &[]);
    let at = &server.at("dir/file.txt")[..];
    let to_stdout = get(&place.here(), &[at, "-o", "-"]).expect(0);
    assert!(to_stdout.stdout == text, "standard output has the file and nothing else");
    assert!(place.names().is_empty());

    get(&place.here(), &[at]).expect(0);
    get(&place.here(), &[at, "--output", "other"]).expect(0);
    fs::create_dir(place.here().join("into")).unwrap();
    get(&place.here(), &[at, "-o", "into"]).expect(0);
    for name in ["file.txt", "other", "into/file.txt"] {
        assert!(place.got(name) == text, "{name} differs");
    }
    assert_eq!(place.names(), ["file.txt", "into", "other"]);
}

#[test]
fn an_existing_file_is_replaced_and_a_link_to_it_stays() {
    let place = Place::with("file", b"new");
    let server = Server::start(&place.served(), &[]);
    fs::write(place.here().join("real"), "old").unwrap();
    symlink("real", place.here().join("link")).unwrap();
    get(&place.here(), &[&server.at("file"), "-o", "link"]).expect(0);
    assert_eq!(place.got("real"), b"new");
    assert!(place.here().join("link").is_symlink());
}

#[test]
fn what_is_no_regular_file_is_written_and_not_replaced() {
    let place = Place::with("file", &content(5_000, 2));
    let server = Server::start(&place.served(), &[]);
    get(&place.here(), &[&server.at("file"), "-o", "/dev/null"]).expect(0);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

    let fifo = place.here().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let path = fifo.clone();
    let reader = thread::spawn(move || {
        let mut read = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut read)).map(|_| read)
    });
    get(&place.here(), &[&server.at("file"), "-o", "fifo"]).expect(0);
    assert!(reader.join().unwrap().unwrap() == content(5_000, 2));
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    assert_eq!(place.names(), ["fifo"]);
}

#[test]
fn a_new_file_has_the_mode_that_the_umask_leaves() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &[]);
    for (umask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let script = format!("umask {umask}; exec \"$0\" get \"$1\" -o \"$2\"");
        let command = &mut Command::new("sh");
        command.current_dir(place.here()).args(["-c", &script, RUSHB, &server.at("file"), umask]);
        Process::start(command).wait().expect(0);
        let metadata = fs::metadata(place.here().join(umask)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "umask {umask}");
    }
}

#[test]
fn the_options_of_the_protocol_are_granted_and_reported() {
    let text = content(4_000, 3);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &[]);
    let table = [
        (&[][..], ", checked", "[DAT|CHK] 1 "),
        (&["--enc"], ", checked", "[DAT|CHK|ENC] 1 "),
        (&["--no-chk"], ", unchecked", "[DAT] 1 "),
        (&["--no-chk", "--enc"], ", unchecked", "[DAT|ENC] 1 "),
    ];
    for (options, end, packet) in table {
        let at = server.at("file");
        let ended = get(&place.here(), &[&[&at[..], "-v"], options].concat()).expect(0);
        assert!(ended.stderr.trim_end().ends_with(end), "{options:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(packet), "{options:?}: {}", ended.stderr);
        assert!(place.got("file") == text, "{options:?}");
    }
}

#[test]
fn the_ladder_is_that_of_the_simple_session() {
    let place = Place::with("one", b"text");
    place.add("two", &content(1_465, 4));
    let server = Server::start(&place.served(), &[]);
    let ladder = |name: &str| {
        let ended = get(&place.here(), &["--no-chk", "-v", &server.at(name)]).expect(0);
        let mut lines: Vec<_> = ended.stderr.lines().map(str::to_owned).collect();
        assert!(lines.pop().unwrap().starts_with(&format!("{name}: ")), "the summary is last");
        lines
    };
    let one = [
        "C [GET] 1 \"one\"",
        "S [DAT] 1 4 bytes",
        "C [DAT/ACK] 2 ack 1",
        "S [FIN] 2",
        "C [FIN/ACK] 3 ack 2",
        "S [FIN/ACK] 3 ack 3",
    ];
    assert_eq!(ladder("one"), one);
    let two = [
        "C [GET] 1 \"two\"",
        "S [DAT] 1 1464 bytes",
        "C [DAT/ACK] 2 ack 1",
        "S [DAT] 2 1 bytes",
        "C [DAT/ACK] 3 ack 2",
        "S [FIN] 3",
        "C [FIN/ACK] 4 ack 3",
        "S [FIN/ACK] 4 ack 4",
    ];
    assert_eq!(ladder("two"), two);
}

#[test]
fn quiet_says_nothing_when_all_goes_well() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &["--quiet"]);
    let ended = get(&place.here(), &["--quiet", &server.at("file")]).expect(0);
    assert_eq!((ended.stdout.len(), &ended.stderr[..]), (0, ""));
    let ended = get(&place.here(), &["--quiet", &server.at("missing")]).expect(4);
    assert!(ended.stderr.contains("missing"), "errors are printed: {}", ended.stderr);
    let log = server.interrupt().expect(0).stderr;
    assert!(!log.contains("delivered") && log.contains("missing"), "{log}");
}

#[test]
fn what_was_expected_is_compared_with_what_arrived() {
    let text = content(2_000, 5);
    let place = Place::with("file", &text);
    place.add("zeros", b"text\0\0");
    let server = Server::start(&place.served(), &[]);
    let (at, hash) = (&server.at("file")[..], &sha256(&text)[..]);
    let upper = &hash.to_uppercase()[..];
    for hash in [hash, upper] {
        get(&place.here(), &[at, "--expect-size", "2000", "--expect-sha256", hash]).expect(0);
    }
    fs::write(place.here().join("file"), "old").unwrap();
    let other = &sha256(b"another")[..];
    for (option, value) in
        [("--expect-size", "1999"), ("--expect-size", "2001"), ("--expect-sha256", other)]
    {
        let ended = get(&place.here(), &[at, option, value]).expect(6);
        let culprit = if option == "--expect-size" { value } else { hash };
        assert!(ended.stderr.contains(culprit), "{option} {value}: {}", ended.stderr);
        assert_eq!(place.got("file"), b"old");
    }
    let ended = get(&place.here(), &[&server.at("zeros"), "--expect-size", "6"]).expect(6);
    assert!(ended.stderr.contains("zero bytes"), "{}", ended.stderr);
    assert_eq!(place.names(), ["file"]);
    server.process.logged(|line| line.contains("WARN") && line.contains("ends in zero bytes"));
}

#[test]
fn a_file_that_enc_cannot_carry_is_refused_and_goes_without() {
    let mut bytes = content(100_000, 6);
    bytes[70_000] = 249;
    let place = Place::with("file", &bytes);
    let server = Server::start(&place.served(), &[]);
    for _ in 0..2 {
        get(&place.here(), &["--enc", &server.at("file")]).expect(4);
    }
    server.process.logged(|line| line.contains("refused") && line.contains("bytes over 248"));
    get(&place.here(), &[&server.at("file")]).expect(0);
    assert!(place.got("file") == bytes);
}

#[test]
fn works_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return skip("there is no IPv6 here");
    }
    let text = content(5_000, 7);
    let place = Place::with("file", &text);
    let server = Server::start(&place.served(), &["--listen", "[::1]:0"]);
    assert!(server.address.is_ipv6());
    get(&place.here(), &[&server.at("file")]).expect(0);
    assert!(place.got("file") == text);
}

#[test]
fn hosts_may_have_names() {
    let place = Place::with("file", b"text");
    let server = Server::start(&place.served(), &[]);
    let at = format!("localhost:{}/file", server.address.port());
    get(&place.here(), &[&at]).expect(0);
    assert_eq!(place.got("file"), b"text");
}

#[test]
fn a_file_that_changes_between_downloads_is_read_anew() {
    let place = Place::with("file", b"first");
    let server = Server::start(&place.served(), &[]);
    let fetch = || get(&place.here(), &[&server.at("file"), "-o", "-"]).expect(0).printed();
    assert_eq!(fetch(), "first");
    place.add("file", b"other");
    assert_eq!(fetch(), "other", "the same length, in the same file");
    File::options()
        .append(true)
        .open(place.served().join("file"))
        .unwrap()
        .write_all(b"!")
        .unwrap();
    assert_eq!(fetch(), "other!");
    fs::remove_file(place.served().join("file")).unwrap();
    place.add("file", b"new");
    assert_eq!(fetch(), "new");
}
