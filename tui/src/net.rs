//! Short exchanges with a server: a few requests, then every line of its replies until it closes.
//!
//! It must never keep a connection open; the trading screen has a link of its own.

use crate::exit::Failure;
use anyhow::Context as _;
use daytrade_protocol::{Detail, Request, ServerLine, SessionCommand};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Timeout of a connection attempt.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of the answer to a PING.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a reply may take before the server is asked whether it still answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// Maximum length of a line of a server, bytes. The longest lines hold a path or a quote's key.
pub(crate) const SERVER_LINE_BYTES_MAX: usize = 64 << 10;

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
/// A link failure, also for a server that stops answering, or an error of `on_line`.
pub(crate) fn exchange(
    address: &str,
    requests: &[u8],
    mut on_line: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut stream = connect(address)?;
    let lost = || format!("lost the connection to {address}");
    let mut send = || -> io::Result<()> {
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(requests)?;
        stream.shutdown(Shutdown::Write)
    };
    match send() {
        Err(error) if is_timeout(&error) => return Err(no_answer(address)),
        sent => sent.with_context(lost).map_err(Failure::link)?,
    }
    let (mut reader, mut line) = (BufReader::new(&stream), Vec::new());
    loop {
        match read_line(&mut reader, &mut line) {
            Ok(true) => {
                on_line(&clean(&String::from_utf8_lossy(&line))).map_err(Failure::link)?;
                line.clear();
            }
            Ok(false) => return Ok(()),
            // A quote or a dump may take its time, but a server that works answers a PING.
            Err(error) if is_timeout(&error) => {
                if !answers(address) {
                    return Err(no_answer(address));
                }
            }
            Err(error) => return Err(error).with_context(lost).map_err(Failure::link),
        }
    }
}

/// Returns the failure of a server that does not answer.
pub(crate) fn no_answer(address: &str) -> Failure {
    let seconds = ANSWER_TIMEOUT.as_secs();
    Failure::link(anyhow::anyhow!("no answer from {address} within {seconds} s"))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Returns true if the server answers a PING on another connection in time. A server that is full
/// answers, too: it says so.
pub(crate) fn answers(address: &str) -> bool {
    let ask = || -> anyhow::Result<bool> {
        let mut stream = connect(address).map_err(|failure| failure.error)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(b"PING\n")?;
        let mut line = Vec::new();
        Ok(read_line(&mut BufReader::new(&stream), &mut line)?)
    };
    ask().unwrap_or(false)
}

/// Appends the rest of a line, without its end, and returns true; false if the server has closed
/// the connection and `line` is empty. May be called again with the same `line` after a timeout.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let left = SERVER_LINE_BYTES_MAX.saturating_sub(line.len()) as u64;
    reader.take(left).read_until(b'\n', line)?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        return Ok(true);
    }
    if line.len() >= SERVER_LINE_BYTES_MAX {
        return Err(io::Error::other("a line is longer than any of a daytrade server"));
    }
    Ok(!line.is_empty())
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
