//! What datagrams mean: which session they belong to, which handshake they continue, and what is
//! answered to those that belong nowhere. What happens in a session is the connection's.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use std::sync::Arc;

use rudp_base::{Ecn, Instant};
use rudp_wire::code::Code;
use rudp_wire::packet::{AckPacket, ConnectionId, DataPacket, Packet, Reset, Syn, SynInvariant};

use super::slot::{Slot, Stage};
use super::{Answer, Endpoint, EventKind, StrayReset};
use crate::config::ClientKeys;
use crate::connection::{Connection, Origin, Resources};
use crate::handshake::{self, Arrival, Begun, Opened};

impl Endpoint {
    /// Takes a datagram, and those of `rest` that are packets of the same session, and gives the next one.
    pub(super) fn on_datagram<'a>(
        &mut self,
        now: Instant,
        (remote, local, ecn): (SocketAddr, Option<IpAddr>, Option<Ecn>),
        datagram: &'a [u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Option<&'a [u8]> {
        let arrival = Arrival { remote, local, len: datagram.len() };
        match Packet::parse(datagram, self.cx.crypto.profile()) {
            Ok(Packet::Data(packet)) => return self.on_data(now, &arrival, ecn, &packet, rest),
            Ok(packet) => self.on_long(now, &arrival, ecn, &packet),
            Err(_) => {}
        }
        rest.next()
    }

    /// A packet with which sessions are set up or forgotten.
    fn on_long(&mut self, now: Instant, arrival: &Arrival, ecn: Option<Ecn>, packet: &Packet<'_>) {
        // Who sets up a session waits for it.
        self.patience.note(now, Duration::ZERO);
        match packet {
            Packet::Data(_) => {}
            Packet::Ack(ack) => self.on_ack(now, arrival, ecn, ack),
            Packet::Syn(syn) => self.on_syn(now, arrival, syn),
            Packet::ForeignSyn(syn) => self.on_foreign_syn(now, arrival, syn),
            Packet::Reset(reset) => self.on_reset(now, reset),
            Packet::SynAck(packet) => {
                let Some(index) = self.ids.session_of(packet.destination) else { return };
                let Some(slot) = self.slots.get_mut(index as usize) else { return };
                if let Stage::Asking(attempt, _) = &mut slot.stage {
                    let step = attempt.on_syn_ack(now, arrival, packet, &*self.cx.crypto);
                    self.on_step(now, index, step);
                }
            }
            Packet::Retry(retry) => {
                let Some(index) = self.ids.session_of(retry.destination) else { return };
                let Some(slot) = self.slots.get_mut(index as usize) else { return };
                if let Stage::Asking(attempt, _) = &mut slot.stage {
                    attempt.on_retry(arrival, retry);
                    self.touch(index);
                }
            }
            Packet::Version(packet) => {
                let Some(index) = self.ids.session_of(packet.destination) else { return };
                let Some(slot) = self.slots.get_mut(index as usize) else { return };
                if let Stage::Asking(attempt, _) = &mut slot.stage {
                    attempt.on_version(arrival, packet);
                    self.touch(index);
                }
            }
        }
    }

    /// Takes a data packet, and those of `rest` that follow it in the same session, and gives the datagram
    /// behind them: what comes in a batch is most often one session's.
    fn on_data<'a>(
        &mut self,
        now: Instant,
        arrival: &Arrival,
        ecn: Option<Ecn>,
        packet: &DataPacket<'_>,
        rest: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Option<&'a [u8]> {
        let id = packet.header.destination;
        let Some(index) = self.ids.session_of(id) else {
            self.on_unknown(now, arrival, id);
            return rest.next();
        };
        let call = |connection: &mut Connection, cx: &mut Resources| {
            connection.on_packet(now, cx, arrival, ecn, packet);
            for datagram in rest.by_ref() {
                match Packet::parse(datagram, cx.crypto.profile()) {
                    Ok(Packet::Data(packet)) if packet.header.destination == id => {
                        let arrival = Arrival { len: datagram.len(), ..*arrival };
                        connection.on_packet(now, cx, &arrival, ecn, &packet);
                    }
                    _ => return Some(datagram),
                }
            }
            None
        };
        let Some(next) = self.visit(index, call) else { return rest.next() };
        self.follow(index);
        self.touch(index);
        next
    }

    /// A session's packets may take another way since it got the last one.
    fn follow(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if let (Stage::Live(connection), Some(member)) = (&mut slot.stage, &mut slot.member)
            && let Some(turn) = self.flows.follow(index, member, connection, &mut self.cx.public)
        {
            self.pass(turn);
        }
    }

    /// Nobody here knows the id of a data packet, or of an ACK.
    fn on_unknown(&mut self, now: Instant, arrival: &Arrival, id: ConnectionId) {
        if self.pending.as_ref().is_some_and(|pending| pending.contains(id)) {
            return;
        }
        if let Some(reset) = self.resets.answer(now, arrival, id, &mut self.cx.public) {
            self.answer(arrival, &reset);
        }
    }

    fn answer(&mut self, arrival: &Arrival, datagram: &[u8]) {
        let Arrival { remote, local, .. } = *arrival;
        self.push_answer(Answer { remote, local, datagram: datagram.into() });
    }

    fn on_syn(&mut self, now: Instant, arrival: &Arrival, syn: &Syn<'_>) {
        let Some(pending) = &mut self.pending else { return };
        let ids = &self.ids;
        let in_use = |id| ids.contains(id);
        let ids = handshake::Ids { plan: self.plan, resets: &self.resets, in_use: &in_use };
        let Ok(answer) = pending.on_syn(now, arrival, syn, &ids, &mut self.cx.handshake()) else {
            return;
        };
        let datagram = answer.datagram.into();
        let Arrival { remote, local, .. } = *arrival;
        self.push_answer(Answer { remote, local, datagram });
    }

    fn on_foreign_syn(&mut self, now: Instant, arrival: &Arrival, syn: &SynInvariant) {
        if self.pending.is_none() {
            return;
        }
        let mut buffer = [0; 64];
        let len = self.versions.answer(now, syn, &mut self.cx.public, &mut buffer);
        if let Some(datagram) = len.and_then(|len| buffer.get(..len)) {
            self.answer(arrival, datagram);
        }
    }

    fn on_ack(&mut self, now: Instant, arrival: &Arrival, ecn: Option<Ecn>, ack: &AckPacket<'_>) {
        if self.ids.session_of(ack.destination).is_none() {
            let Some(pending) = &mut self.pending else {
                return self.on_unknown(now, arrival, ack.destination);
            };
            match pending.on_ack(now, arrival, ack) {
                Ok(begun) => self.begin(now, arrival, *begun),
                Err(handshake::Dropped::Unknown) => {
                    return self.on_unknown(now, arrival, ack.destination);
                }
                Err(_) => return,
            }
        }
        // 5.3.7: who has the session skips the ACK.
        if let Some(data) = &ack.data {
            self.on_data(now, arrival, ecn, data, &mut core::iter::empty());
        }
    }

    /// RESET is not steered (docs/PROTOCOL.md, 10.4): it may be for a session of another socket.
    fn on_reset(&mut self, now: Instant, reset: &Reset) {
        let has_siblings = self.config.shard.1 > 1;
        if !self.end_forgotten(now, reset) && has_siblings && self.stray_rate.admit(now) {
            self.strays.push_back(StrayReset(*reset));
        }
    }

    /// Ends the sessions whose peer says by this RESET that it has forgotten them, and says whether
    /// there are any.
    pub(super) fn end_forgotten(&mut self, now: Instant, reset: &Reset) -> bool {
        let mut is_known = false;
        let sessions: Vec<u32> = self.ids.sessions_with_peer(reset.id).collect();
        for index in sessions {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            if let Stage::Live(connection) = &mut slot.stage
                && connection.on_reset(now, reset)
            {
                is_known = true;
                self.touch(index);
            }
        }
        is_known
    }

    /// A client's session begins.
    pub(super) fn open(&mut self, now: Instant, index: u32, opened: Opened) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Stage::Asking(_, terms) = &slot.stage else { return };
        let theirs = opened.server_id;
        let (config, origin) = (Arc::clone(&terms.config), Origin::Opened(opened, terms.windows));
        let connection = Connection::new(now, &mut self.cx, origin, config);
        slot.member = Some(self.flows.join(&connection, &mut self.cx.public));
        slot.stage = Stage::Live(Box::new(connection));
        self.ids.insert_peer(theirs, index);
        self.event(index, EventKind::Connected);
        self.update_room();
    }

    /// A server's session begins.
    fn begin(&mut self, now: Instant, arrival: &Arrival, begun: Begun) {
        // Handshakes that were answered before there were too many sessions end here as well.
        let objection = self.refusal(begun.windows).or_else(|| {
            begun.objection(|key| match &self.config.client_keys {
                ClientKeys::Any | ClientKeys::Required => true,
                ClientKeys::Listed(keys) => keys.contains(key),
            })
        });
        let (own, theirs, service) = (begun.server_id, begun.client_id, begun.service.clone());
        let config = Arc::clone(&self.session);
        self.cx.memory.begin(begun.windows);
        let origin = Origin::Begun(begun, *arrival);
        let mut connection = Connection::new(now, &mut self.cx, origin, config);
        if let Some(code) = objection {
            connection.abort(now, code, "");
        }
        let member = self.flows.join(&connection, &mut self.cx.public);
        let mut slot = Slot::new(Stage::Live(Box::new(connection)), service);
        slot.member = Some(member);
        // Whom the server does not want, the program never sees.
        slot.is_released = objection.is_some();
        let handle = self.insert(slot);
        self.ids.insert(own, handle.index);
        self.ids.insert_peer(theirs, handle.index);
        if objection.is_none() {
            self.incoming.push_back(handle);
            self.event(handle.index, EventKind::Incoming);
        }
        self.touch(handle.index);
        self.update_room();
    }
}

/// A code of the program's own, as it is on the wire.
pub(super) fn program_code(code: u64) -> Code {
    // Those beyond what fits are cut: the program's types are narrower.
    Code::of_program(code).unwrap_or(Code(rudp_wire::varint::MAX))
}
