//! The main loop of a connection: reads what has arrived, writes what is answered, ends in order.

use super::context::Context;
use super::dispatch::Dispatcher;
use super::idle::IdleTimer;
use super::input::Input;
use super::link::{Link, ReadyEvents};
use super::log_reading::LogReading;
use super::login::Interrupt;
use super::moves::Moves;
use super::outbox::Load;
use super::revocation::Revocation;
use super::stop::{SILENCE, SlowConsumer, StopTimer};
use super::transport::ReplyWriter;
use crate::access::Door;
use crate::limits::{LINGER_MS, REVOKED_WITHIN, STOP_MS};
use bytes::Buf as _;
use daytrade_protocol::Push;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::Instant;

/// Serves a connection until it ends. One that came in by a door must log in first.
///
/// # Errors
/// When the transport fails; requests that have been read take effect all the same.
pub fn serve<R: AsyncRead + Unpin, W: ReplyWriter + 'static>(
    reader: R,
    writer: W,
    context: Arc<Context>,
    door: Option<Door>,
) -> impl Future<Output = io::Result<()>> {
    let has_buffer = writer.has_buffer();
    let idle_timeout = *context.idle_timeout.read();
    let mut session = Session {
        input: Input::new(),
        idle: IdleTimer::new(idle_timeout),
        stop: StopTimer::new(&context.stop),
        slow: SlowConsumer::default(),
        revocation: Revocation::default(),
        moves: context.route.clone().map(Moves::new),
        dispatcher: Dispatcher::new(context, writer, door),
    };
    let mut link = Link::new(reader, has_buffer);
    // An asynchronous function would keep a second copy of its arguments.
    async move {
        let served = session.run(&mut link).await;
        session.dispatcher.leave().await;
        served
    }
}

/// A connection while it is served.
pub(super) struct Session {
    pub(super) dispatcher: Dispatcher,
    pub(super) input: Input,
    pub(super) idle: IdleTimer,
    pub(super) stop: StopTimer,
    slow: SlowConsumer,
    revocation: Revocation,
    /// In a cluster.
    moves: Option<Moves>,
}

impl Session {
    async fn run<R: AsyncRead + Unpin>(&mut self, link: &mut Link<R>) -> io::Result<()> {
        let mut woken_at = Instant::now();
        loop {
            self.read_lines(woken_at).await?;
            let (load, now) = (link.refill(&self.dispatcher.outbox), Instant::now());
            let all_written =
                !link.writing.has_remaining() && load.bytes == 0 && !link.is_unflushed;
            if load.given_up {
                return Err(io::Error::other("the memory for replies is used up"));
            }
            self.note_activity(&load, now);
            if self.dispatcher.login.deadline().is_some_and(|by| by <= now) {
                return self.close_idle(all_written).await;
            }
            if load.moved && !self.revocation.has_begun() {
                self.end_moved(now);
            }
            self.revocation.check(now)?;
            let unanswered = load.flow.in_flight > 0 || self.dispatcher.is_holding();
            if let Some(bye) = self.revocation.say(unanswered) {
                self.dispatcher.outbox.push(&bye);
                continue;
            }
            self.check_log_reader(all_written, now)?;
            if self.idle.is_over(now) {
                return self.close_idle(all_written).await;
            }
            if self.slow.note(load.too_slow, now) {
                self.dispatcher.count_slow_consumer();
            }
            if all_written
                && (self.is_finished(&load, now) || load.too_slow)
                && self.dispatcher.outbox.end()
            {
                self.shut_down().await?;
                return self.drain(&mut link.reader).await;
            }
            self.slow.check(now)?;
            // Without the stop timer, a client that is never silent and reads slowly would be
            // refused for ever, and be cut off in the end.
            let may_read = !self.input.has_ended()
                && !self.stop.is_over(now)
                && self.input.has_no_lines()
                && self.dispatcher.may_take_more(&load);
            link.timer.set(self.next_deadline(now));
            let ready = self.wait(link, may_read, now).await;
            woken_at = Instant::now();
            self.take_events(ready, link, woken_at)?;
            if link.should_yield() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until something is ready. Everything that is ready is returned at once and was polled
    /// in a fixed order: nothing starves, and a run can be repeated.
    async fn wait<R: AsyncRead + Unpin>(
        &mut self,
        link: &mut Link<R>,
        may_read: bool,
        now: Instant,
    ) -> ReadyEvents {
        let mut ready = ReadyEvents::default();
        // While the session can read, an answer changes nothing for it.
        let wants_answers = !may_read || self.dispatcher.is_holding();
        let Dispatcher { outbox, login, log, .. } = &mut self.dispatcher;
        let mut now = Some(now);
        poll_fn(|context| {
            if link.writing.has_remaining()
                && let Poll::Ready(done) = outbox.poll_write(context, link.writing.chunk())
            {
                ready.written = Some(done);
            }
            if !link.writing.has_remaining() {
                if link.is_unflushed
                    && let Poll::Ready(done) = outbox.poll_flush(context)
                {
                    ready.flushed = Some(done);
                }
                if let Some(log) = log
                    && let Poll::Ready(part) = log.poll(context)
                {
                    ready.log = Some(part);
                }
            }
            if may_read && let Poll::Ready(done) = self.input.poll_read(&mut link.reader, context) {
                ready.read = Some(done);
            }
            ready.changed = outbox.poll_changed(context, wants_answers);
            // They are polled in every wait. A socket that is always ready cannot starve them: it
            // yields when the task has used up its budget.
            if ready.is_none() {
                ready.interrupt = login.poll_interrupt(context);
                ready.moved = self.moves.as_mut().and_then(|moves| moves.poll(context));
                ready.stop = self.stop.poll(context);
                ready.timer = link.timer.poll(context, now.take());
            }
            if ready.is_none() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        ready
    }

    fn take_events<R>(
        &mut self,
        ready: ReadyEvents,
        link: &mut Link<R>,
        now: Instant,
    ) -> io::Result<()> {
        if let Some(flushed) = ready.flushed {
            flushed?;
            link.is_unflushed = false;
        }
        if let Some(part) = ready.log {
            self.dispatcher.take_log_part(part);
        }
        if let Some(address) = ready.moved
            && self.dispatcher.is_listening(&self.dispatcher.outbox.load())
        {
            self.dispatcher.outbox.push(&Push::Moved(address));
            self.end_moved(now);
        }
        match ready.interrupt {
            None => {}
            Some(Interrupt::Displaced) => {
                return Err(io::Error::other("its place was taken before it had logged in"));
            }
            Some(Interrupt::Revoked) => {
                self.revocation.begin(Push::ByeRevoked, REVOKED_WITHIN, now);
                self.input.quit();
                self.dispatcher.drop_held();
            }
        }
        if let Some(written) = ready.written {
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                bytes => link.writing.advance(bytes),
            }
            link.is_unflushed = link.has_buffer;
            if let Some(log) = &mut self.dispatcher.log {
                log.note_moved(now);
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

    /// Ends the connection because the accounts are elsewhere: nothing more is carried out.
    fn end_moved(&mut self, now: Instant) {
        self.revocation.begin(Push::ByeMoved, Duration::from_millis(STOP_MS), now);
        self.input.quit();
        self.dispatcher.drop_held();
    }

    /// Returns when something has to be done although nothing happens.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let dispatcher = &self.dispatcher;
        let deadlines = [
            self.idle.deadline(),
            self.stop.deadline(now),
            self.slow.deadline(),
            self.revocation.deadline(),
            dispatcher.not_before(),
            dispatcher.login.deadline(),
            dispatcher.log.as_deref().map(LogReading::deadline),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Checks that the client of a READLOG takes what it has asked for.
    fn check_log_reader(&mut self, all_written: bool, now: Instant) -> io::Result<()> {
        let Some(log) = &mut self.dispatcher.log else { return Ok(()) };
        if all_written {
            log.note_moved(now);
        } else if log.deadline() <= now {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the log was not read"));
        }
        Ok(())
    }

    /// Notes what keeps the connection open: a reply awaited, bytes written, pushed lines awaited
    /// between two whole lines.
    fn note_activity(&mut self, load: &Load, now: Instant) {
        if let Some(at) = load.written_at {
            self.idle.note(at);
        }
        let listens = self.dispatcher.is_listening(load) && self.input.is_empty();
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
        for chunk in outbox.take().0 {
            let mut rest = chunk.bytes();
            while !rest.is_empty() {
                let written = poll_fn(|context| outbox.poll_write(context, rest)).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = rest.get(written..).unwrap_or_default();
            }
        }
        poll_fn(|context| outbox.poll_flush(context)).await
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
}
