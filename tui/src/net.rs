//! Short exchanges with a server: a few requests, then every line of its replies until it closes.
//!
//! It must never keep a connection open; the trading screen has a link of its own.

use crate::exit::Failure;
use anyhow::Context as _;
use daytrade_protocol::{Detail, Request, ServerLine, SessionCommand};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks that an address has the form `HOST:PORT`.
///
/// # Errors
/// A usage failure that names the address.
pub(crate) fn check_address(address: &str) -> Result<(), Failure> {
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
        _ => Err(Failure::usage(anyhow::anyhow!("{address:?} is not HOST:PORT"))),
    }
}

/// Connects to `HOST:PORT`.
///
/// # Errors
/// A usage failure if the address has another form; a link failure that names the address.
fn connect(address: &str) -> Result<TcpStream, Failure> {
    check_address(address)?;
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

/// Sends request lines, closes the sending side, and passes every line of the replies to `on_line`,
/// without control characters.
///
/// # Errors
/// A link failure, or an error of `on_line`.
pub(crate) fn exchange(
    address: &str,
    requests: &[u8],
    mut on_line: impl FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut stream = connect(address)?;
    let mut exchange = || -> std::io::Result<()> {
        stream.write_all(requests)?;
        stream.shutdown(Shutdown::Write)?;
        for line in BufReader::new(&stream).lines() {
            on_line(&clean(&line?))?;
        }
        Ok(())
    };
    exchange().with_context(|| format!("lost the connection to {address}")).map_err(Failure::link)
}

/// Returns the server's statistics by name.
///
/// # Errors
/// A link failure.
pub(crate) fn stats(address: &str) -> Result<BTreeMap<String, String>, Failure> {
    let request = Request::new(SessionCommand::Stats {});
    let mut line = Vec::new();
    request.write_to(&mut line);
    let mut values = BTreeMap::new();
    exchange(address, &line, |line| {
        if let Ok(ServerLine::Detail(_, Detail::Stat { name, value })) =
            ServerLine::parse(line.as_bytes())
        {
            values.insert(name.into(), value.into());
        }
        Ok(())
    })?;
    Ok(values)
}

/// Returns the text without control characters, which could change the state of a terminal.
pub(crate) fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect()
}
