//! Addresses of servers: `HOST:PORT` for plain lines, `tls://HOST[:PORT]` for TLS and a login.

use crate::exit::Failure;
use std::fmt;
use std::net::IpAddr;

/// Port of a server with TLS, unless another one is given.
const TLS_PORT: u16 = 4463;
const TLS_SCHEME: &str = "tls://";

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// Name or address of the machine.
    pub host: String,
    /// Port.
    pub port: u16,
    /// True if the server speaks TLS and wants a login.
    pub tls: bool,
}

impl ServerAddress {
    /// Parses an address.
    ///
    /// # Errors
    /// A usage failure that names it.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let (rest, tls) = match text.strip_prefix(TLS_SCHEME) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        // An IPv6 address has colons of its own and stands in brackets.
        let host_bytes = match rest.find(']').filter(|_| rest.starts_with('[')) {
            Some(at) => at + 1,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        let (host, after) = rest.split_at(host_bytes);
        let port = match after.strip_prefix(':') {
            Some(port) => port.parse().ok(),
            None => (tls && after.is_empty()).then_some(TLS_PORT),
        };
        match port {
            Some(port)
                if !matches!(host, "" | "[]") && host.starts_with('[') == host.ends_with(']') =>
            {
                Ok(Self { host: host.to_owned(), port, tls })
            }
            _ => {
                let form = if tls { "tls://HOST[:PORT]" } else { "HOST:PORT" };
                Err(Failure::usage(anyhow::anyhow!("{text:?} is not {form}")))
            }
        }
    }

    /// Returns true if the server is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns host and port, to connect to and to find the server by.
    pub(crate) fn host_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { TLS_SCHEME } else { "" };
        write!(f, "{scheme}{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_print_as_they_were() {
        let parse = |text: &str| ServerAddress::parse(text).map(|address| address.to_string());
        for text in ["127.0.0.1:4462", "tls://trade.example:4463", "tls://[::1]:9", "[::1]:4462"] {
            assert_eq!(parse(text).ok().as_deref(), Some(text));
        }
        assert_eq!(parse("tls://trade.example").ok().as_deref(), Some("tls://trade.example:4463"));
        assert_eq!(parse("tls://[::1]").ok().as_deref(), Some("tls://[::1]:4463"));
        let bad = ["", "host", ":1", "tls://", "tls://:1", "host:port", "host:70000", "tls://h:x"];
        for bad in bad.into_iter().chain(["tls://2001:db8::1:7", "[::1]", "tls://[::1]x", "[::1:1"])
        {
            assert!(ServerAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
