//! `rudp sim`: what it says is the same each time, and what people asked for.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Place, objects};

/// The object that a simulation gives to programs.
fn simulate(place: &Place, options: &[&str]) -> Value {
    let ended = place.run(&[&["sim", "--json"], options].concat(), 0);
    assert_eq!(ended.stderr, "");
    let objects = objects(&ended.printed());
    let [object] = &objects[..] else { panic!("{objects:?}") };
    object.clone()
}

fn number(object: &Value, pointer: &str) -> f64 {
    let value = object.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in {object}"));
    value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

#[test]
fn the_same_command_and_seed_give_the_same_bytes() {
    let place = Place::new();
    // Everything that is random takes part.
    let network = "--rate 20mbit --rtt 30ms --loss 1% --burst 3 --jitter 4ms --reorder 1% \
                   --duplicate 1% --corrupt 1% --time 3s --vs cubic";
    let network: Vec<&str> = network.split_whitespace().collect();
    let run = |seed: &str, svg: &str| {
        let options = [&["sim"], &network[..], &["--seed", seed, "--svg", svg]].concat();
        place.run(&options, 0).printed()
    };
    let (first, again, other) = (run("7", "a.svg"), run("7", "b.svg"), run("8", "c.svg"));
    assert_eq!(first, again);
    assert_eq!(place.got("a.svg"), place.got("b.svg"));
    assert_ne!(first, other);
    assert_ne!(place.got("a.svg"), place.got("c.svg"));
    let objects =
        ["7", "7"].map(|seed| simulate(&place, &[&network[..], &["--seed", seed]].concat()));
    assert_eq!(objects[0], objects[1]);
}

#[test]
fn programs_are_told_all_that_is_documented() {
    let place = Place::new();
    let link = ["--rate", "10mbit", "--rtt", "40ms", "--loss", "1%", "--time", "10s"];
    let object = simulate(&place, &link);
    for (pointer, least, most) in [
        ("/seconds", 10.0, 10.0),
        ("/data/rate_bit_per_s", 1e7, 1e7),
        ("/back/delay_ms", 20.0, 20.0),
        ("/capacity_mbit_per_s", 9.3, 9.6),
        ("/goodput_mbit_per_s", 8.0, 9.6),
        ("/share", 0.85, 1.0),
        ("/rtt_ms/min", 40.0, 45.0),
        ("/rtt_ms/mean", 40.0, 80.0),
        ("/rtt_ms/p99", 40.0, 200.0),
        ("/queue_ms/mean", 0.0, 40.0),
        ("/queue_drops", 0.0, 500.0),
        ("/packets_sent", 5_000.0, 20_000.0),
        ("/packets_lost_by_chance", 50.0, 150.0),
        ("/packets_sent_again", 50.0, 800.0),
        ("/seconds_to_90_percent", 0.1, 5.0),
        ("/jain", 1.0, 1.0),
        ("/flows/0/part", 1.0, 1.0),
    ] {
        let value = number(&object, pointer);
        assert!((least..=most).contains(&value), "{pointer} is {value}");
    }
    assert_eq!(object["flows"][0]["congestion"], "bbr");
    assert_eq!((&object["profile"], &object["preset"]), (&"bulk".into(), &Value::Null));
}

#[test]
fn presets_say_what_they_stand_for_and_can_be_overridden() {
    let place = Place::new();
    for (preset, part) in [
        ("lan", "Gigabit"),
        ("dsl", "DSL"),
        ("lte", "mobile"),
        ("satellite", "satellite"),
        ("bad-wifi", "Wi-Fi"),
        ("bufferbloat", "two seconds of queue"),
    ] {
        let printed = place.run(&["sim", "--preset", preset, "--time", "500ms"], 0).printed();
        let first = printed.lines().next().expect("there are lines");
        assert!(first.contains(preset) && first.contains(part), "{printed}");
    }
    let options = ["--preset", "dsl", "--down-rate", "4mbit", "--time", "500ms"];
    let object = simulate(&place, &options);
    assert_eq!(object["preset"], "dsl");
    assert_eq!(
        (number(&object, "/data/rate_bit_per_s"), number(&object, "/data/mtu")),
        (4e6, 1492.0)
    );
    let object = simulate(&place, &[&options[..], &["--upload"]].concat());
    assert_eq!(object["back"]["rate_bit_per_s"], 4_000_000);
}

#[test]
fn so_many_bytes_arrive_and_then_it_is_over() {
    let place = Place::new();
    let object = simulate(&place, &["--bytes", "3MB", "--flows", "2", "--loss", "5%"]);
    for flow in 0..2 {
        assert_eq!(object["flows"][flow]["bytes"], 3_000_000);
    }
    let seconds = number(&object, "/seconds");
    assert!((0.5..20.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_rival_takes_its_part() {
    let place = Place::new();
    let options = ["--rate", "20mbit", "--rtt", "40ms", "--time", "20s", "--vs", "cubic"];
    let object = simulate(&place, &options);
    assert_eq!(object["flows"][1]["congestion"], "cubic");
    assert_eq!(
        (&object["flows"][0]["rival"], &object["flows"][1]["rival"]),
        (&false.into(), &true.into())
    );
    let parts = [0, 1].map(|flow| number(&object, &format!("/flows/{flow}/part")));
    assert!((parts[0] + parts[1] - 1.0).abs() < 1e-9, "{parts:?}");
    assert!(parts.iter().all(|part| *part > 0.05), "{parts:?}");
    let jain = number(&object, "/jain");
    assert!((0.5..=1.0).contains(&jain), "{jain}");
}

#[test]
fn flows_may_begin_one_after_the_other() {
    let place = Place::new();
    let options = ["--rate", "20mbit", "--rtt", "40ms", "--time", "8100ms", "--apart", "4s"];
    let object = simulate(&place, &[&options[..], &["--flows", "2", "--vs", "cubic"]].concat());
    for (flow, begins) in [0.0, 4.0, 8.0].into_iter().enumerate() {
        assert_eq!(object["flows"][flow]["begins_seconds"], begins);
    }
    let parts = [0, 1, 2].map(|flow| number(&object, &format!("/flows/{flow}/part")));
    assert!(parts[0] > 0.5 && parts[1] > 0.05 && (0.0..0.01).contains(&parts[2]), "{parts:?}");
    let bytes = number(&object, "/flows/2/bytes");
    let goodput = number(&object, "/flows/2/goodput_mbit_per_s");
    assert!(bytes > 0.0 && (bytes * 8e-6 / goodput - 0.1).abs() < 1e-6, "{bytes} {goodput}");
    // A flow of one's own is waited for, a rival is not.
    let ended = place.run(&["sim", "--bytes", "1MB", "--vs", "cubic", "--apart", "9s"], 2);
    assert!(ended.stderr.contains("before the flow of --vs begins"), "{}", ended.stderr);
    let object = simulate(&place, &["--bytes", "1MB", "--flows", "2", "--apart", "9s"]);
    assert_eq!(object["flows"][1]["bytes"], 1_000_000);
}

#[test]
fn a_network_that_carries_nothing_is_said_to() {
    let place = Place::new();
    let ended = place.run(&["sim", "--loss", "100%", "--time", "1m"], 3);
    assert!(ended.printed().contains("goodput       0 kbit/s"), "{}", ended.printed());
    assert!(ended.printed().contains("90 % of rate  never reached"), "{}", ended.printed());
    assert!(!ended.printed().contains("NaN"), "{}", ended.printed());
    assert!(ended.stderr.contains("the session was over after"), "{}", ended.stderr);
    let ended = place.run(&["sim", "--json", "--loss", "100%", "--time", "1m"], 3);
    let said = objects(&ended.printed());
    let object = &said[0];
    assert_eq!(object["seconds_to_90_percent"], Value::Null);
    for pointer in ["/share", "/capacity_mbit_per_s", "/goodput_mbit_per_s", "/flows/0/part"] {
        assert!(number(object, pointer).abs() < 1e-9, "{pointer}: {object}");
    }
}

#[test]
fn a_run_ends_when_everything_has_arrived() {
    let place = Place::new();
    // On a link as slow as this seconds pass from one look at how full it is to the next.
    let slow = ["--rate", "64kbit", "--rtt", "50ms", "--queue", "100packets", "--bytes"];
    let [short, long] = ["10kB", "11kB"]
        .map(|bytes| number(&simulate(&place, &[&slow[..], &[bytes]].concat()), "/seconds"));
    // 10 kB take 1.25 s, without headers, and the handshake some packets.
    assert!((1.25..2.3).contains(&short), "{short}");
    assert!((0.125..0.3).contains(&(long - short)), "{short} {long}");
}

#[test]
fn a_link_of_any_rate_is_looked_at_now_and_then_only() {
    let place = Place::new();
    // 100 of the smallest packets are through in 54 ns, and until nobody answers it takes 10 s.
    let fast = ["sim", "--rate", "1000gbit", "--rtt", "0ms", "--mtu", "68", "--time", "1m"];
    let ended = place.run(&fast, 3);
    assert!(ended.stderr.contains("the session was over after 10s"), "{}", ended.stderr);
}

#[test]
fn a_drawing_is_complete_or_not_there() {
    let place = Place::new();
    let ended = place.run(&["sim", "--time", "1s", "--svg", "missing/a.svg"], 7);
    assert_eq!(ended.printed(), "", "nothing is simulated in vain");
    assert!(!ended.stderr.contains(".part"), "{}", ended.stderr);
    let endless = ["sim", "--rate", "10gbit", "--time", "1440m", "--svg", "a.svg"];
    let process = place.start(&endless);
    process.printed(|line| line.starts_with("flows"));
    process.signal(Signal::INT);
    let ended = process.wait().expect(130);
    assert_eq!(ended.stderr, "");
    assert!(place.names().is_empty(), "{:?}", place.names());
    place.run(&["sim", "--time", "1s", "--svg", "a.svg"], 0);
    assert_eq!(place.names(), ["a.svg"]);
    let svg = String::from_utf8(place.got("a.svg")).expect("it is text");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("<polyline").count(), 5, "four panels, one of two lines");
    assert!(svg.len() < 60_000 && !svg.contains("NaN"), "{} bytes", svg.len());
}

#[test]
fn networks_that_make_no_sense_are_explained() {
    let place = Place::new();
    let table: [(&[&str], &str); 16] = [
        (&["--rate", "100"], "needs a unit"),
        (&["--rate", "0mbit"], "1kbit"),
        (&["--rtt", "50"], "needs a unit"),
        (&["--rtt", "2m"], "at most 1m"),
        (&["--loss", "101%"], "0 to 100"),
        (&["--loss=-1%"], "0 to 100"),
        (&["--queue", "1"], "1bdp"),
        (&["--queue", "0bdp"], "0.001bdp"),
        (&["--burst", "3"], "--loss"),
        (&["--preset", "carrier-pigeon"], "bad-wifi"),
        (&["--time", "1s", "--bytes", "1MB"], "--bytes"),
        (&["--flows", "0"], "1..=64"),
        (&["--flows", "3", "--apart", "10s"], "begin after 20s, when all is over"),
        (&["--vs", "reno"], "bbr, cubic, or a rate"),
        (&["--congestion", "1kbit"], "8kbit"),
        (&["--bytes", "5miles"], "unknown unit"),
    ];
    for (options, part) in table {
        let ended = place.run(&[&["sim"], options].concat(), 2);
        assert!(ended.stderr.contains(part), "{options:?}: {}", ended.stderr);
        assert_eq!(ended.printed(), "");
    }
}
