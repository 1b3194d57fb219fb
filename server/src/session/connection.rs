//! One connection's loop and pace: read what there is, write what has come back, stop in order.

use super::alarm::{Alarm, StopSignal};
use super::outbox::{Load, Outbox};
use super::writer::Writer;
use crate::limits::{
    BATCH_JOBS_MAX, IN_FLIGHT_MAX, LINGER_MS, OUTBOX_BYTES_MAX, READ_BUFFER_BYTES_MAX,
    READ_BUFFER_BYTES_MIN,
};
use crate::quotes::QuoteRequest;
use crate::router::Router;
use crate::shard::Job;
use crate::stats::Stats;
use bytes::{Buf, BytesMut};
use daytrade_protocol::{LineBlock, LineCodec, Push, Request, Symbol, UserName, parse_line};
use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;
use tokio_util::sync::CancellationToken;

/// How long a client has to be silent before a stopping server closes its connection.
const SILENCE: Duration = Duration::from_millis(100);
/// How long a stopping server goes on answering a client that is never silent.
const STOP_ANSWERING: Duration = Duration::from_secs(1);
/// Most lines are about this long.
const LINE_BYTES_GUESS: usize = 32;
/// A batch is begun with room for no more, however much there is to read: it may be another
/// shard's, or no jobs at all.
const JOBS_EXPECTED_MAX: usize = BATCH_JOBS_MAX / 4;
/// Longer than any connection lives.
const NEVER: Duration = Duration::from_hours(24 * 365);

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
    /// After what silence a connection is closed.
    pub idle_timeout: Option<Duration>,
}

/// Serves a connection until it ends.
///
/// # Errors
/// When the socket fails; requests that have been read take effect all the same.
pub async fn serve<R: AsyncRead + Unpin, W: Writer + 'static>(
    reader: R,
    writer: W,
    context: Context,
) -> io::Result<()> {
    let mut session = Session::new(context, Outbox::new(writer));
    let served = session.run(reader).await;
    session.leave().await;
    served
}

/// However a session ends, its socket is closed; others may still hold its outbox.
impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// What the session waits for, besides its outbox.
struct Link<R> {
    reader: R,
    writing: Cursor<Vec<u8>>,
    alarm: Alarm,
    stop: StopSignal,
}

/// What one wait has brought.
#[derive(Debug, Default)]
struct Happened {
    written: Option<io::Result<usize>>,
    read: Option<io::Result<usize>>,
    changed: bool,
    stop: bool,
    alarm: bool,
}

impl Happened {
    const fn nothing(&self) -> bool {
        self.nothing_but_news() && !self.changed && !self.alarm
    }

    /// Whether there is only something to look at.
    const fn nothing_but_news(&self) -> bool {
        self.written.is_none() && self.read.is_none() && !self.stop
    }
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that has happened to the connection"
)]
pub(super) struct Session {
    pub(super) context: Context,
    pub(super) outbox: Arc<Outbox>,
    /// Jobs that are parsed and not yet sent, by shard.
    pub(super) batches: Vec<Vec<Job>>,
    /// How many jobs to make room for in a batch that is begun.
    pub(super) jobs_expected: usize,
    /// How many jobs `batches` holds.
    pub(super) batched: usize,
    /// How many of them ask for a summary.
    pub(super) batched_summaries: usize,
    /// The place of the next untagged request.
    pub(super) next_untagged: u64,
    /// A request that must wait until everything before it is answered.
    pub(super) held: Option<Request>,
    pub(super) subscribed: BTreeSet<UserName>,
    pub(super) watched: BTreeSet<Symbol>,
    codec: LineCodec,
    input: BytesMut,
    /// Lines that have arrived and are not yet read.
    block: Option<LineBlock>,
    read_bytes: usize,
    /// When something last happened that keeps it open: a whole line read, an answer awaited, bytes
    /// of it taken.
    line_at: Instant,
    /// Nothing more will be read: the client has half-closed or has quit.
    pub(super) ended: bool,
    /// The client has half-closed.
    saw_end: bool,
    /// The client said QUIT: what it sent behind that is not looked at.
    pub(super) quit: bool,
    /// The server stops: what is not yet begun is refused.
    pub(super) stopping: bool,
}

impl Session {
    fn new(context: Context, outbox: Outbox) -> Self {
        let batches = context.router.shards().iter().map(|_| Vec::new()).collect();
        Self {
            context,
            outbox: Arc::new(outbox),
            batches,
            jobs_expected: 0,
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
            line_at: Instant::now(),
            ended: false,
            saw_end: false,
            quit: false,
            stopping: false,
        }
    }

    async fn run<R: AsyncRead + Unpin>(&mut self, reader: R) -> io::Result<()> {
        let stop = StopSignal::new(&self.context.stop);
        let mut link = Link { reader, writing: Cursor::default(), alarm: Alarm::default(), stop };
        let mut chunks: VecDeque<Vec<u8>> = VecDeque::new();
        let mut give_up: Option<Instant> = None;
        // While the server stops: until when to wait for the client to fall silent, and at the
        // latest.
        let (mut silent_at, mut stop_by) = (Instant::now(), Instant::now());
        let idle_timeout = self.context.idle_timeout.unwrap_or(NEVER);
        loop {
            self.read_lines().await?;
            if !link.writing.has_remaining() {
                if chunks.is_empty() {
                    chunks = self.outbox.take();
                }
                link.writing = Cursor::new(chunks.pop_front().unwrap_or_default());
            }
            let (load, now) = (self.outbox.load(), Instant::now());
            let all_written = !link.writing.has_remaining() && load.bytes == 0;
            let idle = self.block.is_none() && self.held.is_none() && load.in_flight == 0;
            self.line_at = load.written_at.map_or(self.line_at, |at| at.max(self.line_at));
            if load.in_flight > 0 || self.is_listening() && self.input.is_empty() {
                self.line_at = now;
            }
            if self.line_at + idle_timeout <= now {
                if all_written {
                    self.outbox.push(&Push::ByeIdle);
                    // A client that does not take even this is closed all the same.
                    let told = tokio::time::timeout(SILENCE, self.write_all()).await;
                    told.unwrap_or(Ok(()))?;
                }
                return self.shut_down().await;
            }
            let stopped = self.stopping && now >= silent_at.min(stop_by);
            if all_written
                && (idle && (self.ended || stopped) || load.too_slow)
                && self.outbox.end()
            {
                self.shut_down().await?;
                return self.hear_out(&mut link.reader).await;
            }
            match give_up {
                Some(at) if at <= now => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the client did not read its account events",
                    ));
                }
                None if load.too_slow => give_up = Some(now + Duration::from_millis(LINGER_MS)),
                _ => {}
            }
            // A client that is never silent and reads slowly would otherwise be refused for ever,
            // and cut off in the end.
            let may_read =
                !self.ended && !stopped && self.block.is_none() && self.may_take_more(&load);
            if may_read {
                self.input.reserve(self.read_bytes);
            }
            let alarm = [
                (idle_timeout < NEVER).then(|| self.line_at + idle_timeout),
                (self.stopping && !stopped).then(|| silent_at.min(stop_by)),
                give_up,
            ];
            link.alarm.set(alarm.into_iter().flatten().min());
            let happened = self.wait(&mut link, may_read).await;
            if happened.nothing_but_news() {
                continue;
            }
            let now = Instant::now();
            if let Some(written) = happened.written {
                match written? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    bytes => link.writing.advance(bytes),
                }
                self.line_at = now;
            }
            if let Some(read) = happened.read {
                self.has_read(read?);
                silent_at = now + SILENCE;
            }
            if happened.stop {
                self.stopping = true;
                silent_at = now + SILENCE;
                stop_by = now + STOP_ANSWERING;
            }
        }
    }

    /// Waits until something happens. All that is ready happens at once and in a fixed order:
    /// nothing starves, and a run can be repeated.
    async fn wait<R: AsyncRead + Unpin>(&mut self, link: &mut Link<R>, may_read: bool) -> Happened {
        let mut happened = Happened::default();
        // While it can read, an answer changes nothing for it.
        let wants_answers = !may_read || self.held.is_some();
        poll_fn(|context| {
            if link.writing.has_remaining()
                && let Poll::Ready(done) = self.outbox.poll_write(context, link.writing.chunk())
            {
                happened.written = Some(done);
            }
            if may_read
                && let Poll::Ready(done) =
                    poll_read_buf(Pin::new(&mut link.reader), context, &mut self.input)
            {
                happened.read = Some(done);
            }
            happened.changed = self.outbox.poll_changed(context, wants_answers);
            happened.stop = !self.stopping && link.stop.poll(context);
            happened.alarm = link.alarm.poll(context);
            if happened.nothing() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        happened
    }

    /// Writes all that waits.
    async fn write_all(&self) -> io::Result<()> {
        for chunk in self.outbox.take() {
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let written = poll_fn(|context| self.outbox.poll_write(context, rest)).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = &rest[written..];
            }
        }
        Ok(())
    }

    async fn shut_down(&self) -> io::Result<()> {
        poll_fn(|context| self.outbox.poll_shutdown(context)).await
    }

    /// Whether the client waits for lines that the server sends by itself.
    fn is_listening(&self) -> bool {
        !self.subscribed.is_empty() || !self.watched.is_empty()
    }

    /// Takes in, and forgets, what the client still sends, until it has seen the end: closing on
    /// unread bytes would reset the connection and destroy the replies that are on their way.
    async fn hear_out(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
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

    /// Follows the client's pace: a buffer that was filled grows, one that stays mostly empty
    /// shrinks.
    fn has_read(&mut self, bytes: usize) {
        if bytes == 0 {
            (self.ended, self.saw_end) = (true, true);
        } else if bytes >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 2).min(READ_BUFFER_BYTES_MAX);
        } else if bytes < self.read_bytes / 8 {
            self.read_bytes = (self.read_bytes / 2).max(READ_BUFFER_BYTES_MIN);
        }
    }

    fn may_take_more(&self, load: &Load) -> bool {
        self.held.is_none()
            && load.in_flight + self.batched < IN_FLIGHT_MAX
            && load.bytes < OUTBOX_BYTES_MAX
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
                self.block = if ended {
                    self.codec.decode_eof(&mut self.input)?
                } else {
                    self.codec.decode(&mut self.input)?
                };
            }
            let Some(mut block) = self.block.take() else { break };
            self.line_at = Instant::now();
            let mut room = if self.may_take_more(&self.outbox.load()) { BATCH_JOBS_MAX } else { 0 };
            let stalled = room == 0;
            self.jobs_expected =
                (block.len() / LINE_BYTES_GUESS / self.batches.len()).min(JOBS_EXPECTED_MAX);
            while room > 0 && self.held.is_none() && !self.quit {
                let Some(line) = block.next_line() else { break };
                let parsed = parse_line(line);
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
}
