//! `rudp key`: this user's key, new ones, and the servers that are believed.
//! The files are in `keys` and `known`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rudp::{Key, Secret};
use serde_json::json;

use super::args::KeyCommand;
use super::say::Say;
use super::{keys, known};
use crate::exit::{Exit, Failure, OrExit};
use crate::print::shown;

pub(crate) fn run(command: &KeyCommand, say: Say) -> Result<(), Failure> {
    match command {
        KeyCommand::Show { known: true, .. } => show_known(say),
        KeyCommand::Show { file, .. } => show(file.as_deref(), say),
        KeyCommand::New { file, secret } => new(file, *secret, say),
        KeyCommand::Trust { server, key } => {
            let path = keys::known_path()?;
            let before = known::look_up(&path, server)?;
            known::trust(&path, server, *key)?;
            say.summary(
                match before {
                    Some(before) if before != key.to_string() => {
                        format!("{server} is believed to have {key}, and not {before} any more")
                    }
                    _ => format!("{server} is believed to have {key}"),
                },
                json!({"server": server, "key": key.to_string()}),
            )
        }
        KeyCommand::Forget { server } => {
            if !known::forget(&keys::known_path()?, server)? {
                let message = format!("{server} is not known (`rudp key show --known`)");
                return Err(Failure::message(Exit::Refused, message));
            }
            say.summary(format!("{server} is forgotten"), json!({"forgotten": server}))
        }
    }
}

fn show(file: Option<&Path>, say: Say) -> Result<(), Failure> {
    let (key, path) = match file {
        Some(file) => (Key::load(file).or_exit(Exit::Local, keys::no_key)?, file.to_owned()),
        None => (keys::own()?, keys::own_path()?),
    };
    let (key, path) = (key.public_key().to_string(), path.display().to_string());
    let programs = json!({"key": key, "file": path});
    say.result(key, programs)
}

fn show_known(say: Say) -> Result<(), Failure> {
    for (server, key) in known::all(&keys::known_path()?)? {
        let line = shown(&format!("{server} {key}"), usize::MAX);
        say.result(line, json!({"server": server, "key": key}))?;
    }
    Ok(())
}

fn new(file: &Path, secret: bool, say: Say) -> Result<(), Failure> {
    let failed = || format!("cannot make {}", file.display());
    let (text, public) = if secret {
        (Secret::generate().or_exit(Exit::Other, failed)?.to_text(), None)
    } else {
        let key = Key::generate().or_exit(Exit::Other, failed)?;
        (key.to_text(), Some(key.public_key().to_string()))
    };
    // A key that is overwritten is lost for ever.
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    made.and_then(|mut made| {
        writeln!(made, "{text}")?;
        made.sync_all()
    })
    .or_exit(Exit::Local, failed)?;
    let programs = json!({"key": public, "file": file.display().to_string()});
    match public {
        Some(public) => say.result(public, programs),
        None => say.summary(format!("a new secret is in {}", file.display()), programs),
    }
}
