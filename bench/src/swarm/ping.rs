//! [`Pinger`]: a client of an echo, which sends a numbered datagram and waits for it to come back.
//! Whoever is at the other end is not known here.

use rushb::wire::PACKET_LEN;

use super::machine::{Client, Heard};

/// Where the number stands.
const NUMBER_LEN: usize = 4;

/// What every datagram has but its number: as a packet of RUSHB that carries a text.
pub(super) fn payload() -> Vec<u8> {
    (b'!'..b'!' + 89).cycle().take(PACKET_LEN - NUMBER_LEN).collect()
}

/// A client of an echo.
#[derive(Default)]
pub(super) struct Pinger {
    /// Of the datagram it waits for.
    number: u32,
}

impl Client for Pinger {
    type Plan = Vec<u8>;

    fn hear(&mut self, plan: &Vec<u8>, datagram: &[u8]) -> Heard {
        let Some((number, payload)) = datagram.split_first_chunk::<NUMBER_LEN>() else {
            return Heard::Damaged;
        };
        if payload != plan {
            return Heard::Damaged;
        }
        if u32::from_be_bytes(*number) != self.number {
            return Heard::Nothing;
        }
        self.number = self.number.wrapping_add(1);
        Heard::Exchange
    }

    fn say(&self, plan: &Vec<u8>, datagram: &mut [u8; PACKET_LEN]) {
        datagram[..NUMBER_LEN].copy_from_slice(&self.number.to_be_bytes());
        datagram[NUMBER_LEN..].copy_from_slice(plan);
    }

    fn waits(&self, _plan: &Vec<u8>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_echo_counts_once() {
        let (mut pinger, plan, mut datagram) = (Pinger::default(), payload(), [0; PACKET_LEN]);
        pinger.say(&plan, &mut datagram);
        assert_eq!(pinger.hear(&plan, &datagram), Heard::Exchange);
        assert_eq!(pinger.hear(&plan, &datagram), Heard::Nothing);
        datagram[PACKET_LEN - 1] ^= 1;
        assert_eq!(pinger.hear(&plan, &datagram), Heard::Damaged);
    }
}
