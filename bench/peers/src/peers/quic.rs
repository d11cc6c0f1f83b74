//! What both QUIC libraries need: a certificate, and a way to hand it to clients.

use anyhow::{Context as _, Result};

/// The name in the certificate.
pub(super) const NAME: &str = "localhost";

/// A certificate that signs itself, and its key, as PEM.
pub(super) fn certificate() -> Result<(String, String)> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// A text as one word.
pub(super) fn to_word(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The text in a word.
pub(super) fn from_word(word: &str) -> Result<String> {
    let byte = |at| u8::from_str_radix(word.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: Result<Vec<u8>, _> = (0..word.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes.context("no certificate")?).context("no certificate")
}
