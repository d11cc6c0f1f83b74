//! [`Priority`]: what goes first when there is more to send than may leave, and [`Turns`], whose turn it
//! is. What waits in a class is its owner's business.

/// One in so many packets begins with the lowest class that waits, so that none waits for ever.
const FAIR: u8 = 16;

/// The class of a message or stream. A higher one goes first; within a class, and between messages and
/// streams of one, data take turns. One packet in 16 begins with what is lowest.
///
/// This is the sender's own choice, of which its peer learns nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before everything else: what is small and must not be late.
    Urgent,
    /// The usual one.
    #[default]
    Normal,
    /// When nothing else waits.
    Background,
}

impl Priority {
    /// From the first to the last.
    pub(crate) const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Background];
}

/// One value for each class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classes<T>([T; 3]);

impl<T> Classes<T> {
    pub(crate) const fn get(&self, priority: Priority) -> &T {
        let Self([urgent, normal, background]) = self;
        match priority {
            Priority::Urgent => urgent,
            Priority::Normal => normal,
            Priority::Background => background,
        }
    }

    pub(crate) const fn get_mut(&mut self, priority: Priority) -> &mut T {
        let Self([urgent, normal, background]) = self;
        match priority {
            Priority::Urgent => urgent,
            Priority::Normal => normal,
            Priority::Background => background,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

/// Whose turn it is in the next packet: of the classes, and of messages and streams within each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    /// Packets with data of any class, counted up to [`FAIR`].
    packets: u8,
    /// Messages had the last turn of a class in which streams waited as well.
    are_streams_next: Classes<bool>,
}

impl Turns {
    /// Whether the lowest class has the next turn.
    pub(crate) fn is_reversed(&self) -> bool {
        self.packets + 1 == FAIR
    }

    /// The order of the classes in the next packet.
    pub(crate) fn order(&self) -> [Priority; 3] {
        let mut order = Priority::ALL;
        if self.is_reversed() {
            order.reverse();
        }
        order
    }

    /// The packet had data of a class: a packet without takes no turn away.
    pub(crate) fn on_packet(&mut self) {
        self.packets = (self.packets + 1) % FAIR;
    }

    /// Whether streams go before messages of this class, which they do once.
    pub(crate) fn take_streams_first(&mut self, class: Priority) -> bool {
        core::mem::take(self.are_streams_next.get_mut(class))
    }

    /// Messages of this class went before its streams, and some of both wait.
    pub(crate) fn let_streams_go_next(&mut self, class: Priority) {
        *self.are_streams_next.get_mut(class) = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_in_sixteen_begins_with_the_lowest() {
        let mut turns = Turns::default();
        let lowest = (0..160).filter(|_| {
            assert_eq!(turns.order(), turns.order(), "looking takes no turn");
            let order = turns.order();
            turns.on_packet();
            order[0] == Priority::Background
        });
        assert_eq!(lowest.count(), 10);
        assert_eq!((turns.order(), turns.is_reversed()), (Priority::ALL, false));
    }

    #[test]
    fn streams_go_first_once_for_each_time_that_they_waited() {
        let mut turns = Turns::default();
        assert!(!turns.take_streams_first(Priority::Normal));
        turns.let_streams_go_next(Priority::Normal);
        assert!(!turns.take_streams_first(Priority::Urgent));
        assert!(turns.take_streams_first(Priority::Normal));
        assert!(!turns.take_streams_first(Priority::Normal));
    }
}
