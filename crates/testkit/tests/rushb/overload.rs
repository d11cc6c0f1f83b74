//! More \[GET\]s than the server can answer, nearly all of them forged.
//! Clients that exist get through all the same.

use core::time::Duration;

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::rushb::{Got, Raw, Scene, Shop, client_address};
use rushb::{ClientConfig, ServerConfig};

use crate::record::record;

const MS: Duration = Duration::from_millis(1);

#[test]
fn honest_clients_get_through_a_flood_of_forged_gets() {
    let text = file(Alphabet::Bytes, 3_000);
    let mut scene = Scene::new(1, Shop::new().with("x", text.clone()), ServerConfig::default());
    let get: Vec<u8> = Raw::get("x").into();
    // 8,000 a second, each from another address, far more than half of the budget allows.
    for millis in 0..4_000_u32 {
        for number in 0..8 {
            let forged = client_address(1_000_000 + 8 * millis + number);
            scene.world.inject(forged, scene.server, &get);
        }
        if millis > 1_000 && millis % 53 == 0 {
            scene.download("x", ClientConfig::default(), LinkConfig::delay(MS * 25));
        }
        scene.world.run_for(MS);
    }
    scene.run();
    let clients = scene.clients.len();
    let exact = (0..clients).filter(|client| scene.got(*client, &text) == Got::Exact).count();
    assert!(exact * 10 >= clients * 9, "{exact} of {clients}");
    record("forged flood", &scene.world);
}
