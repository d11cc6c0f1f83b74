//! Scenes with RUDP endpoints: programs that follow a plan, and the network between them.
//! What a scenario expects of them is written where it is tested.

mod actor;
mod beat;
mod bulk;
mod content;
mod scene;

pub use actor::{Actor, Got, Log, Plan, SentMessage, Written};
pub use beat::{Beat, Rhythm, quantile};
pub use bulk::Bulk;
pub use content::{End, fill, is_right, message, message_number};
pub use scene::{Ends, NodeOf, Scene, client_address, server_address};
