//! One connection while it lasts: requests one way, lines the other way, and PINGs between them.

use super::pulse::{LOST, Pulse};
use super::{LinkRequest, aside, error_text};
use crate::app::{Health, Identity, LinkEvent};
use crate::net::{SERVER_LINE_BYTES_MAX, answers, clean};
use crate::remote::{Server, Stream};
use daytrade_protocol::{Body, Code, Reply, ReplyBody, Request, ServerLine, SessionCommand, Tag};
use std::collections::BTreeMap;
use std::io;
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

/// One connection.
pub(super) struct Exchange<'a> {
    reader: BufReader<ReadHalf<Stream>>,
    writer: WriteHalf<Stream>,
    server: &'a Server,
    /// Who has logged in, until the screen is told.
    identity: Option<Identity>,
    events: &'a UnboundedSender<LinkEvent>,
    pulse: Pulse,
    /// Times of writing each request, by its tag. Round trips are measured here, because nothing
    /// here waits for a frame.
    written: BTreeMap<u64, Instant>,
    is_up: bool,
    /// Requests under way on connections of their own; they end with this one.
    aside: JoinSet<()>,
    /// Asks the server on another connection, once it does not reply on this one.
    second: Option<JoinHandle<bool>>,
}

/// Why a connection ended: a cause for the trader, or None if nobody listens any more.
type Ended = Option<String>;

impl<'a> Exchange<'a> {
    /// Takes over an open connection.
    pub(super) fn new(
        stream: Stream,
        identity: Option<Identity>,
        server: &'a Server,
        events: &'a UnboundedSender<LinkEvent>,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: BufReader::new(reader),
            writer,
            server,
            identity,
            events,
            pulse: Pulse::new(Instant::now()),
            written: BTreeMap::new(),
            is_up: false,
            aside: JoinSet::new(),
            second: None,
        }
    }

    /// Returns true once the server has answered.
    pub(super) const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Carries requests and lines until the connection ends.
    pub(super) async fn run(&mut self, requests: &mut UnboundedReceiver<LinkRequest>) -> Ended {
        let mut line = Vec::new();
        loop {
            if let Some(ping) = self.pulse.due(Instant::now(), !self.written.is_empty()) {
                let mut bytes = Vec::new();
                ping.write_to(&mut bytes);
                if let Err(cause) = self.write(&bytes).await {
                    return Some(cause);
                }
            }
            let next = self.pulse.next(!self.written.is_empty());
            // What has arrived counts before the time that has passed.
            let ended = tokio::select! {
                biased;
                read = read_line(&mut self.reader, &mut line) => match read {
                    Ok(true) => {
                        let text = clean(&String::from_utf8_lossy(&line));
                        line.clear();
                        self.take_line(text)
                    }
                    Ok(false) => Err(Some("the server has closed the connection".to_owned())),
                    Err(error) => Err(Some(error_text(&error))),
                },
                request = requests.recv(), if self.is_up => match request {
                    Some(LinkRequest::Send(first)) => self.send(first, requests).await,
                    Some(LinkRequest::Reconnect) => Ok(()),
                    None => Err(None),
                },
                () = tokio::time::sleep_until(next) => self.on_time().await,
            };
            if let Err(ended) = ended {
                return ended;
            }
        }
    }

    /// Sends a request and those that follow it.
    async fn send(
        &mut self,
        first: Request,
        requests: &mut UnboundedReceiver<LinkRequest>,
    ) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            if matches!(request.body, Body::Session(SessionCommand::Report { .. })) {
                let (server, events) = (self.server.clone(), self.events.clone());
                while self.aside.try_join_next().is_some() {}
                self.aside.spawn(aside::ask(server, request, events));
                next = next_request(requests);
                continue;
            }
            self.written.extend(request.tag.map(|tag| (tag.get(), Instant::now())));
            request.write_to(&mut bytes);
            next = next_request(requests);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(&bytes).await.map_err(Some)
    }

    /// Writes, as long as a server that reads nothing allows.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let write = async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        };
        match timeout(LOST, write).await {
            Ok(written) => written.map_err(|error| error_text(&error)),
            Err(_) => Err(no_answer()),
        }
    }

    async fn on_time(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        if self.pulse.is_lost(now) {
            // It was begun seven seconds ago and takes at most three.
            let answers = match self.second.take() {
                Some(second) => second.await.unwrap_or(false),
                None => false,
            };
            if !answers {
                return Err(Some(no_answer()));
            }
            self.pulse.excuse(now);
            return self.emit(LinkEvent::Health(Health::Slow));
        }
        match self.pulse.on_time(now) {
            // Before the first answer, the screen shows that it is connecting.
            Some(health) if self.is_up => {
                if health == Health::NoReply {
                    self.ask_again();
                }
                self.emit(LinkEvent::Health(health))
            }
            _ => Ok(()),
        }
    }

    fn ask_again(&mut self) {
        let server = self.server.clone();
        self.second = Some(tokio::spawn(async move { answers(&server).await }));
    }

    fn take_line(&mut self, text: String) -> Result<(), Ended> {
        let line = ServerLine::parse(text.as_bytes());
        if let Ok(ServerLine::Reply(Reply { tag: Some(tag), .. })) = &line
            && self.pulse.take_reply(tag.get())
        {
            if !std::mem::replace(&mut self.is_up, true) {
                let identity = self.identity.take();
                self.emit(LinkEvent::Up(identity))?;
            }
            return self.emit(LinkEvent::Health(Health::Good));
        }
        match line {
            Ok(ServerLine::Reply(Reply {
                tag: None,
                body: ReplyBody::Refused { code: Code::Overloaded, message },
            })) if !self.is_up => Err(Some(message.to_string())),
            Ok(line) => {
                let took_us = reply_tag(&line)
                    .and_then(|tag| self.written.remove(&tag.get()))
                    .map(|since| since.elapsed().as_micros() as u64);
                self.emit(LinkEvent::Line { line, text, took_us })
            }
            // An unknown line of a newer server does not end the connection.
            Err(_) if self.is_up => Ok(()),
            Err(_) => {
                let begin: String = text.chars().take(40).collect();
                Err(Some(format!("not a daytrade server (it sent {begin:?})")))
            }
        }
    }

    fn emit(&self, event: LinkEvent) -> Result<(), Ended> {
        self.events.send(event).map_err(|_| None)
    }
}

/// Returns the next request that is there already.
fn next_request(requests: &mut UnboundedReceiver<LinkRequest>) -> Option<Request> {
    match requests.try_recv() {
        Ok(LinkRequest::Send(request)) => Some(request),
        _ => None,
    }
}

/// Appends the rest of a line, without its end, and returns true; false if the server has closed
/// the connection. May be dropped and called again with the same `line`.
///
/// # Errors
/// An error of the connection, or one for a line that is longer than any of a daytrade server.
pub(super) async fn read_line(
    reader: &mut BufReader<ReadHalf<Stream>>,
    line: &mut Vec<u8>,
) -> io::Result<bool> {
    let left = SERVER_LINE_BYTES_MAX.saturating_sub(line.len()) as u64;
    reader.take(left).read_until(b'\n', line).await?;
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        return Ok(true);
    }
    if line.len() >= SERVER_LINE_BYTES_MAX {
        return Err(io::Error::other("not a daytrade server (it sent an endless line)"));
    }
    Ok(false)
}

/// Returns the tag of a reply; None for any other line.
const fn reply_tag(line: &ServerLine) -> Option<Tag> {
    if let ServerLine::Reply(reply) = line { reply.tag } else { None }
}

fn no_answer() -> String {
    format!("no answer for {} s", LOST.as_secs())
}
