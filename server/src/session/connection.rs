//! One connection's loop: read what there is, hand it on in batches, write what has come back.

use super::help::write_help;
use super::outbox::{Load, Outbox, Replies, ReplyTo};
use crate::limits::{
    BATCH_JOBS_MAX, IN_FLIGHT_MAX, LINGER_MS, OUTBOX_BYTES_MAX, READ_BUFFER_BYTES_MAX, READ_BUFFER_BYTES_MIN,
    SUBSCRIPTIONS_MAX,
};
use crate::quotes::QuoteRequest;
use crate::router::Router;
use crate::shard::{Batch, Job, Work};
use crate::stats::Stats;
use bytes::{Buf, BytesMut};
use daytrade_protocol::{
    Body, Command, Invalid, LineBlock, LineCodec, Parsed, Refusal, ReplyBody, Request, SessionCommand, Symbol, Tag,
    UserName, parse_line,
};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

/// How long a client has to be silent before a stopping server closes its connection.
const SILENCE: Duration = Duration::from_millis(100);
/// How long a stopping server goes on answering a client that is never silent.
const STOP_ANSWERING: Duration = Duration::from_secs(1);

/// What every session shares.
#[derive(Clone)]
pub struct Context {
    /// The way to the shards.
    pub router: Router,
    /// The quote manager.
    pub quotes: UnboundedSender<QuoteRequest>,
    /// The server's counts.
    pub stats: Arc<Stats>,
    /// Fires when the server stops.
    pub stop: CancellationToken,
}

/// Serves a connection until it ends.
///
/// # Errors
/// When the socket fails; requests that have been read take effect all the same.
pub async fn serve(mut stream: TcpStream, context: Context) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session::new(context);
    let served = session.run(&mut stream).await;
    session.leave().await;
    served
}

/// Whether a request has to wait for earlier ones of its connection, those still batched among them.
fn must_wait(request: &Request, load: &Load, batched: usize, batched_summaries: usize, next_untagged: u64) -> bool {
    match &request.body {
        // The log holds all that was asked before it on this connection, and QUIT is the last word.
        Body::Command(Command::DumpLog { .. }) | Body::Session(SessionCommand::Quit) => load.in_flight + batched > 0,
        // The one reply that can be long: as many at once as their size allows.
        Body::Command(Command::DisplaySummary { .. }) => load.summaries + batched_summaries >= load.summaries_max(),
        // Untagged requests follow one another strictly.
        Body::Session(_) => request.tag.is_none() && load.untagged_answered < next_untagged,
        Body::Command(_) => false,
    }
}

#[expect(clippy::struct_excessive_bools, reason = "each is one thing that has happened to the connection")]
struct Session {
    context: Context,
    outbox: Arc<Outbox>,
    /// Jobs that are parsed and not yet sent, by shard.
    batches: Vec<Vec<Job>>,
    /// How many jobs `batches` holds.
    batched: usize,
    /// How many of them ask for a summary.
    batched_summaries: usize,
    /// The place of the next untagged request.
    next_untagged: u64,
    /// A request that must wait until everything before it is answered.
    held: Option<Request>,
    subscribed: BTreeSet<UserName>,
    watched: BTreeSet<Symbol>,
    codec: LineCodec,
    input: BytesMut,
    /// Lines that have arrived and are not yet read.
    block: Option<LineBlock>,
    read_bytes: usize,
    /// Nothing more will be read: the client has half-closed or has quit.
    ended: bool,
    /// The client has half-closed.
    saw_end: bool,
    /// The client said QUIT: what it sent behind that is not looked at.
    quit: bool,
    /// The server stops: what is not yet begun is refused.
    stopping: bool,
}

impl Session {
    fn new(context: Context) -> Self {
        let batches = context.router.shards().iter().map(|_| Vec::new()).collect();
        Self {
            context,
            outbox: Arc::default(),
            batches,
            batched: 0,
            batched_summaries: 0,
            next_untagged: 0,
            held: None,
            subscribed: BTreeSet::new(),
            watched: BTreeSet::new(),
            codec: LineCodec::default(),
            input: BytesMut::new(),
            block: None,
            read_bytes: READ_BUFFER_BYTES_MIN,
            ended: false,
            saw_end: false,
            quit: false,
            stopping: false,
        }
    }

    async fn run(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let (mut reader, mut writer) = stream.split();
        let mut chunks: VecDeque<Vec<u8>> = VecDeque::new();
        let mut writing = Cursor::new(Vec::new());
        let mut give_up: Option<Instant> = None;
        let stop = self.context.stop.clone();
        // While the server stops: until when to wait for the client to fall silent, and at the latest.
        let (mut silent_at, mut stop_by) = (Instant::now(), Instant::now());
        loop {
            self.read_lines().await?;
            if !writing.has_remaining() {
                if chunks.is_empty() {
                    chunks = self.outbox.take();
                }
                writing = Cursor::new(chunks.pop_front().unwrap_or_default());
            }
            let load = self.outbox.load();
            let all_written = !writing.has_remaining() && load.bytes == 0;
            let idle = self.block.is_none() && self.held.is_none() && load.in_flight == 0;
            let stopped = self.stopping && Instant::now() >= silent_at.min(stop_by);
            if all_written && (idle && (self.ended || stopped) || load.too_slow) {
                writer.shutdown().await?;
                return self.hear_out(&mut reader).await;
            }
            if load.too_slow && give_up.is_none() {
                give_up = Some(Instant::now() + Duration::from_millis(LINGER_MS));
            }
            let may_read = !self.ended && self.block.is_none() && self.may_take_more();
            self.input.reserve(if may_read { self.read_bytes } else { 0 });
            tokio::select! {
                () = self.outbox.changed() => {}
                written = writer.write_buf(&mut writing), if writing.has_remaining() => {
                    if written? == 0 {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                }
                read = reader.read_buf(&mut self.input), if may_read => {
                    self.has_read(read?);
                    silent_at = Instant::now() + SILENCE;
                }
                () = stop.cancelled(), if !self.stopping => {
                    self.stopping = true;
                    silent_at = Instant::now() + SILENCE;
                    stop_by = Instant::now() + STOP_ANSWERING;
                }
                () = tokio::time::sleep_until(silent_at.min(stop_by)), if self.stopping && !stopped => {}
                () = tokio::time::sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not read its account events"));
                }
            }
        }
    }

    /// Takes in, and forgets, what the client still sends, until it has seen the end: closing on unread bytes would reset the
    /// connection and destroy the replies that are on their way.
    async fn hear_out(&mut self, reader: &mut ReadHalf<'_>) -> io::Result<()> {
        let patience = if self.stopping { SILENCE } else { Duration::from_millis(LINGER_MS) };
        let until = Instant::now() + Duration::from_millis(LINGER_MS);
        while !self.saw_end {
            self.input.clear();
            self.input.reserve(READ_BUFFER_BYTES_MIN);
            let wait = until.min(Instant::now() + patience);
            match tokio::time::timeout_at(wait, reader.read_buf(&mut self.input)).await {
                Ok(read) => self.saw_end = read? == 0,
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Follows the client's pace: a buffer that was filled grows, one that stays mostly empty shrinks.
    fn has_read(&mut self, bytes: usize) {
        if bytes == 0 {
            (self.ended, self.saw_end) = (true, true);
        } else if bytes >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(READ_BUFFER_BYTES_MAX);
        } else if bytes < self.read_bytes / 8 {
            self.read_bytes = (self.read_bytes / 2).max(READ_BUFFER_BYTES_MIN);
        }
    }

    fn may_take_more(&self) -> bool {
        let load = self.outbox.load();
        self.held.is_none() && load.in_flight + self.batched < IN_FLIGHT_MAX && load.bytes < OUTBOX_BYTES_MAX
    }

    /// Reads the lines that have arrived, as far as the bounds allow, and sends them on.
    async fn read_lines(&mut self) -> io::Result<()> {
        loop {
            self.release_held().await;
            if self.quit {
                // Nothing behind it is looked at, whatever has arrived.
                self.block = None;
            }
            if self.held.is_some() || self.quit {
                break;
            }
            if self.block.as_ref().is_none_or(LineBlock::is_empty) {
                let ended = self.ended && !self.stopping;
                self.block =
                    if ended { self.codec.decode_eof(&mut self.input)? } else { self.codec.decode(&mut self.input)? };
            }
            let Some(mut block) = self.block.take() else { break };
            let mut room = if self.may_take_more() { BATCH_JOBS_MAX } else { 0 };
            let stalled = room == 0;
            while room > 0 && self.held.is_none() && !self.quit {
                let Some(line) = block.next_line() else { break };
                let parsed = parse_line(&line);
                drop(line);
                self.take_line(parsed);
                room -= 1;
            }
            self.block = (!block.is_empty() && !self.quit).then_some(block);
            self.flush().await;
            if stalled {
                break;
            }
        }
        self.flush().await;
        Ok(())
    }

    /// Carries out the request that waited for all before it, once they are answered.
    async fn release_held(&mut self) {
        if self.held.is_none() {
            return;
        }
        self.flush().await;
        if let Some(request) =
            self.held.take_if(|request| !must_wait(request, &self.outbox.load(), 0, 0, self.next_untagged))
        {
            self.take_request(request);
        }
    }

    fn must_wait(&self, request: &Request) -> bool {
        must_wait(request, &self.outbox.load(), self.batched, self.batched_summaries, self.next_untagged)
    }

    fn take_line(&mut self, parsed: Parsed) {
        match parsed {
            Parsed::Nothing => {}
            Parsed::Request(request) if self.stopping => {
                let to = self.reply_to(request.tag, request.noreply);
                self.refuse(to, &Refusal::ShuttingDown);
            }
            Parsed::Request(request) => {
                if self.must_wait(&request) {
                    self.held = Some(request);
                } else {
                    self.take_request(request);
                }
            }
            Parsed::Invalid(invalid) => self.take_invalid(invalid),
        }
    }

    fn take_request(&mut self, request: Request) {
        let to = self.reply_to(request.tag, request.noreply);
        match request.body {
            Body::Command(command) => {
                let shard = self.context.router.shard_of(command.user());
                self.enqueue(shard, to, request.tag, Work::Command(command));
            }
            Body::Session(command) => self.take_session_command(to, request.tag, command),
        }
    }

    fn take_invalid(&mut self, invalid: Invalid) {
        let to = self.reply_to(invalid.tag, invalid.noreply);
        match invalid.attempt {
            Some(attempt) if !self.stopping => {
                let shard = self.context.router.shard_of(attempt.user.as_ref());
                self.enqueue(shard, to, invalid.tag, Work::Rejected(Box::new((*attempt, invalid.refusal))));
            }
            _ => self.refuse(to, &invalid.refusal),
        }
    }

    fn take_session_command(&mut self, to: ReplyTo, tag: Option<Tag>, command: SessionCommand) {
        match command {
            SessionCommand::Ping => self.reply(to, &ReplyBody::Ping),
            SessionCommand::Help => self.reply_with(to, write_help),
            SessionCommand::Stats => {
                let stats = Arc::clone(&self.context.stats);
                self.reply_with(to, |tag, out| stats.write(tag, out));
            }
            SessionCommand::Quit => {
                self.reply(to, &ReplyBody::Quit);
                (self.ended, self.quit) = (true, true);
            }
            SessionCommand::Subscribe(user) => {
                if self.has_room_for_one_more(to) {
                    self.subscribed.insert(user.clone());
                    let shard = self.context.router.shard_of(Some(&user));
                    self.enqueue(shard, to, tag, Work::Subscribe(user));
                }
            }
            SessionCommand::Unsubscribe(user) => {
                self.subscribed.remove(&user);
                let shard = self.context.router.shard_of(Some(&user));
                self.enqueue(shard, to, tag, Work::Unsubscribe(user));
            }
            SessionCommand::Watch(symbol) => {
                if self.has_room_for_one_more(to) {
                    // The reply first: the price, if there is one, follows it.
                    self.reply(to, &ReplyBody::Watch(symbol));
                    if self.watched.insert(symbol) {
                        let number = self.context.router.next_number();
                        let outbox = Arc::clone(&self.outbox);
                        let _ = self.context.quotes.send(QuoteRequest::Watch { symbol, number, outbox });
                    }
                }
            }
            SessionCommand::Unwatch(symbol) => {
                if self.watched.remove(&symbol) {
                    let outbox = Arc::clone(&self.outbox);
                    let _ = self.context.quotes.send(QuoteRequest::Unwatch { symbol, outbox });
                }
                self.reply(to, &ReplyBody::Unwatch(symbol));
            }
        }
    }

    fn has_room_for_one_more(&mut self, to: ReplyTo) -> bool {
        let room = self.subscribed.len() + self.watched.len() < SUBSCRIPTIONS_MAX;
        if !room {
            self.refuse(to, &Refusal::TooManySubscriptions(SUBSCRIPTIONS_MAX as u32));
        }
        room
    }

    fn reply_to(&mut self, tag: Option<Tag>, noreply: bool) -> ReplyTo {
        match tag {
            _ if noreply => ReplyTo::Nobody,
            Some(tag) => ReplyTo::Tagged(tag),
            None => {
                self.next_untagged += 1;
                ReplyTo::Untagged(self.next_untagged - 1)
            }
        }
    }

    fn enqueue(&mut self, shard: usize, to: ReplyTo, tag: Option<Tag>, work: Work) {
        let assigned = tag.is_none();
        self.batched_summaries += usize::from(matches!(work, Work::Command(Command::DisplaySummary { .. })));
        let number = tag.map_or_else(|| self.context.router.next_number(), Tag::get);
        self.batches[shard].push(Job { to, number, assigned, work });
        self.batched += 1;
    }

    fn refuse(&mut self, to: ReplyTo, refusal: &Refusal) {
        self.context.stats.line_refused(refusal.code());
        self.reply(to, &ReplyBody::refused(refusal));
    }

    fn reply(&mut self, to: ReplyTo, body: &ReplyBody) {
        self.reply_with(to, |tag, out| body.write_to(tag, out));
    }

    /// Answers without a shard.
    fn reply_with(&self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut Vec<u8>)) {
        let mut replies = Replies::default();
        replies.write(to, write);
        self.outbox.begin(1, 0);
        self.outbox.deliver(replies);
    }

    /// Sends the batches; waits while a shard's queue is full.
    async fn flush(&mut self) {
        if self.batched == 0 {
            return;
        }
        self.outbox.begin(self.batched, self.batched_summaries);
        (self.batched, self.batched_summaries) = (0, 0);
        for (shard, jobs) in self.context.router.shards().iter().zip(&mut self.batches) {
            if jobs.is_empty() {
                continue;
            }
            let capacity = jobs.len();
            let jobs = std::mem::replace(jobs, Vec::with_capacity(capacity));
            // A shard that is gone has failed; the server is stopping and every connection ends.
            let _ = shard.jobs.send(Batch { outbox: Arc::clone(&self.outbox), jobs }).await;
        }
    }

    /// Takes the connection off every list it is on.
    async fn leave(&mut self) {
        self.outbox.close();
        self.flush().await;
        for symbol in std::mem::take(&mut self.watched) {
            let outbox = Arc::clone(&self.outbox);
            let _ = self.context.quotes.send(QuoteRequest::Unwatch { symbol, outbox });
        }
        for user in std::mem::take(&mut self.subscribed) {
            let shard = self.context.router.shard_of(Some(&user));
            self.enqueue(shard, ReplyTo::Nobody, Tag::new(1), Work::Unsubscribe(user));
        }
        self.flush().await;
    }
}
