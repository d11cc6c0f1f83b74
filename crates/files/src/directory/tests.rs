//! What a directory gives, and what it does not.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn place() -> (TempDir, Directory) {
    let temporary = TempDir::new().unwrap();
    let root = temporary.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(temporary.path().join("secret"), "secret").unwrap();
    fs::write(root.join("a.txt"), "alpha").unwrap();
    fs::write(root.join("sub/b.txt"), "beta").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink("sub/b.txt", root.join("inside")).unwrap();
    symlink("../a.txt", root.join("sub/back")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), mode).unwrap();
    let directory = Directory::open(&root).unwrap();
    (temporary, directory)
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| &*entry.name).collect()
}

#[test]
fn files_below_are_found_and_nothing_else() {
    let (_temporary, directory) = place();
    for name in ["a.txt", "sub/b.txt", "./a.txt", "inside", "sub/back"] {
        assert_eq!(directory.stat(name).unwrap().kind, Kind::File, "{name}");
        assert!(directory.open(name).is_ok(), "{name}");
    }
    let outside = [
        "../secret",
        "sub/../../secret",
        "sub/../a.txt",
        "/etc/passwd",
        "/",
        "..",
        "out",
        "absolute",
        "up",
        "up/secret",
        "nul\0",
    ];
    for name in outside {
        for status in [
            directory.stat(name).unwrap_err().status,
            directory.open(name).err().unwrap().status,
            directory.list(name, "", 10).unwrap_err().status,
        ] {
            assert_eq!(status, Status::Refused, "{name}");
        }
    }
    for name in ["nothing", "a.txt/x", "a.txt/", "sub/nothing"] {
        assert_eq!(directory.stat(name).unwrap_err().status, Status::NotFound, "{name}");
        assert_eq!(directory.open(name).err().unwrap().status, Status::NotFound, "{name}");
    }
    for name in ["fifo", "loop"] {
        assert!(directory.stat(name).is_err() && directory.open(name).is_err(), "{name}");
    }
    for name in ["", ".", "sub"] {
        assert_eq!(directory.stat(name).unwrap().kind, Kind::Directory, "{name}");
    }
    assert_eq!(directory.list("a.txt", "", 10).unwrap_err().status, Status::WrongKind);
}

#[test]
fn what_cannot_be_had_is_not_listed() {
    let (_temporary, directory) = place();
    let listing = directory.list("", "", 100).unwrap();
    assert_eq!(names(&listing), ["a.txt", "inside", "sub"]);
    assert!(!listing.more);
    assert_eq!(listing.entries[0].metadata.size, 5);
    assert_eq!(listing.entries[2].metadata.kind, Kind::Directory);
    assert_eq!(names(&directory.list("sub/", "", 100).unwrap()), ["b.txt", "back"]);
}

#[test]
fn listings_go_on_behind_a_name_even_where_a_page_shows_nothing() {
    let (_temporary, directory) = place();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let listing = directory.list("", &after, 1).unwrap();
        assert!(listing.entries.len() <= 1);
        seen.extend(names(&listing).into_iter().map(str::to_owned));
        if !listing.more {
            break;
        }
        after = seen.last().unwrap().clone();
    }
    assert_eq!(seen, ["a.txt", "inside", "sub"]);
    assert!(directory.list("", "zzz", 1).unwrap().entries.is_empty());
}

#[test]
fn parts_are_read_and_times_are_told() {
    let (temporary, directory) = place();
    let time = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1_500);
    let file = File::options().write(true).open(temporary.path().join("root/a.txt")).unwrap();
    file.set_modified(time).unwrap();
    let mut content = directory.open("a.txt").unwrap();
    let metadata = content.metadata();
    assert_eq!(metadata, directory.stat("a.txt").unwrap());
    assert_eq!(metadata.modified, Modified { seconds: -2, nanos: 500_000_000 });
    let mut buffer = [0; 10];
    assert_eq!(content.read_at(&mut buffer, 2).unwrap(), 3);
    assert_eq!(&buffer[..3], b"pha");
    assert_eq!(content.read_at(&mut buffer, 5).unwrap(), 0);
}
