//! CHK and ENC, each and both: asked for in the \[GET\], granted in the first answer, kept to the end.
//! ENC cannot carry every file, and then the answer is \[FIN\].

use rudp_sim::LinkConfig;
use rudp_testkit::oracle::{Alphabet, file};
use rudp_testkit::peer::Hand;
use rudp_testkit::rushb::{Goods, Got, Raw, Scene, Shop, classic_client};
use rushb::wire::Options;
use rushb::{ClientConfig, Failure, Outcome, ServerConfig};

use crate::record::record;

const ALL: [u16; 4] = [0, Raw::CHK, Raw::ENC, Raw::CHK | Raw::ENC];

#[test]
fn a_server_grants_what_is_asked_for_and_keeps_to_it() {
    let text = file(Alphabet::Encodable, 2_000);
    for flags in ALL {
        let with = |raw: Raw| raw.with(flags);
        let shop = Shop::new().with("x", text.clone());
        let mut hand = Hand::client(shop, ServerConfig::classic());
        hand.ask(with(Raw::get("x")), with(Raw::dat(1, &text[..1_464])));
        hand.ask(with(Raw::dat_nak(2, 1)), with(Raw::dat(1, &text[..1_464])));
        hand.ask(with(Raw::dat_ack(3, 1)), with(Raw::dat(2, &text[1_464..])));
        hand.ask(with(Raw::dat_ack(4, 2)), with(Raw::fin(3)));
        hand.ask(with(Raw::fin_ack(5, 3)), with(Raw::fin_ack(4, 5)));
        hand.finish();
        record("server's options", &hand.world);
    }
}

#[test]
fn a_server_grants_options_with_a_fin_too() {
    for flags in ALL {
        let with = |raw: Raw| raw.with(flags);
        let mut hand = Hand::client(Shop::new(), ServerConfig::classic());
        hand.ask(with(Raw::get("x")), with(Raw::fin(1)));
        hand.ask(with(Raw::fin_ack(2, 1)), with(Raw::fin_ack(2, 2)));
        hand.finish();
        record("options with FIN", &hand.world);
    }
}

#[test]
fn a_client_takes_what_is_granted_and_keeps_to_it() {
    let text = file(Alphabet::Encodable, 2_000);
    for (asked, granted) in ALL.iter().flat_map(|asked| ALL.map(|granted| (*asked, granted))) {
        let with = |raw: Raw| raw.with(granted);
        let mut hand = Hand::server("x", classic_client(asked));
        hand.expect(Raw::get("x").with(asked));
        if granted & !asked != 0 {
            hand.ignored(with(Raw::dat(1, &text[..1_464])));
            hand.ignored(with(Raw::fin(1)));
            continue;
        }
        hand.ask(with(Raw::dat(1, &text[..1_464])), with(Raw::dat_ack(2, 1)));
        assert_eq!(hand.download().granted, Some(Raw::options(granted)));
        hand.ask(with(Raw::dat(2, &text[1_464..])), with(Raw::dat_ack(3, 2)));
        for other in ALL.into_iter().filter(|other| *other != granted) {
            hand.ignored(Raw::fin(3).with(other));
        }
        hand.ask(with(Raw::fin(3)), with(Raw::fin_ack(4, 3)));
        hand.ignored(with(Raw::fin_ack(4, 4)));
        assert_eq!(hand.download().got(&text), Got::Exact);
        assert!(hand.world.machine(hand.ours).is_done());
        record("client's options", &hand.world);
    }
}

/// A whole download of `goods` with `options`, between a server and a client of ours.
fn download(goods: Goods, options: Options) -> Scene {
    let mut shop = Shop::new();
    shop.put("x", goods);
    let mut scene = Scene::new(1, shop, ServerConfig::default());
    let config = ClientConfig { options, ..ClientConfig::default() };
    scene.download("x", config, LinkConfig::default());
    scene.run();
    scene
}

#[test]
fn both_sides_agree_on_all_options() {
    let text = file(Alphabet::Encodable, 10_000);
    for flags in ALL {
        let options = Raw::options(flags);
        let scene = download(Goods::new(text.clone()), options);
        assert_eq!(scene.got(0, &text), Got::Exact);
        assert_eq!(scene.client(0).granted, Some(options));
        record("agreement", &scene.world);
    }
}

#[test]
fn a_file_with_a_byte_over_248_is_refused_under_enc_only() {
    let text = file(Alphabet::Bytes, 10_000);
    for flags in ALL {
        let options = Raw::options(flags);
        let scene = download(Goods::new(text.clone()), options);
        let expected = if options.encoding { Got::Error(Failure::Refused) } else { Got::Exact };
        assert_eq!(scene.got(0, &text), expected);
        record("byte over 248", &scene.world);
    }
}

#[test]
fn a_byte_over_248_that_nobody_expected_ends_the_session() {
    let mut text = file(Alphabet::Encodable, 10_000);
    text[5_000] = 249;
    let scene = download(Goods::new(text.clone()).unchecked(), Raw::options(Raw::ENC));
    assert_eq!(scene.got(0, &text), Got::Error(Failure::NoAnswer));
    assert_eq!(scene.shop().outcomes(), [Outcome::Abandoned]);
    record("byte over 248 in mid-transfer", &scene.world);
}
