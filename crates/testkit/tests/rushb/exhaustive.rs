//! Every placement of up to three faults over the packets of a short session with CHK.
//! The client ends with the exact file, or with a clear error; never with wrong bytes.

use core::time::Duration;

use rudp_sim::{Action, Fault, LinkConfig};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Scene, Shop};

use crate::record::{combine, record_digest};

/// Faults hit packets up to this number. Ten make a session; the others are sent again.
const PACKETS: u64 = 14;

/// Past the timers of both sides.
const LATE: Duration = Duration::from_millis(1_500);

/// What can happen to a packet: CHK finds a flipped bit in the payload or in the sum itself.
fn actions() -> [Action; 7] {
    [
        Action::Drop,
        Action::Duplicate,
        Action::FlipBit(8 * 8),
        Action::FlipBit(8 * 777 + 3),
        Action::FlipBit(8 * 1_471 + 7),
        Action::FlipBit(8 * 5),
        Action::Delay(LATE),
    ]
}

#[derive(Default)]
struct Tally {
    text: Vec<u8>,
    exact: u64,
    errors: Vec<Vec<Fault>>,
    digest: u64,
}

impl Tally {
    fn play(&mut self, faults: &[Fault]) {
        let shop = Shop::new().with("x", self.text.clone());
        let link = LinkConfig::delay(Duration::from_millis(5));
        let mut scene = Scene::pair(0, shop, "x", link);
        scene.world.set_script(faults.to_vec());
        scene.run();
        match scene.got(0, &self.text) {
            Got::Exact => self.exact += 1,
            Got::Wrong => panic!("wrong bytes after {faults:?}"),
            Got::Error(_) => self.errors.push(faults.to_vec()),
        }
        self.digest = combine(self.digest, scene.world.digest());
    }
}

/// All placements whose first fault is `first`, alone and with one and two more behind it.
fn all_placements_after(name: &str, first: usize) {
    let mut tally = Tally { text: file(Alphabet::Bytes, 3 * 1_464), ..Tally::default() };
    let actions = actions();
    let faults = |nth| actions.iter().map(move |action| Fault::new(nth, action.clone()));
    for one in 1..=PACKETS {
        let mut script = vec![Fault::new(one, actions[first].clone())];
        tally.play(&script);
        for two in one + 1..=PACKETS {
            for second in faults(two) {
                script.push(second);
                tally.play(&script);
                for third in (two + 1..=PACKETS).flat_map(faults) {
                    script.push(third);
                    tally.play(&script);
                    script.pop();
                }
                script.pop();
            }
        }
    }
    println!("{name}: {} exact, {} errors", tally.exact, tally.errors.len());
    assert_eq!(tally.errors, Vec::<Vec<Fault>>::new(), "three faults are no reason to give up");
    record_digest(&format!("up to three faults, first {name}"), tally.digest);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_a_loss() {
    all_placements_after("loss", 0);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_a_copy() {
    all_placements_after("copy", 1);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_in_the_first_byte() {
    all_placements_after("first byte", 2);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_in_the_middle() {
    all_placements_after("middle", 3);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_in_the_last_byte() {
    all_placements_after("last byte", 4);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_in_the_checksum() {
    all_placements_after("checksum", 5);
}

#[test]
fn up_to_three_faults_of_which_the_first_is_a_delay() {
    all_placements_after("delay", 6);
}
