//! A session whose first packets are lost: the server has sent all that one \[GET\] earns.
//! It still has to hear the answer to the last of them, and a repeated \[GET\] earns more.

use core::time::Duration;

use rudp_sim::{Fault, LinkConfig};
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Scene, Shop};

use crate::record::record;

#[test]
fn a_session_gets_over_three_losses_at_its_start() {
    let text = file(Alphabet::Bytes, 3 * 1_464);
    let link = LinkConfig::delay(Duration::from_millis(5));
    let mut scene = Scene::pair(1, Shop::new().with("x", text.clone()), "x", link);
    // 1 and 3 are [GET]; 2 and 4 are [DAT] 1, of which 6 arrives; 7 is its [DAT/ACK].
    scene.world.set_script([2, 4, 7].map(Fault::drop).to_vec());
    scene.run();
    assert_eq!(scene.got(0, &text), Got::Exact);
    record("hard start", &scene.world);
}
