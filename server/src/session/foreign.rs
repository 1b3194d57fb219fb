//! The answer to clients that speak another protocol. The connection ends with it: what follows
//! such a line must never be carried out.

use daytrade_protocol::{Code, ForeignProtocol};

/// The answer to HTTP: a person who opens the port in a browser reads why.
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\n\
    \r\n\
    This is the port of a daytrade server. It speaks a line protocol, not HTTP.\n\
    Use the program daytrade, or netcat and docs/PROTOCOL.md.\n";

/// The code under which STATS counts such a line.
pub(super) const CODE: Code = Code::UnknownCommand;

/// Returns the bytes to send before the connection ends. There are none for TLS: its client would
/// not understand them.
pub(super) const fn answer_to(protocol: ForeignProtocol) -> Option<&'static [u8]> {
    match protocol {
        ForeignProtocol::Http => Some(HTTP_ANSWER),
        ForeignProtocol::Tls => None,
    }
}
