//! Parameters (docs/PROTOCOL.md, 5.4): what each end of a session takes, told in the handshake.
//! Which values to choose, and what follows from them, is decided elsewhere.

use crate::cursor::{Reader, Truncated, WriteError, Writer};

/// The parameters of one end (docs/PROTOCOL.md, 5.4.2). The default is what holds for a peer that
/// sends none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// After how many milliseconds of silence the session is over; 0: never.
    pub max_idle_timeout: u64,
    /// The largest UDP payload that is taken.
    pub max_datagram_size: u64,
    /// How many bytes are taken on all streams.
    pub initial_max_data: u64,
    /// How many bytes are taken on each stream.
    pub initial_max_stream_data: u64,
    /// How many bidirectional streams the peer may open, besides stream 0.
    pub initial_max_streams_bidi: u64,
    /// How many unidirectional streams the peer may open.
    pub initial_max_streams_uni: u64,
    /// How many bytes of reliable messages are taken.
    pub initial_max_message_data: u64,
    /// The largest message; 0: no messages are taken.
    pub max_message_size: u64,
    /// How long acknowledgements wait, in microseconds.
    pub max_ack_delay: u64,
    /// How soon an acknowledgement can be asked for, in microseconds.
    ///
    /// Where it does not come it is its default or `max_ack_delay`, whichever is less.
    pub min_ack_delay: u64,
    /// The reset token of the client's id (docs/PROTOCOL.md, 10.1).
    pub reset_token: Option<[u8; 16]>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            max_idle_timeout: 30_000,
            max_datagram_size: 1_200,
            initial_max_data: 0,
            initial_max_stream_data: 0,
            initial_max_streams_bidi: 0,
            initial_max_streams_uni: 0,
            initial_max_message_data: 0,
            max_message_size: 0,
            max_ack_delay: 25_000,
            min_ack_delay: MIN_ACK_DELAY,
            reset_token: None,
        }
    }
}

/// The default of `min_ack_delay` (docs/PROTOCOL.md, 5.4.2).
const MIN_ACK_DELAY: u64 = 1_000;
/// The id of `min_ack_delay` (docs/PROTOCOL.md, 5.4.2).
const ID_MIN_ACK_DELAY: u64 = 10;
/// The id of `reset_token` (docs/PROTOCOL.md, 5.4.2).
const ID_RESET_TOKEN: u64 = 11;

/// Why bytes are no parameters (docs/PROTOCOL.md, 5.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A parameter goes beyond the payload.
    #[error("a parameter goes beyond its payload")]
    Truncated,
    /// A known parameter comes twice.
    #[error("parameter {0} comes twice")]
    Duplicate(u64),
    /// A value does not parse.
    #[error("parameter {0} has no value that parses")]
    Value(u64),
    /// A value is out of its range.
    #[error("parameter {0} is out of its range")]
    Range(u64),
}

impl From<Truncated> for ParameterError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// A parameter that is a `varint`: a row of the table of 5.4.2.
struct Row {
    id: u64,
    name: &'static str,
    least: u64,
    most: u64,
    get: fn(&Parameters) -> u64,
    field: fn(&mut Parameters) -> &mut u64,
}

macro_rules! rows {
    ($($id:literal $name:ident $least:literal..=$most:expr;)*) => {
        [$(Row {
            id: $id,
            name: stringify!($name),
            least: $least,
            most: $most,
            get: |parameters| parameters.$name,
            field: |parameters| &mut parameters.$name,
        },)*]
    };
}

const ROWS: [Row; 10] = rows! {
    1 max_idle_timeout 0..=1 << 32;
    2 max_datagram_size 1_200..=65_535;
    3 initial_max_data 0..=u64::MAX;
    4 initial_max_stream_data 0..=u64::MAX;
    5 initial_max_streams_bidi 0..=1 << 60;
    6 initial_max_streams_uni 0..=1 << 60;
    7 initial_max_message_data 0..=u64::MAX;
    8 max_message_size 0..=1 << 24;
    9 max_ack_delay 0..=1 << 24;
    10 min_ack_delay 0..=u64::MAX;
};

impl Parameters {
    /// Reads parameters up to the end of `payload`. Unknown ones are ignored (docs/PROTOCOL.md,
    /// 5.4.2).
    pub fn parse(payload: &[u8]) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        let mut seen: u32 = 0;
        for parameter in Raw::all(payload) {
            let (id, value) = parameter?;
            if id == 0 || id > ID_RESET_TOKEN {
                continue;
            }
            if seen & (1 << id) != 0 {
                return Err(ParameterError::Duplicate(id));
            }
            seen |= 1 << id;
            if id == ID_RESET_TOKEN {
                let token = value.try_into().map_err(|_| ParameterError::Value(id))?;
                parameters.reset_token = Some(token);
            } else if let Some(row) = ROWS.iter().find(|row| row.id == id) {
                *(row.field)(&mut parameters) = number(id, value)?;
            }
        }
        if seen & (1 << ID_MIN_ACK_DELAY) == 0 {
            parameters.min_ack_delay = MIN_ACK_DELAY.min(parameters.max_ack_delay);
        }
        parameters.check()?;
        Ok(parameters)
    }

    /// That all values are in their ranges.
    pub fn check(&self) -> Result<(), ParameterError> {
        for row in &ROWS {
            if !(row.least..=row.most).contains(&(row.get)(self)) {
                return Err(ParameterError::Range(row.id));
            }
        }
        if self.min_ack_delay > self.max_ack_delay {
            return Err(ParameterError::Range(ID_MIN_ACK_DELAY));
        }
        Ok(())
    }

    /// Writes the parameters that are not what a peer takes for granted.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), WriteError> {
        self.check().map_err(|_| WriteError::Value)?;
        let implied =
            Self { min_ack_delay: MIN_ACK_DELAY.min(self.max_ack_delay), ..Self::default() };
        writer.whole(|writer| {
            for row in &ROWS {
                let value = (row.get)(self);
                if value != (row.get)(&implied) {
                    let mut buffer = [0; crate::varint::MAX_LEN];
                    let mut number = Writer::new(&mut buffer);
                    number.varint(value)?;
                    write_raw(row.id, number.written(), writer)?;
                }
            }
            match &self.reset_token {
                Some(token) => write_raw(ID_RESET_TOKEN, token, writer),
                None => Ok(()),
            }
        })
    }
}

/// A value that is one `varint` and nothing else.
fn number(id: u64, value: &[u8]) -> Result<u64, ParameterError> {
    let mut reader = Reader::new(value);
    match reader.varint() {
        Ok(number) if reader.is_empty() => Ok(number),
        _ => Err(ParameterError::Value(id)),
    }
}

/// The name of a parameter, if it is known.
pub fn name(id: u64) -> Option<&'static str> {
    match id {
        ID_RESET_TOKEN => Some("reset_token"),
        _ => ROWS.iter().find(|row| row.id == id).map(|row| row.name),
    }
}

/// Whether parameters with this id are never assigned, and may be sent with any value
/// (docs/PROTOCOL.md, 5.4.1).
pub const fn is_grease(id: u64) -> bool {
    id % 31 == 27
}

/// Writes a parameter of any id, such as one that is never assigned (docs/PROTOCOL.md, 5.4.1).
pub fn write_raw(id: u64, value: &[u8], writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.whole(|writer| {
        writer.varint(id)?;
        writer.counted(value)
    })
}

/// That `payload` is a list of parameters, whatever they are (docs/PROTOCOL.md, 5.1.3).
pub(crate) fn ignore(payload: &[u8]) -> Result<(), Truncated> {
    Raw::all(payload).try_for_each(|parameter| parameter.map(drop))
}

/// Ids and values as they come (docs/PROTOCOL.md, 5.4.1).
struct Raw<'a>(Reader<'a>);

impl<'a> Raw<'a> {
    fn all(payload: &'a [u8]) -> Self {
        Self(Reader::new(payload))
    }

    fn read(&mut self) -> Result<(u64, &'a [u8]), Truncated> {
        Ok((self.0.varint()?, self.0.counted()?))
    }
}

impl<'a> Iterator for Raw<'a> {
    type Item = Result<(u64, &'a [u8]), Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let parameter = self.read();
        if parameter.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(parameter)
    }
}
