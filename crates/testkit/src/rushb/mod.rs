//! The scenario language of RUSHB: applications that serve and download from memory, packets
//! written without the code under test, and scenes of one server and many clients.

mod download;
mod raw;
mod scene;
mod shop;

pub use self::download::{Download, End, Got};
pub use self::raw::Raw;
pub use self::scene::{ClientId, Scene, classic_client, client_address, server_address};
pub use self::shop::{Goods, Shop};
