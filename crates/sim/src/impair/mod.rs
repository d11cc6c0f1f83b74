//! The impairments of a link that have a state or an algorithm of their own, one effect a file.
//! Their order, the trivial ones (partition, MTU, duplication) and the counting are the link's.

pub(crate) mod corrupt;
pub(crate) mod delay;
pub(crate) mod loss;
pub(crate) mod queue;
