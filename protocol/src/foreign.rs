//! Recognizes the other protocols that reach the port by mistake or by malice. A web page can make
//! a browser send a request with any body to any port, and a line of its body may be a command.

use crate::wire::trim;

/// Methods of HTTP requests (RFC 9110 and RFC 5789).
const HTTP_METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
/// First bytes of an HTTP/2 connection (RFC 9113).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP";
/// A header that every HTTP/1.1 request has.
const HOST_HEADER: &[u8] = b"Host:";
/// First byte of a TLS handshake record (RFC 8446).
pub const TLS_HANDSHAKE: u8 = 0x16;

/// A protocol that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignProtocol {
    /// HTTP, any version.
    Http,
    /// TLS.
    Tls,
}

impl ForeignProtocol {
    /// Returns the protocol that a line belongs to, if it is one of these. No valid request begins
    /// like such a line.
    ///
    /// ```
    /// use daytrade_protocol::ForeignProtocol;
    ///
    /// assert_eq!(ForeignProtocol::of(b"GET / HTTP/1.1"), Some(ForeignProtocol::Http));
    /// assert_eq!(ForeignProtocol::of(b"GETS,alice"), None);
    /// ```
    pub fn of(line: &[u8]) -> Option<Self> {
        if line.first() == Some(&TLS_HANDSHAKE) {
            return Some(Self::Tls);
        }
        let line = trim(line);
        let is_method = |method: &&[u8]| {
            line.strip_prefix(*method).is_some_and(|rest| rest.first() == Some(&b' '))
        };
        let host = line.get(..HOST_HEADER.len());
        let is_http = HTTP_METHODS.iter().any(is_method)
            || line.starts_with(HTTP2_PREFACE)
            || host.is_some_and(|name| name.eq_ignore_ascii_case(HOST_HEADER));
        is_http.then_some(Self::Http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CommandName, Parsed, SessionName, parse_line};

    #[test]
    fn lines_of_http_and_tls_are_recognized() {
        let http = ["GET / HTTP/1.1", "POST /x HTTP/1.0\r", "PRI * HTTP/2.0", "host: a", " PUT x"];
        for line in http {
            assert_eq!(ForeignProtocol::of(line.as_bytes()), Some(ForeignProtocol::Http), "{line}");
        }
        assert_eq!(ForeignProtocol::of(b"\x16\x03\x01\x02"), Some(ForeignProtocol::Tls));
        for line in ["", "GET", "GETS,a", "get / HTTP/1.1", "[1] ADD,GET ,1", "Hosts:", "PRI"] {
            assert_eq!(ForeignProtocol::of(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn no_command_looks_like_another_protocol() {
        let names = CommandName::ALL.map(CommandName::as_str);
        for name in names.into_iter().chain(SessionName::ALL.map(SessionName::as_str)) {
            assert_eq!(ForeignProtocol::of(format!("{name},a").as_bytes()), None);
        }
        for line in ["GET / HTTP/1.1", "Host: x", "PRI * HTTP/2.0", "\u{16}ADD,a,1"] {
            assert!(matches!(parse_line(line.as_bytes()), Parsed::Invalid(_)), "{line}");
        }
    }
}
