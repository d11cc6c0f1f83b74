//! A machine with its application behind one type, and the checks of the machine's law.
//! Addresses and timers of nodes are the world's.

use core::any::{Any, type_name};
use core::fmt;
use core::marker::PhantomData;
use core::ops::ControlFlow;
use core::task::Waker;

use rudp_base::{Application, Datagrams, Instant, Machine, Transmit};

/// More batches than this in one drain are taken for a loop; likewise events.
const MOST_PER_DRAIN: u32 = 1_000_000;

/// Names a node of a world, and knows its types.
pub struct NodeId<M, A> {
    index: u32,
    types: PhantomData<fn() -> (M, A)>,
}

impl<M, A> NodeId<M, A> {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, types: PhantomData }
    }

    /// The same node, without its types.
    pub fn any(self) -> AnyNode {
        AnyNode(self.index)
    }
}

impl<M, A> Clone for NodeId<M, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, A> Copy for NodeId<M, A> {}

impl<M, A> fmt::Debug for NodeId<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.index)
    }
}

/// Names a node of a world, whatever its types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnyNode(pub(crate) u32);

impl<M, A> From<NodeId<M, A>> for AnyNode {
    fn from(node: NodeId<M, A>) -> Self {
        node.any()
    }
}

impl AnyNode {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A [`Machine`] with its application, as the world sees it.
pub(crate) trait Node: Any {
    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>);
    fn handle_timeout(&mut self, now: Instant);
    fn drain(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        again: bool,
        send: &mut dyn FnMut(&Transmit, &mut [u8]) -> ControlFlow<()>,
    ) -> Drained;
    fn take_events(&mut self, now: Instant) -> u32;
    fn take_wakes(&mut self, wakes: &mut Vec<Waker>);
    fn poll_timeout(&mut self) -> Option<Instant>;
    fn name(&self) -> &'static str;
}

/// What came of a drain.
pub(crate) struct Drained {
    /// How many events there were.
    pub(crate) events: u32,
    /// Whether there is nothing left.
    pub(crate) complete: bool,
}

/// The only kind of [`Node`]. Its fields are for whoever knows the types.
pub(crate) struct Endpoint<M, A> {
    pub(crate) machine: M,
    pub(crate) application: A,
}

impl<M: Machine + 'static, A: Application<M> + 'static> Node for Endpoint<M, A> {
    fn handle(&mut self, now: Instant, datagrams: Datagrams<'_>) {
        self.machine.handle(now, datagrams);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    /// As `rudp_base::drain`, and checks the machine's half of the law on the way; with `again` by
    /// asking once more in the end.
    fn drain(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        again: bool,
        send: &mut dyn FnMut(&Transmit, &mut [u8]) -> ControlFlow<()>,
    ) -> Drained {
        let name = type_name::<M>();
        let (mut events, mut transmits) = (0, 0);
        loop {
            self.count_events(now, &mut events);
            let timeout = self.machine.poll_timeout();
            let Some(transmit) = self.machine.poll_transmit(now, buffer) else {
                self.check_nothing_changed(now, timeout);
                if again {
                    let transmit = self.machine.poll_transmit(now, buffer);
                    assert!(
                        transmit.is_none(),
                        "{name}: poll_transmit returned None and then {transmit:?}, at {now}"
                    );
                    self.check_nothing_changed(now, timeout);
                }
                return Drained { events, complete: true };
            };
            transmits += 1;
            assert!(
                transmits <= MOST_PER_DRAIN,
                "{name}: {transmits} transmits in one drain at {now}"
            );
            check_transmit(name, &transmit, buffer.len());
            if send(&transmit, &mut buffer[..transmit.len]).is_break() {
                return Drained { events, complete: false };
            }
        }
    }

    fn take_events(&mut self, now: Instant) -> u32 {
        let mut events = 0;
        self.count_events(now, &mut events);
        events
    }

    fn take_wakes(&mut self, wakes: &mut Vec<Waker>) {
        self.application.take_wakes(wakes);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn name(&self) -> &'static str {
        type_name::<M>()
    }
}

impl<M: Machine, A: Application<M>> Endpoint<M, A> {
    fn count_events(&mut self, now: Instant, events: &mut u32) {
        while let Some(event) = self.machine.poll_event() {
            *events += 1;
            assert!(
                *events <= MOST_PER_DRAIN,
                "{}: {events} events in one drain at {now}",
                type_name::<M>()
            );
            self.application.on_event(now, &mut self.machine, event);
        }
    }

    fn check_nothing_changed(&mut self, now: Instant, timeout: Option<Instant>) {
        let name = type_name::<M>();
        assert!(
            self.machine.poll_event().is_none(),
            "{name}: poll_transmit returned None and queued an event, at {now}"
        );
        let after = self.machine.poll_timeout();
        assert!(
            after == timeout,
            "{name}: poll_transmit returned None and moved the timeout from {timeout:?} to \
             {after:?}, at {now}"
        );
    }
}

fn check_transmit(name: &str, transmit: &Transmit, buffer: usize) {
    let Transmit { len, stride, .. } = *transmit;
    assert!(len <= buffer, "{name}: a transmit of {len} bytes in a buffer of {buffer}");
    assert!(
        stride <= len && (stride > 0 || len == 0),
        "{name}: a transmit of {len} bytes with a stride of {stride}"
    );
}
