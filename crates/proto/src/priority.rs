//! [`Priority`]: what goes first when there is more to send than may leave. How parts of a session take
//! turns besides is the connection's.

/// Each so many turns the lowest class that waits has the first one, so that none waits for ever.
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

/// Counts turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns(u8);

impl Turns {
    /// The order of the classes in the next turn.
    pub(crate) fn next(&mut self) -> [Priority; 3] {
        self.0 = (self.0 + 1) % FAIR;
        let mut order = Priority::ALL;
        if self.0 == 0 {
            order.reverse();
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_turn_in_sixteen_begins_with_the_lowest() {
        let mut turns = Turns::default();
        let lowest = (0..160).filter(|_| turns.next()[0] == Priority::Background).count();
        assert_eq!(lowest, 10);
        assert_eq!(turns.next(), Priority::ALL);
    }
}
