//! Short questions to a server: a few lines sent, everything it says until it closes.

use crate::exit::Failure;
use anyhow::Context as _;
use daytrade_protocol::{Detail, ServerLine};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to `HOST:PORT`.
///
/// # Errors
/// A link failure that names the address, or a usage failure where that is none.
pub fn connect(address: &str) -> Result<TcpStream, Failure> {
    if address
        .rsplit_once(':')
        .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
    {
        return Err(Failure::usage(anyhow::anyhow!("{address:?} is not HOST:PORT")));
    }
    let connect = || {
        let mut last = anyhow::anyhow!("no such host");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    };
    connect().with_context(|| format!("cannot connect to {address}")).map_err(Failure::link)
}

/// Sends lines, says that these are all, and hands over every line that comes back.
///
/// # Errors
/// A link failure, or what `take` says.
pub fn ask(
    address: &str,
    lines: &[String],
    mut take: impl FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut stream = connect(address)?;
    let mut talk = || -> std::io::Result<()> {
        let mut request = lines.join("\n");
        request.push('\n');
        stream.write_all(request.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        for line in BufReader::new(&stream).lines() {
            take(&clean(&line?))?;
        }
        Ok(())
    };
    talk().with_context(|| format!("lost {address}")).map_err(Failure::link)
}

/// What STATS says, by name.
///
/// # Errors
/// A link failure.
pub fn stats(address: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    ask(address, &["STATS".to_owned()], |line| {
        if let Ok(ServerLine::Detail(_, Detail::Stat { name, value })) =
            ServerLine::parse(line.as_bytes())
        {
            values.insert(name.into(), value.into());
        }
        Ok(())
    })?;
    Ok(values)
}

/// A server's text without control characters, which could do things to a terminal.
pub fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect()
}
