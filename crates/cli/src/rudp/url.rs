//! Where something is: `rudp://KEY@HOST:PORT/NAME`, of which only the host is needed.
//! Nothing is looked up, and nobody is trusted, here.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

use rudp::PublicKey;
use rudp_files::MAX_NAME;

/// The port where none is said.
pub(crate) const PORT: u16 = 7777;

/// Where servers listen if nothing is said: at that port of all addresses.
pub(crate) const USUAL: &str = "[::]:7777";

/// A server, perhaps its key, and a name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) key: Option<PublicKey>,
    /// Host and port, in the form in which known servers are kept.
    pub(crate) server: String,
    /// The name, as the server is asked for it; empty for none.
    pub(crate) name: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("rudp://").unwrap_or(text);
        if let Some((scheme, _)) = rest.split_once("://") {
            return Err(format!("{scheme}:// is not rudp://"));
        }
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (key, server) = match authority.rsplit_once('@') {
            Some((key, server)) => {
                let key = key.parse().map_err(|error| format!("before @: {error}"))?;
                (Some(key), server)
            }
            None => (None, authority),
        };
        Ok(Self { key, server: address(server)?, name: decode(name)? })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rudp://")?;
        if let Some(key) = self.key {
            write!(f, "{key}@")?;
        }
        write!(f, "{}/{}", self.server, encode(&self.name))
    }
}

impl Url {
    /// Whether the server is this machine, with which no network can interfere.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.server.rsplit_once(':').map_or("", |(host, _)| host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

/// HOST:PORT or HOST in one form: with a port, brackets around IPv6, in small letters.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let (host, port) = match text.rsplit_once(':') {
        // An address of IPv6 has colons of its own.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (host, port.ok_or("the port must be a number from 1 to 65535")?)
        }
        _ => (&*text, PORT),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() || bare.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("has no host: expected rudp://KEY@HOST:PORT/NAME".into());
    }
    if bare.contains(':') {
        bare.parse::<IpAddr>().map_err(|_| format!("{bare} is no address"))?;
        return Ok(format!("[{bare}]:{port}"));
    }
    Ok(format!("{bare}:{port}"))
}

/// Where to listen: ADDR:PORT, :PORT or PORT for all addresses.
pub(crate) fn listen(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port.parse().map_err(|_| "must be ADDR:PORT, :PORT or PORT")?;
    let host = if host.is_empty() { "[::]" } else { host };
    Ok(format!("{host}:{port}"))
}

/// HOST:PORT, both of which have to be said.
pub(crate) fn server(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').map_or("", |(_, port)| port);
    let has_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    // An address of IPv6 without brackets may end in digits as well.
    if !has_port || text.starts_with(':') || text.parse::<IpAddr>().is_ok() {
        return Err("must be HOST:PORT".into());
    }
    address(text)
}

/// A name with everything that URLs, shells and terminals would take for something else encoded
/// (RFC 3986, section 2.1).
pub(crate) fn encode(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(byte.into());
        } else {
            // Nothing can fail in writing to a string.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The name that a part of a URL stands for. What need not be encoded may be: spaces, letters of
/// every language, `?` and `#`, which mean nothing here.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend(before.as_bytes());
        let digits = behind.get(..2).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or("% must stand before two hex digits; % itself is %25")?);
        rest = &behind[2..];
    }
    bytes.extend(rest.as_bytes());
    if bytes.len() > MAX_NAME {
        let len = bytes.len();
        return Err(format!("a name has at most {MAX_NAME} bytes, and this one has {len}"));
    }
    String::from_utf8(bytes).map_err(|_| "the name is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PublicKey {
        PublicKey::from_bytes([7; 32])
    }

    #[test]
    fn what_people_write_is_understood() {
        let with_key = format!("rudp://{}@host:1/a%20b", key());
        let table = [
            (&*with_key, Some(key()), "host:1", "a b"),
            ("host:1/dir/file.txt", None, "host:1", "dir/file.txt"),
            ("rudp://Host/a b", None, "host:7777", "a b"),
            ("rudp://[::1]:5", None, "[::1]:5", ""),
            ("[::1]/x", None, "[::1]:7777", "x"),
            ("::1/x", None, "[::1]:7777", "x"),
            ("127.0.0.1:9/gr%C3%BC%C3%9Fe?#", None, "127.0.0.1:9", "grüße?#"),
            ("h/%25", None, "h:7777", "%"),
        ];
        for (text, key, server, name) in table {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.key, &*url.server, &*url.name), (key, server, name), "{text}");
            assert_eq!(url.to_string().parse(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let table = [
            ("", "host"),
            ("rudp:///x", "host"),
            ("host:x/a", "port"),
            ("host:0/a", "port"),
            ("host:70000/a", "port"),
            ("http://host/a", "http"),
            ("abc@host/a", "43 characters"),
            ("h/%", "hex"),
            ("h/%2", "hex"),
            ("h/%zz", "hex"),
            ("h/%+1", "hex"),
            ("h/%ff", "UTF-8"),
            ("[::g]:1/a", "address"),
            (&format!("h/{}", "a".repeat(MAX_NAME + 1)), "at most 4096 bytes"),
        ];
        for (text, part) in table {
            let error = text.parse::<Url>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_encoded_for_shells() {
        assert_eq!(encode("a b/ü;$(x)\n"), "a%20b/%C3%BC%3B%24%28x%29%0A");
    }

    #[test]
    fn this_machine_is_known() {
        for near in
            ["localhost", "LOCALHOST:1", "127.0.0.1:1", "127.9.9.9", "[::1]:2", "::ffff:127.0.0.1"]
        {
            assert!(near.parse::<Url>().unwrap().is_loopback(), "{near}");
        }
        for far in ["localhost.example", "128.0.0.1:1", "[2001:db8::1]:1", "0.0.0.0:1"] {
            assert!(!far.parse::<Url>().unwrap().is_loopback(), "{far}");
        }
    }

    #[test]
    fn where_to_listen_needs_a_port() {
        assert_eq!(listen("7777").unwrap(), "[::]:7777");
        assert_eq!(listen(":0").unwrap(), "[::]:0");
        assert_eq!(listen("127.0.0.1:1").unwrap(), "127.0.0.1:1");
        for wrong in ["", "host", "host:x", "host:"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_has_a_host_and_a_port() {
        assert_eq!(server("Host:1"), Ok("host:1".into()));
        assert_eq!(server("[::1]:9"), Ok("[::1]:9".into()));
        for wrong in ["", "host", ":1", "host:", "host:0", "host:65536", "::1", "[::1]", "a b:1"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
