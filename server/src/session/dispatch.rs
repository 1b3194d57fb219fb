//! Turns requests into jobs for the shards, immediate replies, or a wait for earlier requests.

mod sending;

use super::batches::JobBatches;
use super::context::Context;
use super::log_reading::LogReading;
use super::login::{Answered, Login};
use super::outbox::{Load, Outbox};
use super::subscriptions::Subscriptions;
use super::throttle::Admission;
use super::transport::ReplyWriter;
use crate::access::Door;
use crate::audit::LogReader;
use crate::limits::{IN_FLIGHT_MAX, OUTBOX_BYTES_MAX};
use crate::message::{Job, QuoteRequest, ReplyTarget, ReplyTo, Work};
use daytrade_protocol::{
    Body, Command, Invalid, Parsed, Refusal, Request, SessionCommand, Tag, UserName,
};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// What the session does after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Reads the next line.
    Continue,
    /// Reads nothing more.
    Quit,
}

/// The requests of one connection on their way to the shards.
///
/// It must never carry out a command itself, nor let a user's commands overtake each other.
pub(super) struct Dispatcher {
    pub(super) context: Arc<Context>,
    /// Number of the outbox in the memory of all sessions.
    memory_id: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) target: ReplyTarget,
    batches: JobBatches,
    /// Jobs sent since others could run: a client that never pauses would keep the thread.
    sent: usize,
    /// Position of the next untagged request.
    next_untagged: u64,
    /// A line that waits: until everything before it is answered, or for the login's rate.
    held: Option<Box<Parsed>>,
    /// When the login's rate allows the next line.
    not_before: Option<Instant>,
    admission: Admission,
    pub(super) login: Login,
    /// The READLOG under way.
    pub(super) log: Option<Box<LogReading>>,
    pub(super) subscriptions: Subscriptions,
    /// True after a reply of many lines that no shard has delayed.
    pub(super) has_replied_at_length: bool,
}

impl Dispatcher {
    /// Creates the dispatcher of a connection.
    pub(super) fn new(
        context: Arc<Context>,
        writer: impl ReplyWriter + 'static,
        door: Option<Door>,
    ) -> Self {
        let batches = JobBatches::new(context.router.shards().len());
        let outbox = Arc::new(Outbox::new(writer, Some(Arc::clone(&context.memory))));
        let memory_id = context.memory.add(&outbox);
        let target = ReplyTarget::new(Arc::clone(&outbox));
        let (next_untagged, held, has_replied_at_length) = (0, None, false);
        Self {
            context,
            memory_id,
            outbox,
            target,
            batches,
            sent: 0,
            next_untagged,
            held,
            not_before: None,
            admission: Admission::default(),
            login: Login::new(door),
            log: None,
            subscriptions: Subscriptions::default(),
            has_replied_at_length,
        }
    }

    /// Returns true if a request waits for earlier ones.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some() || self.log.is_some() || self.login.is_asking()
    }

    /// Returns when a line that waits for the login's rate may go on.
    pub(super) const fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Drops what is not taken up.
    pub(super) fn drop_held(&mut self) {
        (self.held, self.not_before) = (None, None);
        self.admission = Admission::default();
    }

    /// Returns true if the client waits for pushed lines.
    pub(super) fn is_listening(&mut self, load: &Load) -> bool {
        if load.outcomes > 0 {
            self.note_subscriptions();
        }
        !self.subscriptions.is_empty()
    }

    /// Returns true if the bounds of the connection allow another request.
    pub(super) fn may_take_more(&self, load: &Load) -> bool {
        !self.is_holding()
            && load.flow.in_flight + self.batches.jobs() < IN_FLIGHT_MAX
            && load.bytes < OUTBOX_BYTES_MAX
    }

    /// Notes how many bytes of lines will be read next.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.batches.expect(bytes);
    }

    /// Carries out the request that waited, once the requests before it are answered.
    pub(super) async fn release_held(&mut self) -> Next {
        if self.login.is_asking() {
            if self.login.take_answer() == Answered::End {
                return Next::Quit;
            }
            if let Some(limits) = self.login.limits() {
                // All connections of a login have the same limits.
                let key = NonZeroUsize::new(Arc::as_ptr(limits).addr());
                self.target = self.target.clone().with_login(key);
            }
        }
        if self.log.is_some() || self.login.is_asking() {
            return Next::Continue;
        }
        let Some(line) = self.held.take() else { return Next::Continue };
        self.flush().await;
        if self.must_wait(&line) {
            self.held = Some(line);
            return Next::Continue;
        }
        self.take_admitted(*line, false)
    }

    /// Returns true if a line has to wait.
    #[inline]
    fn must_wait(&mut self, line: &Parsed) -> bool {
        if let Parsed::Request(request) = line
            && self.must_wait_for_replies(request)
        {
            return true;
        }
        match self.login.limits() {
            None => false,
            Some(_) if self.not_before.is_some_and(|at| Instant::now() < at) => true,
            Some(limits) => {
                self.not_before = self.admission.ask(&**limits, line).err();
                self.not_before.is_some()
            }
        }
    }

    /// Returns true if a request has to wait for earlier ones of its connection, those still in a
    /// batch included.
    fn must_wait_for_replies(&self, request: &Request) -> bool {
        let load = || self.outbox.load();
        match &request.body {
            // The log holds everything requested before it on this connection; QUIT is the last
            // request.
            Body::Command(Command::DumpLog { .. })
            | Body::Session(
                SessionCommand::Quit {}
                | SessionCommand::ReadLog { .. }
                | SessionCommand::Report { .. },
            ) => load().flow.in_flight + self.batches.jobs() > 0,
            // The one long reply: as many at once as their size allows.
            Body::Command(Command::DisplaySummary { .. }) => {
                let flow = load().flow;
                flow.summaries + self.batches.summaries() >= flow.summaries_max()
            }
            // Untagged requests are answered strictly one after the other.
            Body::Session(_) => {
                request.tag.is_none() && load().untagged_answered < self.next_untagged
            }
            Body::Command(_) => false,
        }
    }

    /// Takes a line that was read in its plain form. Nearly all lines go this way, which moves the
    /// command only once, to its batch.
    #[inline]
    pub(super) fn take_plain(
        &mut self,
        tag: Option<Tag>,
        command: Command,
        stopping: bool,
    ) -> Next {
        let may_wait = matches!(command, Command::DisplaySummary { .. } | Command::DumpLog { .. });
        if stopping || may_wait || self.login.is_guarded() {
            let request = Request { tag, noreply: false, body: Body::Command(command) };
            return self.take_line(Parsed::Request(request), stopping);
        }
        let to = self.reply_to(tag, false);
        let shard = self.context.router.shard_of(command.user());
        self.enqueue(shard, to, tag, Work::Command(command));
        Next::Continue
    }

    /// Takes one parsed line.
    pub(super) fn take_line(&mut self, parsed: Parsed, stopping: bool) -> Next {
        // A line that will be refused counts, too.
        if !stopping && self.must_wait(&parsed) {
            self.held = Some(Box::new(parsed));
            return Next::Continue;
        }
        self.take_admitted(parsed, stopping)
    }

    /// Refuses a line that the login may not send. It touches neither journal nor history.
    fn refuse_line(&mut self, line: &Parsed, refusal: &Refusal) -> Next {
        let (tag, noreply) = match line {
            Parsed::Nothing => return Next::Continue,
            Parsed::Request(request) => (request.tag, request.noreply),
            Parsed::Invalid(invalid) => (invalid.tag, invalid.noreply),
        };
        let to = self.reply_to(tag, noreply);
        self.refuse(to, refusal);
        Next::Continue
    }

    fn take_admitted(&mut self, parsed: Parsed, stopping: bool) -> Next {
        if let Err(refusal) = self.login.check(&parsed) {
            return self.refuse_line(&parsed, &refusal);
        }
        match parsed {
            Parsed::Nothing => {}
            Parsed::Request(request) if stopping => {
                let to = self.reply_to(request.tag, request.noreply);
                match request.body {
                    Body::Command(command) => {
                        self.turn_away(to, request.tag, command.user().cloned());
                    }
                    Body::Session(_) => self.refuse(to, &Refusal::ShuttingDown),
                }
            }
            Parsed::Request(request) => return self.take_request(request),
            Parsed::Invalid(invalid) => self.take_invalid(invalid, stopping),
        }
        Next::Continue
    }

    fn take_request(&mut self, request: Request) -> Next {
        let to = self.reply_to(request.tag, request.noreply);
        match request.body {
            Body::Command(command) => {
                if let Command::DumpLog { .. } = command
                    && let Err(refusal) = self.prepare_dump()
                {
                    self.refuse(to, &refusal);
                    return Next::Continue;
                }
                let shard = self.context.router.shard_of(command.user());
                self.enqueue(shard, to, request.tag, Work::Command(command));
                Next::Continue
            }
            Body::Session(command) => self.take_session_command(to, request.tag, command),
        }
    }

    fn take_invalid(&mut self, invalid: Invalid, stopping: bool) {
        let to = self.reply_to(invalid.tag, invalid.noreply);
        match invalid.attempt {
            // An attempt that is refused by a rule is always in the log. This one is not taken up.
            Some(attempt) if stopping => self.turn_away(to, invalid.tag, attempt.user),
            Some(attempt) => {
                let shard = self.context.router.shard_of(attempt.user.as_ref());
                let work = Work::Rejected(Box::new((*attempt, invalid.refusal)));
                self.enqueue(shard, to, invalid.tag, work);
            }
            None => self.refuse(to, &invalid.refusal),
        }
    }

    /// Refuses a command because the server stops, after the user's earlier commands.
    fn turn_away(&mut self, to: ReplyTo, tag: Option<Tag>, user: Option<UserName>) {
        let shard = self.context.router.shard_of(user.as_ref());
        let work = Work::TurnedAway(Box::new((user, Refusal::ShuttingDown)));
        self.enqueue(shard, to, tag, work);
    }

    /// Returns true, once, after a reply of many lines that no shard has delayed.
    pub(super) fn take_replied_at_length(&mut self) -> bool {
        std::mem::take(&mut self.has_replied_at_length)
    }

    pub(super) fn reply_to(&mut self, tag: Option<Tag>, noreply: bool) -> ReplyTo {
        match tag {
            _ if noreply => ReplyTo::Nobody,
            Some(tag) => ReplyTo::Tagged(tag),
            None => {
                self.next_untagged += 1;
                ReplyTo::Untagged(self.next_untagged - 1)
            }
        }
    }

    #[inline]
    pub(super) fn enqueue(&mut self, shard: usize, to: ReplyTo, tag: Option<Tag>, work: Work) {
        let assigned = tag.is_none();
        // A subscription is no transaction: the numbers of those have no gaps.
        let is_numbered = !matches!(work, Work::Subscribe(_) | Work::Unsubscribe(_));
        let assign = || if is_numbered { self.context.router.next_number() } else { 0 };
        let number = tag.map_or_else(assign, Tag::get);
        self.batches.push(shard, Job { to, number, assigned, work });
    }

    /// Returns the shard of a user.
    pub(super) fn shard_of(&self, user: &UserName) -> usize {
        self.context.router.shard_of(Some(user))
    }

    /// Returns the reader of the audit log.
    pub(super) fn log_reader(&self) -> &LogReader {
        &self.context.logs
    }

    /// Counts that the client did not read its events.
    pub(super) fn count_slow_consumer(&self) {
        self.context.stats.slow_consumers.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes the connection from every list it is on.
    pub(super) async fn leave(&mut self) {
        self.outbox.close();
        self.flush().await;
        let (symbols, users) = self.subscriptions.take();
        for symbol in symbols {
            let to = ReplyTo::Nobody;
            self.ask_manager(|target| QuoteRequest::Unwatch { symbol, target, to });
        }
        for user in users {
            let shard = self.context.router.shard_of(Some(&user));
            self.enqueue(shard, ReplyTo::Nobody, Tag::new(1), Work::Unsubscribe(user));
        }
        self.flush().await;
    }
}

/// However a session ends, its socket is closed; others may still hold its outbox.
impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.outbox.close();
        self.context.memory.remove(self.memory_id);
    }
}
