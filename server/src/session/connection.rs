//! The main loop of a connection: reads what has arrived, writes what is answered, ends in order.

use super::context::Context;
use super::dispatch::{Dispatcher, Next};
use super::idle::IdleTimer;
use super::input::Input;
use super::outbox::{Load, Outbox};
use super::stop::{SILENCE, SlowConsumer, StopTimer};
use super::timer::Timer;
use super::transport::ReplyWriter;
use crate::limits::{BATCH_JOBS_MAX, LINGER_MS};
use bytes::Buf as _;
use daytrade_protocol::{ForeignProtocol, Parsed, Push, parse_line};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// Serves a connection until it ends.
///
/// # Errors
/// When the transport fails; requests that have been read take effect all the same.
pub async fn serve<R: AsyncRead + Unpin, W: ReplyWriter + 'static>(
    reader: R,
    writer: W,
    context: Context,
) -> io::Result<()> {
    let mut session = Session {
        input: Input::new(),
        idle: IdleTimer::new(context.idle_timeout),
        stop: StopTimer::new(&context.stop),
        slow: SlowConsumer::default(),
        dispatcher: Dispatcher::new(context, writer),
    };
    let link = Link {
        reader,
        chunks: VecDeque::new(),
        writing: Cursor::default(),
        timer: Timer::default(),
    };
    let served = session.run(link).await;
    session.dispatcher.leave().await;
    served
}

/// The transport, and the bytes that are being written to it.
struct Link<R> {
    reader: R,
    chunks: VecDeque<Vec<u8>>,
    writing: Cursor<Vec<u8>>,
    timer: Timer,
}

impl<R> Link<R> {
    /// Takes the next bytes to write.
    fn refill(&mut self, outbox: &Outbox) {
        if !self.writing.has_remaining() {
            if self.chunks.is_empty() {
                self.chunks = outbox.take();
            }
            self.writing = Cursor::new(self.chunks.pop_front().unwrap_or_default());
        }
    }
}

/// Everything that is ready after one wait.
#[derive(Debug, Default)]
struct ReadyEvents {
    written: Option<io::Result<usize>>,
    read: Option<io::Result<usize>>,
    changed: bool,
    stop: bool,
    timer: bool,
}

impl ReadyEvents {
    const fn is_none(&self) -> bool {
        self.written.is_none() && self.read.is_none() && !self.stop && !self.changed && !self.timer
    }
}

struct Session {
    dispatcher: Dispatcher,
    input: Input,
    idle: IdleTimer,
    stop: StopTimer,
    slow: SlowConsumer,
}

impl Session {
    async fn run<R: AsyncRead + Unpin>(&mut self, mut link: Link<R>) -> io::Result<()> {
        loop {
            self.read_lines().await?;
            link.refill(&self.dispatcher.outbox);
            let (load, now) = (self.dispatcher.outbox.load(), Instant::now());
            let all_written = !link.writing.has_remaining() && load.bytes == 0;
            if load.given_up {
                return Err(io::Error::other("the memory for replies is used up"));
            }
            self.note_activity(&load, now);
            if self.idle.is_over(now) {
                return self.close_idle(all_written).await;
            }
            if all_written
                && (self.is_finished(&load, now) || load.too_slow)
                && self.dispatcher.outbox.end()
            {
                self.shut_down().await?;
                return self.drain(&mut link.reader).await;
            }
            self.slow.check(load.too_slow, now)?;
            // Without the stop timer, a client that is never silent and reads slowly would be
            // refused for ever, and be cut off in the end.
            let may_read = !self.input.has_ended()
                && !self.stop.is_over(now)
                && self.input.has_no_lines()
                && self.dispatcher.may_take_more(&load);
            if may_read {
                self.input.reserve();
            }
            let deadlines = [self.idle.deadline(), self.stop.deadline(now), self.slow.deadline()];
            link.timer.set(deadlines.into_iter().flatten().min());
            let ready = self.wait(&mut link, may_read).await;
            self.take_events(ready, &mut link.writing)?;
        }
    }

    /// Waits until something is ready. Everything that is ready is returned at once and was polled
    /// in a fixed order: nothing starves, and a run can be repeated.
    async fn wait<R: AsyncRead + Unpin>(
        &mut self,
        link: &mut Link<R>,
        may_read: bool,
    ) -> ReadyEvents {
        let mut ready = ReadyEvents::default();
        let outbox = &self.dispatcher.outbox;
        // While the session can read, an answer changes nothing for it.
        let wants_answers = !may_read || self.dispatcher.is_holding();
        poll_fn(|context| {
            if link.writing.has_remaining()
                && let Poll::Ready(done) = outbox.poll_write(context, link.writing.chunk())
            {
                ready.written = Some(done);
            }
            if may_read
                && let Poll::Ready(done) =
                    poll_read_buf(Pin::new(&mut link.reader), context, &mut self.input.bytes)
            {
                ready.read = Some(done);
            }
            ready.changed = outbox.poll_changed(context, wants_answers);
            // They are polled before every wait. A socket that is always ready cannot starve them:
            // it yields when the task has used up its budget.
            if ready.is_none() {
                ready.stop = self.stop.poll(context);
                ready.timer = link.timer.poll(context);
            }
            if ready.is_none() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        ready
    }

    fn take_events(&mut self, ready: ReadyEvents, writing: &mut Cursor<Vec<u8>>) -> io::Result<()> {
        if ready.written.is_none() && ready.read.is_none() && !ready.stop {
            return Ok(());
        }
        let now = Instant::now();
        if let Some(written) = ready.written {
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                bytes => writing.advance(bytes),
            }
            self.idle.note(now);
        }
        if let Some(read) = ready.read {
            self.input.note_read(read?);
            self.stop.note_read(now);
        }
        if ready.stop {
            self.stop.begin(now);
        }
        Ok(())
    }

    /// Notes what keeps the connection open: a reply awaited, bytes written, pushed lines awaited
    /// between two whole lines.
    fn note_activity(&mut self, load: &Load, now: Instant) {
        if let Some(at) = load.written_at {
            self.idle.note(at);
        }
        let listens = self.dispatcher.is_listening() && self.input.is_empty();
        if load.flow.in_flight > 0 || listens {
            self.idle.note(now);
        }
    }

    /// Returns true if every request is answered and nothing more will be read.
    fn is_finished(&self, load: &Load, now: Instant) -> bool {
        let is_idle =
            self.input.has_no_lines() && !self.dispatcher.is_holding() && load.flow.in_flight == 0;
        is_idle && (self.input.has_ended() || self.stop.is_over(now))
    }

    /// Ends an idle connection.
    async fn close_idle(&self, all_written: bool) -> io::Result<()> {
        if all_written {
            self.dispatcher.outbox.push(&Push::ByeIdle);
            // A client that does not even take this is closed all the same.
            tokio::time::timeout(SILENCE, self.write_all()).await.unwrap_or(Ok(()))?;
        }
        self.shut_down().await
    }

    /// Writes everything that waits.
    async fn write_all(&self) -> io::Result<()> {
        let outbox = &self.dispatcher.outbox;
        for chunk in outbox.take() {
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let written = poll_fn(|context| outbox.poll_write(context, rest)).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = rest.get(written..).unwrap_or_default();
            }
        }
        Ok(())
    }

    async fn shut_down(&self) -> io::Result<()> {
        poll_fn(|context| self.dispatcher.outbox.poll_shutdown(context)).await
    }

    /// Drains the input: reads and drops what the client still sends until it has seen the end.
    /// Closing with unread bytes would reset the connection and destroy replies on their way.
    async fn drain(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let linger = Duration::from_millis(LINGER_MS);
        let patience = if self.stop.is_stopping() { SILENCE } else { linger };
        let until = Instant::now() + linger;
        while !self.input.is_half_closed() {
            self.input.discard();
            let wait = until.min(Instant::now() + patience);
            match tokio::time::timeout_at(wait, reader.read_buf(&mut self.input.bytes)).await {
                Ok(read) => self.input.note_read(read?),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Answers a client that speaks another protocol and reads nothing more.
    fn end_foreign(&mut self, protocol: ForeignProtocol) {
        self.dispatcher.refuse_foreign(protocol);
        self.input.quit();
    }

    /// Reads the lines that have arrived, as far as the bounds allow, and sends their jobs.
    async fn read_lines(&mut self) -> io::Result<()> {
        loop {
            if self.dispatcher.release_held().await == Next::Quit {
                self.input.quit();
            }
            if self.dispatcher.is_holding() || self.input.has_quit() {
                break;
            }
            let stopping = self.stop.is_stopping();
            let Some(mut block) = self.input.take_block(stopping)? else {
                if self.input.is_tls() {
                    self.end_foreign(ForeignProtocol::Tls);
                }
                break;
            };
            self.idle.note(Instant::now());
            let load = self.dispatcher.outbox.load();
            let mut left = if self.dispatcher.may_take_more(&load) { BATCH_JOBS_MAX } else { 0 };
            let stalled = left == 0;
            self.dispatcher.expect(block.len());
            while left > 0 && !self.dispatcher.is_holding() && !self.input.has_quit() {
                let Some(line) = block.next_line() else { break };
                let parsed = parse_line(line);
                if matches!(parsed, Parsed::Invalid(_))
                    && let Some(protocol) = ForeignProtocol::of(line)
                {
                    self.end_foreign(protocol);
                    break;
                }
                if self.dispatcher.take_line(parsed, stopping) == Next::Quit {
                    self.input.quit();
                }
                left -= 1;
                if self.dispatcher.take_replied_at_length() {
                    // Nothing else bounds such replies, and nothing else would let others run.
                    tokio::task::yield_now().await;
                    if !self.dispatcher.may_take_more(&self.dispatcher.outbox.load()) {
                        break;
                    }
                }
            }
            self.input.put_back(block);
            self.dispatcher.flush().await;
            if stalled {
                break;
            }
        }
        self.dispatcher.flush().await;
        Ok(())
    }
}
