//! Very many downloads from one server at the same time.
//! All of them must be exact; how fast they are is measured elsewhere.

use crate::raw::{CHK, Client, PAYLOAD};
use crate::support::{Place, Server, content, start_get, total};

#[test]
fn two_hundred_downloads_by_fifty_clients_at_a_time_are_exact() {
    let place = Place::new();
    let sizes = [0, 1, 1_464, 1_465, 10_000, 40_000, 100_000];
    for (number, size) in sizes.into_iter().enumerate() {
        place.add(&number.to_string(), &content(size, number as u64));
    }
    let server = Server::start(&place.served(), &[]);
    for wave in 0..4 {
        let clients: Vec<_> = (0..50)
            .map(|client| {
                let (name, copy) = (client % sizes.len(), format!("{wave}-{client}"));
                let at = server.at(&name.to_string());
                let options = [&[][..], &["--enc"], &["--no-chk"]][client % 3];
                let arguments = [&[&at[..], "-o", &copy], options].concat();
                (name, copy.clone(), start_get(&place.here(), &arguments))
            })
            .collect();
        for (name, copy, client) in clients {
            client.wait().expect(0);
            assert!(place.got(&copy) == content(sizes[name], name as u64), "{copy} differs");
        }
    }
    assert_eq!(place.names().len(), 200);
    let log = server.interrupt().expect(0).stderr;
    assert_eq!(total(&log, "delivered"), Some(200), "{log}");
    assert_eq!(total(&log, "failed"), Some(0), "{log}");
}

#[test]
fn five_hundred_sessions_at_the_same_time_are_exact() {
    let place = Place::new();
    let files: Vec<_> =
        (0..10).map(|number| content(PAYLOAD * 4 + number, number as u64)).collect();
    for (number, file) in files.iter().enumerate() {
        place.add(&number.to_string(), file);
    }
    // No packet is sent twice: each client compares every byte that comes.
    let server =
        Server::start(&place.served(), &["--rto", "60s", "--max-sessions-per-address", "500"]);
    let clients: Vec<_> =
        (0..500).map(|number| (Client::new(server.address), number % files.len())).collect();
    // So few at a time that no system's receive buffer is too small for them.
    for some in clients.chunks(50) {
        for (client, name) in some {
            client.ask(&name.to_string(), CHK);
        }
        for (client, _) in some {
            client.wait();
        }
    }
    for (client, name) in &clients {
        let fin = client.take(&files[*name], CHK);
        client.close(fin, CHK);
    }
    let log = server.interrupt().expect(0).stderr;
    assert_eq!(total(&log, "delivered"), Some(500), "{log}");
    assert_eq!(total(&log, "retransmissions"), Some(0), "{log}");
}
