//! `rudp ls`: a directory of a server, page by page.
//! What a name is, is asked only if it is no directory.

use std::sync::mpsc;
use std::thread;

use rudp_files::{Client, Entry, Error, Kind, Metadata, Modified, SERVICE, Status};
use serde_json::json;

use super::args::LsArgs;
use super::connect::connect;
use super::explain;
use super::say::Say;
use super::settings::Profile;
use crate::exit::{Exit, Failure, OrExit};
use crate::print::shown;
use crate::signals;

pub(crate) fn run(args: &LsArgs, say: Say) -> Result<(), Failure> {
    let (sender, over) = mpsc::channel();
    let interrupted = Failure::message(Exit::Interrupted, "interrupted");
    signals::on_interrupt(sender.clone(), Err(interrupted))?;
    let theirs = args.clone();
    thread::Builder::new()
        .name("ls".into())
        .spawn(move || sender.send(list(&theirs, say)))
        .or_exit(Exit::Other, || "cannot start a thread".into())?;
    over.recv().unwrap_or_else(|_| Err(Failure::message(Exit::Other, "the thread is gone")))
}

fn list(args: &LsArgs, say: Say) -> Result<(), Failure> {
    let LsArgs { url, settings } = args;
    let builder = settings.client(Profile::Balanced)?;
    let client = Client::new(connect(url, SERVICE, builder, settings.plain, say)?);
    let failed = |error| explain::request(url, error);
    let mut after = String::new();
    loop {
        let page = match client.list(&url.name, &after) {
            Err(Error::Refused(refusal)) if refusal.status == Status::WrongKind => {
                let metadata = client.stat(&url.name).map_err(failed)?;
                let name = url.name.rsplit('/').next().unwrap_or_default().to_owned();
                return show(&Entry { name, metadata }, say);
            }
            page => page.map_err(failed)?,
        };
        for entry in &page.entries {
            show(entry, say)?;
        }
        match page.entries.last() {
            Some(last) if page.more => after.clone_from(&last.name),
            _ => break,
        }
    }
    client.session().abort(0, "that was all");
    Ok(())
}

fn show(entry: &Entry, say: Say) -> Result<(), Failure> {
    let Entry { name, metadata: Metadata { kind, size, modified } } = entry;
    let (size, kind, slash) = match kind {
        Kind::File => (Some(*size), "file", ""),
        Kind::Directory => (None, "directory", "/"),
    };
    let column = size.map_or("-".into(), |size| size.to_string());
    say.result(
        format!("{column:>14}  {}  {}{slash}", utc(*modified), shown(name, usize::MAX)),
        json!({"name": name, "kind": kind, "size": size, "modified": modified.seconds}),
    )
}

/// A time as people write it: 2024-02-29 13:05, in UTC.
fn utc(modified: Modified) -> String {
    let (day, second) = (modified.seconds.div_euclid(86_400), modified.seconds.rem_euclid(86_400));
    let (hour, minute) = (second / 3_600, second % 3_600 / 60);
    // The calendar repeats after 400 years of 146,097 days; years begin in March, so that the leap
    // day is the last one.
    let day = day.saturating_add(719_468);
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let table = [
            (0, "1970-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (951_868_800, "2000-03-01 00:00"),
            (1_709_211_900, "2024-02-29 13:05"),
            (4_107_542_399, "2100-02-28 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (-2_203_891_200, "1900-03-01 00:00"),
        ];
        for (seconds, text) in table {
            assert_eq!(utc(Modified { seconds, nanos: 0 }), text);
        }
        // Whatever a server says.
        for seconds in [i64::MIN, i64::MAX] {
            utc(Modified { seconds, nanos: 0 });
        }
    }
}
