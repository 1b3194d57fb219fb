//! Short exchanges with a server: a few requests, then every line of its replies until it closes.
//! If the accounts are with another server, what was not carried out is sent there.
//!
//! It must never keep a connection open; the trading screen has a link of its own.

mod sent_lines;

use crate::exit::{Exit, Failure};
use crate::remote::{Follower, Server, Stream};
use anyhow::Context as _;
use daytrade_protocol::{
    Code, Detail, Push, Reply, ReplyBody, Request, ServerLine, SessionCommand,
};
use sent_lines::SentLines;
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
/// How long the accounts of a cluster are looked for when their server cannot be reached, and the
/// pause between two tries.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(15);
const TAKEOVER_PAUSE: Duration = Duration::from_millis(1_500);
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
    let mut unknown = Vec::new();
    let exchanged = follow(server, requests, &mut on_line, &mut unknown).await;
    if unknown.is_empty() {
        return exchanged;
    }
    let which = unknown.join("\n  ");
    let said =
        format!("the accounts have moved, and these lines may have been carried out:\n  {which}\n");
    Err(match exchanged {
        Ok(()) => Failure::link(anyhow::anyhow!(said.trim_end().to_owned())),
        Err(Failure { exit, error }) => Failure { exit, error: error.context(said) },
    })
}

/// Carries lines out at the server that has the accounts. Notes those of which it is not known
/// whether they were carried out.
async fn follow(
    server: &Server,
    requests: &[u8],
    on_line: &mut impl FnMut(&str) -> io::Result<()>,
    unknown: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut follower = Follower::new(server.clone());
    let mut lines = SentLines::new(requests);
    let begun = Instant::now();
    loop {
        let stream = match follower.server().connect().await {
            Ok((stream, _)) => stream,
            // The owner has died, and the others do not know yet who is next.
            Err(_) if begun.elapsed() < TAKEOVER_PATIENCE && follower.go_home() => {
                tokio::time::sleep(TAKEOVER_PAUSE).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(moved) = exchange_once(follower.server(), stream, &mut lines, on_line).await?
        else {
            break;
        };
        unknown.extend(lines.keep_moved(moved.in_order));
        if lines.is_empty() {
            break;
        }
        follower.follow(moved.address.as_deref()).map_err(|not_followed| {
            Failure::link(anyhow::Error::from(not_followed).context(not_carried_out(&lines)))
        })?;
    }
    Ok(())
}

fn not_carried_out(lines: &SentLines) -> String {
    match lines.unanswered() {
        1 => "one line was not carried out".to_owned(),
        lines => format!("{lines} lines were not carried out"),
    }
}

/// The accounts are with another server.
#[derive(Debug, Default)]
struct Moved {
    /// Its address, if it was named.
    address: Option<String>,
    /// True if the server has ended the connection in order.
    in_order: bool,
}

/// Sends lines and takes the replies until they are complete; until the connection ends, if the
/// accounts are elsewhere.
async fn exchange_once(
    server: &Server,
    stream: Stream,
    lines: &mut SentLines,
    on_line: &mut impl FnMut(&str) -> io::Result<()>,
) -> Result<Option<Moved>, Failure> {
    let address = &server.address.to_string();
    let lost = || format!("lost the connection to {address}");
    let (reader, mut writer) = tokio::io::split(stream);
    match send(&mut writer, &lines.bytes()).await {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(no_answer(address, lines.doubtful()));
        }
        sent => sent.with_context(lost).map_err(Failure::link)?,
    }
    let (mut reader, mut line, mut moved) = (BufReader::new(reader), Vec::new(), None);
    let mut heard = Instant::now();
    loop {
        match timeout(PATIENCE, read_some(&mut reader, &mut line)).await {
            Ok(Ok(Read::Line)) => {
                let text = clean(&String::from_utf8_lossy(&line));
                if take_line(address, &text, lines, &mut moved)? {
                    on_line(&text).map_err(output_failure)?;
                }
                let nothing_waits = lines.unanswered() == 0;
                if moved.as_ref().is_some_and(|moved: &Moved| moved.in_order || nothing_waits) {
                    return Ok(moved);
                }
                line.clear();
                heard = Instant::now();
            }
            Ok(Ok(Read::End) | Err(_)) if moved.is_some() => return Ok(moved),
            Ok(Ok(Read::End)) if lines.unanswered() == 0 && line.is_empty() => return Ok(None),
            Ok(Ok(Read::End)) => {
                let unanswered = lines.unanswered();
                let closed = format!("{address} closed the connection with {unanswered} lines");
                let doubt = if lines.doubtful() > 0 { MAY_HAVE } else { "" };
                return Err(Failure::link(anyhow::anyhow!("{closed} unanswered{doubt}")));
            }
            Ok(Ok(Read::Part)) | Err(_) => {}
            Ok(Err(error)) => return Err(error).with_context(lost).map_err(Failure::link),
        }
        // A quote or a dump may take its time, but a server that works answers a PING.
        if heard.elapsed() >= PATIENCE {
            if !answers(server).await {
                return Err(no_answer(address, lines.doubtful()));
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

/// Takes a line, which must be one of a daytrade server. Returns false for one that only says that
/// the accounts are elsewhere.
fn take_line(
    address: &str,
    text: &str,
    lines: &mut SentLines,
    moved: &mut Option<Moved>,
) -> Result<bool, Failure> {
    match ServerLine::parse(text.as_bytes()) {
        Ok(ServerLine::Reply(Reply { tag, body })) => {
            let to = match body {
                ReplyBody::Refused { code: Code::Moved, message } => Some(message),
                _ => None,
            };
            lines.take_reply(tag, to.is_some());
            let Some(to) = to else { return Ok(true) };
            moved.get_or_insert_default().address = Some(to.into());
        }
        Ok(ServerLine::Push(Push::Moved(to))) => {
            moved.get_or_insert_default().address = Some(to.into());
        }
        Ok(ServerLine::Push(Push::ByeMoved)) => moved.get_or_insert_default().in_order = true,
        Ok(ServerLine::Detail(..) | ServerLine::Push(_)) => return Ok(true),
        Err(_) => {
            let begin: String = text.chars().take(40).collect();
            let what = format!("{address} is not a daytrade server (it sent {begin:?})");
            return Err(Failure::link(anyhow::anyhow!(what)));
        }
    }
    Ok(false)
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
