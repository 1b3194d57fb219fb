//! One connection while it lasts: requests one way, lines the other way, and PINGs between them.

use super::pulse::{LOST, Pulse};
use super::written::{TurnedAway, Written};
use super::{LinkRequest, aside, error_text};
use crate::app::{Health, Identity, LinkEvent};
use crate::net::{SERVER_LINE_BYTES_MAX, answers, clean};
use crate::remote::{Server, Stream};
use daytrade_protocol::{
    Body, Code, Push, Refusal, Reply, ReplyBody, Request, ServerLine, SessionCommand, Tag,
};
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
    written: Written,
    /// What the server that had the accounts before has not carried out; first of all requests.
    again: Vec<Request>,
    moved: Moved,
    is_up: bool,
    /// Requests under way on connections of their own; they end with this one.
    aside: JoinSet<()>,
    /// Asks the server on another connection, once it does not reply on this one.
    second: Option<JoinHandle<bool>>,
}

/// What the server has said about the accounts being elsewhere.
#[derive(Debug, Default)]
struct Moved {
    told: bool,
    /// The address that was named last.
    address: Option<String>,
    /// True once the server has said that it ends the connection.
    in_order: bool,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody listens any more.
    Unheard,
    /// It is lost; a cause for the trader.
    Lost(String),
    /// No server of the cluster has the accounts; a cause for the trader.
    NoOwner(String),
    /// The accounts are with another server.
    Moved,
}

impl<'a> Exchange<'a> {
    /// Takes over an open connection.
    pub(super) fn new(
        stream: Stream,
        identity: Option<Identity>,
        server: &'a Server,
        events: &'a UnboundedSender<LinkEvent>,
        again: Vec<Request>,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: BufReader::new(reader),
            writer,
            server,
            identity,
            events,
            pulse: Pulse::new(Instant::now()),
            written: Written::default(),
            again,
            moved: Moved::default(),
            is_up: false,
            aside: JoinSet::new(),
            second: None,
        }
    }

    /// Returns true once the server has answered.
    pub(super) const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Returns the address of the server that has the accounts, if it was named, and the requests
    /// that were not carried out here.
    pub(super) fn into_moved(self) -> (Option<String>, Vec<TurnedAway>) {
        let mut turned_away = self.written.into_turned_away(self.moved.in_order);
        // Nothing was written before the server had answered a PING.
        let unsent = self.again.into_iter();
        turned_away.extend(unsent.map(|request| TurnedAway { request, reply: None }));
        (self.moved.address, turned_away)
    }

    /// Carries requests and lines until the connection ends.
    pub(super) async fn run(&mut self, requests: &mut UnboundedReceiver<LinkRequest>) -> Ended {
        match self.carry(requests).await {
            Ended::Lost(_) if self.moved.told => Ended::Moved,
            ended => ended,
        }
    }

    async fn carry(&mut self, requests: &mut UnboundedReceiver<LinkRequest>) -> Ended {
        let mut line = Vec::new();
        loop {
            if self.is_up && !self.again.is_empty() {
                let again = std::mem::take(&mut self.again);
                if let Err(ended) = self.send(again.into_iter()).await {
                    return ended;
                }
            }
            if let Some(ping) = self.pulse.due(Instant::now(), !self.written.is_empty()) {
                let mut bytes = Vec::new();
                ping.write_to(&mut bytes);
                if let Err(cause) = self.write(&bytes).await {
                    return Ended::Lost(cause);
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
                    Ok(false) => {
                        let eof = io::ErrorKind::UnexpectedEof.into();
                        Err(Ended::Lost(error_text(&eof)))
                    }
                    Err(error) => Err(Ended::Lost(error_text(&error))),
                },
                request = requests.recv(), if self.is_up => match request {
                    Some(LinkRequest::Send(first)) => {
                        let more = std::iter::from_fn(|| next_request(requests));
                        self.send(std::iter::once(first).chain(more)).await
                    }
                    Some(LinkRequest::Reconnect) => Ok(()),
                    None => Err(Ended::Unheard),
                },
                () = tokio::time::sleep_until(next) => self.on_time().await,
            };
            if let Err(ended) = ended {
                return ended;
            }
        }
    }

    /// Sends requests.
    async fn send(&mut self, requests: impl Iterator<Item = Request>) -> Result<(), Ended> {
        let mut bytes = Vec::new();
        for request in requests {
            if matches!(request.body, Body::Session(SessionCommand::Report { .. })) {
                let (server, events) = (self.server.clone(), self.events.clone());
                while self.aside.try_join_next().is_some() {}
                self.aside.spawn(aside::ask(server, request, events));
                continue;
            }
            request.write_to(&mut bytes);
            self.written.push(request);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.write(&bytes).await.map_err(Ended::Lost)
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
                return Err(Ended::Lost(no_answer()));
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
            })) if !self.is_up => Err(Ended::Lost(message.to_string())),
            Ok(ServerLine::Reply(reply)) => self.take_reply(reply, text),
            Ok(line) => {
                if let ServerLine::Push(Push::Moved(address)) = &line {
                    (self.moved.told, self.moved.address) = (true, Some(address.to_string()));
                }
                if matches!(line, ServerLine::Push(Push::ByeMoved)) {
                    (self.moved.told, self.moved.in_order) = (true, true);
                }
                self.emit(LinkEvent::Line { line, text, took_us: None })?;
                self.leave_if_moved()
            }
            // An unknown line of a newer server does not end the connection.
            Err(_) if self.is_up => Ok(()),
            Err(_) => {
                let begin: String = text.chars().take(40).collect();
                Err(Ended::Lost(format!("not a daytrade server (it sent {begin:?})")))
            }
        }
    }

    fn take_reply(&mut self, reply: Reply, text: String) -> Result<(), Ended> {
        let tag = reply.tag.map_or(0, Tag::get);
        match (&reply.body, self.written.find(tag)) {
            (ReplyBody::Refused { code: Code::Moved, message }, _) => {
                (self.moved.told, self.moved.address) = (true, Some(message.to_string()));
                self.written.turn_away(tag, ServerLine::Reply(reply), text);
                return self.leave_if_moved();
            }
            // As a reply that was lost: the account says later what became of the request.
            (ReplyBody::Refused { code: Code::Unknown, .. }, Some(_)) => {
                self.written.take_reply(tag);
                return self.leave_if_moved();
            }
            // A screen that hears of no changes must not look as if it did.
            (ReplyBody::Refused { code: Code::ReadOnly, message }, Some(request))
                if is_subscribe(request) && **message == *Refusal::NoOwner.to_string() =>
            {
                return Err(Ended::NoOwner(format!("{}: {message}", self.server.address)));
            }
            _ => {}
        }
        let took_us = self.written.take_reply(tag).map(|took| took.as_micros() as u64);
        self.emit(LinkEvent::Line { line: ServerLine::Reply(reply), text, took_us })?;
        self.leave_if_moved()
    }

    /// Ends the connection once the accounts are elsewhere and nothing waits for an answer here.
    fn leave_if_moved(&self) -> Result<(), Ended> {
        let leaves = self.moved.in_order || self.moved.told && self.written.is_empty();
        if leaves { Err(Ended::Moved) } else { Ok(()) }
    }

    fn emit(&self, event: LinkEvent) -> Result<(), Ended> {
        self.events.send(event).map_err(|_| Ended::Unheard)
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

const fn is_subscribe(request: &Request) -> bool {
    matches!(request.body, Body::Session(SessionCommand::Subscribe { .. }))
}

fn no_answer() -> String {
    format!("no answer for {} s", LOST.as_secs())
}
