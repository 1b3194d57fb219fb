//! Turns requests into jobs for the shards, immediate replies, or a wait for earlier requests.

use super::batches::JobBatches;
use super::context::Context;
use super::foreign;
use super::help::write_help;
use super::outbox::{Load, Outbox};
use super::transport::ReplyWriter;
use crate::limits::{IN_FLIGHT_MAX, OUTBOX_BYTES_MAX, SUBSCRIPTIONS_MAX};
use crate::message::{Batch, Job, QuoteRequest, Replies, ReplyTarget, ReplyTo, Subscription, Work};
use daytrade_protocol::{
    Body, Command, ForeignProtocol, Invalid, LineBuffer, Parsed, Refusal, ReplyBody, Request,
    SessionCommand, Symbol, Tag, UserName,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;

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
    context: Context,
    /// Number of the outbox in the memory of all sessions.
    memory_id: u64,
    pub(super) outbox: Arc<Outbox>,
    target: ReplyTarget,
    batches: JobBatches,
    /// Position of the next untagged request.
    next_untagged: u64,
    /// A request that waits until everything before it is answered.
    held: Option<Request>,
    /// Accounts whose events are wanted: asked for, and not refused by their shard.
    subscribed: BTreeSet<UserName>,
    /// SUBSCRIBEs that the shards have not answered.
    subscribing: BTreeMap<UserName, usize>,
    watched: BTreeSet<Symbol>,
    /// True after a reply of many lines that no shard has delayed.
    has_replied_at_length: bool,
}

impl Dispatcher {
    /// Creates the dispatcher of a connection.
    pub(super) fn new(context: Context, writer: impl ReplyWriter + 'static) -> Self {
        let batches = JobBatches::new(context.router.shards().len());
        let outbox = Arc::new(Outbox::new(writer, Some(Arc::clone(&context.memory))));
        let memory_id = context.memory.add(&outbox);
        let target = ReplyTarget::new(Arc::clone(&outbox));
        let (subscribed, watched) = (BTreeSet::new(), BTreeSet::new());
        let (next_untagged, held, has_replied_at_length) = (0, None, false);
        Self {
            context,
            memory_id,
            outbox,
            target,
            batches,
            next_untagged,
            held,
            subscribed,
            subscribing: BTreeMap::new(),
            watched,
            has_replied_at_length,
        }
    }

    /// Returns true if a request waits for earlier ones.
    pub(super) const fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Returns true if the client waits for pushed lines.
    pub(super) fn is_listening(&mut self) -> bool {
        self.note_subscriptions();
        !self.subscribed.is_empty() || !self.watched.is_empty()
    }

    /// Returns true if the bounds of the connection allow another request.
    pub(super) const fn may_take_more(&self, load: &Load) -> bool {
        self.held.is_none()
            && load.flow.in_flight + self.batches.jobs() < IN_FLIGHT_MAX
            && load.bytes < OUTBOX_BYTES_MAX
    }

    /// Notes how many bytes of lines will be read next.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.batches.expect(bytes);
    }

    /// Carries out the request that waited, once the requests before it are answered.
    pub(super) async fn release_held(&mut self) -> Next {
        let Some(request) = self.held.take() else { return Next::Continue };
        self.flush().await;
        if self.must_wait(&request) {
            self.held = Some(request);
            return Next::Continue;
        }
        self.take_request(request)
    }

    /// Returns true if a request has to wait for earlier ones of its connection, those still in a
    /// batch included.
    fn must_wait(&self, request: &Request) -> bool {
        let load = || self.outbox.load();
        match &request.body {
            // The log holds everything requested before it on this connection; QUIT is the last
            // request.
            Body::Command(Command::DumpLog { .. }) | Body::Session(SessionCommand::Quit {}) => {
                load().flow.in_flight + self.batches.jobs() > 0
            }
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

    /// Takes one parsed line.
    pub(super) fn take_line(&mut self, parsed: Parsed, stopping: bool) -> Next {
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
            Parsed::Request(request) if self.must_wait(&request) => self.held = Some(request),
            Parsed::Request(request) => return self.take_request(request),
            Parsed::Invalid(invalid) => self.take_invalid(invalid, stopping),
        }
        Next::Continue
    }

    fn take_request(&mut self, request: Request) -> Next {
        let to = self.reply_to(request.tag, request.noreply);
        match request.body {
            Body::Command(command) => {
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

    fn take_session_command(
        &mut self,
        to: ReplyTo,
        tag: Option<Tag>,
        command: SessionCommand,
    ) -> Next {
        match command {
            SessionCommand::Ping {} => self.reply(to, &ReplyBody::Ping {}),
            SessionCommand::Help {} => {
                self.reply_with(to, write_help);
                self.has_replied_at_length = true;
            }
            SessionCommand::Stats {} => {
                let stats = Arc::clone(&self.context.stats);
                self.reply_with(to, |tag, out| stats.write(tag, out));
                self.has_replied_at_length = true;
            }
            SessionCommand::Quit {} => {
                self.reply(to, &ReplyBody::Quit {});
                return Next::Quit;
            }
            SessionCommand::Subscribe { user } => {
                if self.may_listen_to_more(to) {
                    self.subscribed.insert(user.clone());
                    *self.subscribing.entry(user.clone()).or_default() += 1;
                    let shard = self.context.router.shard_of(Some(&user));
                    self.enqueue(shard, to, tag, Work::Subscribe(user));
                }
            }
            SessionCommand::Unsubscribe { user } => {
                self.note_subscriptions();
                self.subscribed.remove(&user);
                let shard = self.context.router.shard_of(Some(&user));
                self.enqueue(shard, to, tag, Work::Unsubscribe(user));
            }
            SessionCommand::Watch { symbol } => {
                if self.may_listen_to_more(to) {
                    if self.watched.insert(symbol) {
                        let number = self.context.router.next_number();
                        self.ask_manager(|target| QuoteRequest::Watch {
                            symbol,
                            number,
                            target,
                            to,
                        });
                    } else {
                        self.reply(to, &ReplyBody::Watch { symbol });
                    }
                }
            }
            SessionCommand::Unwatch { symbol } => {
                if self.watched.remove(&symbol) {
                    self.ask_manager(|target| QuoteRequest::Unwatch { symbol, target, to });
                } else {
                    self.reply(to, &ReplyBody::Unwatch { symbol });
                }
            }
        }
        Next::Continue
    }

    /// Answers a client that speaks another protocol, after the replies to what precedes it.
    pub(super) fn refuse_foreign(&mut self, protocol: ForeignProtocol) {
        self.context.stats.line_refused(foreign::CODE);
        if let Some(answer) = foreign::answer_to(protocol) {
            let to = self.reply_to(None, false);
            self.reply_with(to, |_, out| out.extend_from_slice(answer));
        }
    }

    /// Applies the shards' answers to SUBSCRIBE and UNSUBSCRIBE.
    fn note_subscriptions(&mut self) {
        for (user, outcome) in self.outbox.take_subscriptions() {
            if outcome != Subscription::Ended
                && let Some(unanswered) = self.subscribing.get_mut(&user)
            {
                *unanswered -= 1;
                if *unanswered == 0 {
                    self.subscribing.remove(&user);
                }
            }
            if outcome == Subscription::Accepted {
                self.subscribed.insert(user);
            } else if !self.subscribing.contains_key(&user) {
                self.subscribed.remove(&user);
            }
        }
    }

    fn may_listen_to_more(&mut self, to: ReplyTo) -> bool {
        self.note_subscriptions();
        let may = self.subscribed.len() + self.watched.len() < SUBSCRIPTIONS_MAX;
        if !may {
            self.refuse(to, &Refusal::TooManySubscriptions(SUBSCRIPTIONS_MAX as u32));
        }
        may
    }

    /// Sends a request to the quote manager, which answers it: until then it is in flight.
    fn ask_manager(&self, request: impl FnOnce(ReplyTarget) -> QuoteRequest) {
        self.outbox.begin(1, 0);
        let _ = self.context.quotes.send(request(self.target.clone()));
    }

    /// Returns true, once, after a reply of many lines that no shard has delayed.
    pub(super) fn take_replied_at_length(&mut self) -> bool {
        std::mem::take(&mut self.has_replied_at_length)
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
        let number = tag.map_or_else(|| self.context.router.next_number(), Tag::get);
        self.batches.push(shard, Job { to, number, assigned, work });
    }

    fn refuse(&self, to: ReplyTo, refusal: &Refusal) {
        self.context.stats.line_refused(refusal.code());
        self.reply(to, &ReplyBody::refused(refusal));
    }

    fn reply(&self, to: ReplyTo, body: &ReplyBody) {
        self.reply_with(to, |tag, out| body.write_to(tag, out));
    }

    /// Answers without a shard.
    fn reply_with(&self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut LineBuffer)) {
        let mut replies = Replies::default();
        replies.write(to, write);
        self.outbox.begin(1, 0);
        self.outbox.answer(replies);
    }

    /// Sends the batches; waits while a shard's queue is full.
    pub(super) async fn flush(&mut self) {
        if self.batches.jobs() == 0 {
            return;
        }
        self.outbox.begin(self.batches.jobs(), self.batches.summaries());
        self.batches.begin_sending();
        for (number, shard) in self.context.router.shards().iter().enumerate() {
            let jobs = self.batches.take(number);
            if jobs.is_empty() {
                continue;
            }
            let batch = Batch { target: self.target.clone(), jobs };
            if let Err(TrySendError::Full(batch)) = shard.jobs.try_send(batch) {
                let _ = shard.jobs.send(batch).await;
            }
            // A shard that is gone has failed; the server is stopping and every connection ends.
        }
    }

    /// Removes the connection from every list it is on.
    pub(super) async fn leave(&mut self) {
        self.outbox.close();
        self.flush().await;
        for symbol in std::mem::take(&mut self.watched) {
            let to = ReplyTo::Nobody;
            self.ask_manager(|target| QuoteRequest::Unwatch { symbol, target, to });
        }
        // A SUBSCRIBE may still be accepted.
        let mut users = std::mem::take(&mut self.subscribed);
        users.extend(std::mem::take(&mut self.subscribing).into_keys());
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
