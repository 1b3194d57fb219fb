//! Short exchanges with a server: a few requests, then every line of its replies until it closes.
//!
//! It must never keep a connection open; the trading screen has a link of its own.

use crate::exit::{Exit, Failure};
use crate::remote::{Server, Stream};
use anyhow::Context as _;
use daytrade_protocol::{Body, Detail, Parsed, Request, ServerLine, SessionCommand, parse_line};
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::time::timeout;

/// Timeout of a connection attempt.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of the answer to a PING.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a reply may take before the server is asked whether it still answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// Maximum length of a line of a server, bytes. The longest lines hold a path or a quote's key.
pub(crate) const SERVER_LINE_BYTES_MAX: usize = 64 << 10;

/// Sends request lines, closes the sending side, and passes every line of the replies to `on_line`,
/// without control characters.
///
/// # Errors
/// A link failure, or an error of `on_line`. It is a link failure, too, if the server stops
/// answering, closes the connection before every line is answered, or speaks another protocol.
pub(crate) fn exchange(
    server: &Server,
    requests: &[u8],
    on_line: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Failure> {
    block_on(exchange_async(server, requests, on_line))
}

/// Runs a future to its end on this thread.
///
/// # Errors
/// A link failure, if the system refuses what that needs; those of the future.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::link)?.block_on(work)
}

/// As [`exchange`], within a runtime.
pub(crate) async fn exchange_async(
    server: &Server,
    requests: &[u8],
    mut on_line: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Failure> {
    let (stream, _) = server.connect().await?;
    let address = &server.address.to_string();
    let lost = || format!("lost the connection to {address}");
    let (reader, mut writer) = tokio::io::split(stream);
    let mut unanswered = replies_wanted(requests);
    // What only reads leaves no doubt.
    let doubtful = |unanswered: usize| if changes_something(requests) { unanswered } else { 0 };
    match send(&mut writer, requests).await {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(no_answer(address, doubtful(unanswered)));
        }
        sent => sent.with_context(lost).map_err(Failure::link)?,
    }
    let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
    let mut heard = Instant::now();
    loop {
        match timeout(PATIENCE, read_some(&mut reader, &mut line)).await {
            Ok(Ok(Read::Line)) => {
                let text = clean(&String::from_utf8_lossy(&line));
                unanswered = unanswered.saturating_sub(check_line(address, &text)?);
                on_line(&text).map_err(output_failure)?;
                line.clear();
                heard = Instant::now();
            }
            Ok(Ok(Read::End)) if unanswered == 0 && line.is_empty() => return Ok(()),
            Ok(Ok(Read::End)) => {
                let closed = format!("{address} closed the connection with {unanswered} lines");
                let doubt = if doubtful(unanswered) > 0 { MAY_HAVE } else { "" };
                return Err(Failure::link(anyhow::anyhow!("{closed} unanswered{doubt}")));
            }
            Ok(Ok(Read::Part)) | Err(_) => {}
            Ok(Err(error)) => return Err(error).with_context(lost).map_err(Failure::link),
        }
        // A quote or a dump may take its time, but a server that works answers a PING.
        if heard.elapsed() >= PATIENCE {
            if !answers(server).await {
                return Err(no_answer(address, doubtful(unanswered)));
            }
            heard = Instant::now();
        }
    }
}

/// Sends all bytes and closes the sending side.
///
/// # Errors
/// `TimedOut` if the server takes nothing.
async fn send(writer: &mut tokio::io::WriteHalf<Stream>, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = timeout(ANSWER_TIMEOUT, writer.write(rest)).await??;
        rest = &rest[written..];
    }
    timeout(ANSWER_TIMEOUT, writer.flush()).await??;
    timeout(ANSWER_TIMEOUT, writer.shutdown()).await?
}

/// Returns the failure of an output: none if its reader has seen enough.
fn output_failure(error: io::Error) -> Failure {
    let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Usage };
    Failure { exit, error: error.into() }
}

/// What a failure says about lines that were sent.
const MAY_HAVE: &str = "; they may have been carried out";

/// Returns the number of replies that these lines will get.
fn replies_wanted(requests: &[u8]) -> usize {
    let mut wanted = 0;
    for line in requests.split(|byte| *byte == b'\n') {
        match parse_line(line) {
            Parsed::Nothing => {}
            Parsed::Request(request) => {
                wanted += usize::from(!request.noreply);
                if matches!(request.body, Body::Session(SessionCommand::Quit {})) {
                    break;
                }
            }
            Parsed::Invalid(invalid) => wanted += usize::from(!invalid.noreply),
        }
    }
    wanted
}

/// Returns true if one of these lines is a command that does not only read.
fn changes_something(requests: &[u8]) -> bool {
    requests.split(|byte| *byte == b'\n').any(|line| match parse_line(line) {
        Parsed::Request(Request { body: Body::Command(command), .. }) => {
            !command.name().only_reads()
        }
        _ => false,
    })
}

/// Checks that a line is one of a daytrade server. Returns 1 if it ends a reply, otherwise 0.
fn check_line(address: &str, text: &str) -> Result<usize, Failure> {
    match ServerLine::parse(text.as_bytes()) {
        Ok(ServerLine::Reply(_)) => Ok(1),
        Ok(ServerLine::Detail(..) | ServerLine::Push(_)) => Ok(0),
        Err(_) => {
            let begin: String = text.chars().take(40).collect();
            let what = format!("{address} is not a daytrade server (it sent {begin:?})");
            Err(Failure::link(anyhow::anyhow!(what)))
        }
    }
}

/// Returns the failure of a server that does not answer, with this many lines unanswered.
pub(crate) fn no_answer(address: &str, unanswered: usize) -> Failure {
    let seconds = ANSWER_TIMEOUT.as_secs();
    let lines = match unanswered {
        0 => String::new(),
        1 => "; one line was sent and may have been carried out".to_owned(),
        more => format!("; {more} lines were sent{MAY_HAVE}"),
    };
    Failure::link(anyhow::anyhow!("no answer from {address} within {seconds} s{lines}"))
}

/// Returns true if the server answers a PING on another connection in time, which needs no login.
/// A server that is full or stopping answers, too: it says so.
pub(crate) async fn answers(server: &Server) -> bool {
    let ask = async {
        let mut stream = server.connect_only().await.ok()?;
        stream.write_all(b"PING\n").await.ok()?;
        stream.flush().await.ok()?;
        let mut line = Vec::new();
        while !line.contains(&b'\n') && line.len() < SERVER_LINE_BYTES_MAX {
            if stream.read_buf(&mut line).await.ok()? == 0 {
                return None;
            }
        }
        line.split(|byte| *byte == b'\n').next().map(is_answer)
    };
    timeout(ANSWER_TIMEOUT, ask).await.ok().flatten().unwrap_or(false)
}

/// Returns true for a reply of a daytrade server.
fn is_answer(line: &[u8]) -> bool {
    matches!(ServerLine::parse(line), Ok(ServerLine::Reply(_)))
}

/// What one read has brought.
enum Read {
    /// The rest of a line, without its end.
    Line,
    /// A part of a line.
    Part,
    /// The end of the connection.
    End,
}

/// Appends what has arrived, up to the end of a line.
///
/// # Errors
/// An error of the connection, a timeout among them, or one for an endless line.
async fn read_some(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<Read> {
    let arrived = reader.fill_buf().await?;
    if arrived.is_empty() {
        return Ok(Read::End);
    }
    let end = memchr::memchr(b'\n', arrived);
    let part = &arrived[..end.unwrap_or(arrived.len())];
    line.extend_from_slice(part);
    let taken = part.len() + usize::from(end.is_some());
    reader.consume(taken);
    if line.len() > SERVER_LINE_BYTES_MAX {
        return Err(io::Error::other("a line is longer than any of a daytrade server"));
    }
    Ok(if end.is_some() { Read::Line } else { Read::Part })
}

/// Returns the server's statistics by name; none if the login may not read them.
///
/// # Errors
/// A link failure.
pub(crate) fn stats(server: &Server) -> Result<BTreeMap<String, String>, Failure> {
    let request = Request::new(SessionCommand::Stats {});
    let mut line = Vec::new();
    request.write_to(&mut line);
    let mut values = BTreeMap::new();
    exchange(server, &line, |line| {
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
