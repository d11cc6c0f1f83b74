//! [`Shared`]: what all sessions with the same settings have in common, kept once for all of them.
//! What a setting means is said in `config`.

use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use crate::acks;
use crate::config::Config;
use crate::messages;
use crate::recovery::{self, GRANULARITY};
use crate::streams::{self, Shelf};

/// The settings of a session, and what its parts make of them.
#[derive(Debug)]
pub(crate) struct Shared {
    config: Config,
    pub(super) acks: Arc<acks::Config>,
    pub(super) streams: Arc<streams::Config>,
    pub(super) messages: Arc<messages::Config>,
    pub(super) recovery: Arc<recovery::Config>,
}

impl Deref for Shared {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl Shared {
    pub(crate) fn new(config: Config, shelf: &Arc<Shelf>) -> Self {
        let streams = streams::Config {
            max_window: config.max_session_window,
            max_stream_window: config.max_stream_window,
            send_buffer: config.send_buffer,
            stream_send_buffer: config.send_buffer,
            shelf: Arc::clone(shelf),
            ..streams::Config::new(config.parameters(None), config.max_session_window)
        };
        let messages = messages::Config {
            window: config.message_window,
            max_message_size: config.max_message_size,
            send_buffer: config.send_buffer,
            ..messages::Config::default()
        };
        let recovery = recovery::Config {
            min_probe_timeout: config.min_rto.max(GRANULARITY),
            max_probe_timeout: config.max_rto,
            max_probes: config.max_tries,
            ..recovery::Config::default()
        };
        let own = config.parameters(None);
        let acks = acks::Config {
            max_ack_delay: Duration::from_micros(own.max_ack_delay),
            min_ack_delay: Duration::from_micros(own.min_ack_delay),
            reads_marks: true,
        };
        Self {
            config,
            acks: acks.into(),
            streams: streams.into(),
            messages: messages.into(),
            recovery: recovery.into(),
        }
    }
}
