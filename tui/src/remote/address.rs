//! Addresses of servers: `HOST:PORT` for plain lines, `tls://HOST[:PORT]` for TLS and a login.

use crate::exit::Failure;
use std::fmt;

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
        let parsed = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') || host.starts_with('[') => {
                port.parse().ok().map(|port| (host, port))
            }
            _ if tls => Some((rest, TLS_PORT)),
            _ => None,
        };
        match parsed {
            Some((host, port)) if !host.is_empty() => Ok(Self { host: host.to_owned(), port, tls }),
            _ => {
                let form = if tls { "tls://HOST[:PORT]" } else { "HOST:PORT" };
                Err(Failure::usage(anyhow::anyhow!("{text:?} is not {form}")))
            }
        }
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
        for bad in ["", "host", ":1", "tls://", "tls://:1", "host:port", "host:70000", "tls://h:x"]
        {
            assert!(ServerAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
