//! What becomes of a request: a job for a shard, an answer on the spot, or a wait for the requests
//! before it.

use super::connection::Session;
use super::help::write_help;
use super::replies::{Replies, ReplyTo};
use crate::limits::SUBSCRIPTIONS_MAX;
use crate::quotes::QuoteRequest;
use crate::shard::{Batch, Job, Work};
use daytrade_protocol::{
    Body, Command, Invalid, LineBuffer, Parsed, Refusal, ReplyBody, Request, SessionCommand, Tag,
};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;

impl Session {
    /// Carries out the request that waited for earlier ones, once they are answered.
    pub(super) async fn release_held(&mut self) {
        let Some(request) = self.held.take() else { return };
        self.flush().await;
        if self.must_wait(&request) {
            self.held = Some(request);
        } else {
            self.take_request(request);
        }
    }

    /// Whether a request has to wait for earlier ones of its connection, those still batched among
    /// them.
    fn must_wait(&self, request: &Request) -> bool {
        let load = || self.outbox.load();
        match &request.body {
            // The log holds all that was asked before it on this connection, and QUIT is the last
            // word.
            Body::Command(Command::DumpLog { .. }) | Body::Session(SessionCommand::Quit {}) => {
                load().in_flight + self.batched > 0
            }
            // The one reply that can be long: as many at once as their size allows.
            Body::Command(Command::DisplaySummary { .. }) => {
                let load = load();
                load.summaries + self.batched_summaries >= load.summaries_max()
            }
            // Untagged requests follow one another strictly.
            Body::Session(_) => {
                request.tag.is_none() && load().untagged_answered < self.next_untagged
            }
            Body::Command(_) => false,
        }
    }

    pub(super) fn take_line(&mut self, parsed: Parsed) {
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
                self.enqueue(
                    shard,
                    to,
                    invalid.tag,
                    Work::Rejected(Box::new((*attempt, invalid.refusal))),
                );
            }
            _ => self.refuse(to, &invalid.refusal),
        }
    }

    fn take_session_command(&mut self, to: ReplyTo, tag: Option<Tag>, command: SessionCommand) {
        match command {
            SessionCommand::Ping {} => self.reply(to, &ReplyBody::Ping {}),
            SessionCommand::Help {} => self.reply_with(to, write_help),
            SessionCommand::Stats {} => {
                let stats = Arc::clone(&self.context.stats);
                self.reply_with(to, |tag, out| stats.write(tag, out));
            }
            SessionCommand::Quit {} => {
                self.reply(to, &ReplyBody::Quit {});
                (self.ended, self.quit) = (true, true);
            }
            SessionCommand::Subscribe { user } => {
                if self.has_room_for_one_more(to) {
                    self.subscribed.insert(user.clone());
                    let shard = self.context.router.shard_of(Some(&user));
                    self.enqueue(shard, to, tag, Work::Subscribe(user));
                }
            }
            SessionCommand::Unsubscribe { user } => {
                self.subscribed.remove(&user);
                let shard = self.context.router.shard_of(Some(&user));
                self.enqueue(shard, to, tag, Work::Unsubscribe(user));
            }
            SessionCommand::Watch { symbol } => {
                if self.has_room_for_one_more(to) {
                    // The reply first: the price, if there is one, follows it.
                    self.reply(to, &ReplyBody::Watch { symbol });
                    if self.watched.insert(symbol) {
                        let number = self.context.router.next_number();
                        let outbox = Arc::clone(&self.outbox);
                        let _ = self.context.quotes.send(QuoteRequest::Watch {
                            symbol,
                            number,
                            outbox,
                        });
                    }
                }
            }
            SessionCommand::Unwatch { symbol } => {
                if self.watched.remove(&symbol) {
                    let outbox = Arc::clone(&self.outbox);
                    let _ = self.context.quotes.send(QuoteRequest::Unwatch { symbol, outbox });
                }
                self.reply(to, &ReplyBody::Unwatch { symbol });
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
        self.batched_summaries +=
            usize::from(matches!(work, Work::Command(Command::DisplaySummary { .. })));
        let number = tag.map_or_else(|| self.context.router.next_number(), Tag::get);
        let batch = &mut self.batches[shard];
        if batch.is_empty() {
            batch.reserve_exact(self.jobs_expected.max(1));
        }
        batch.push(Job { to, number, assigned, work });
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
    fn reply_with(&self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut LineBuffer)) {
        let mut replies = Replies::default();
        replies.write(to, write);
        self.outbox.begin(1, 0);
        self.outbox.answer(replies);
    }

    /// Sends the batches; waits while a shard's queue is full.
    pub(super) async fn flush(&mut self) {
        if self.batched == 0 {
            return;
        }
        self.outbox.begin(self.batched, self.batched_summaries);
        (self.batched, self.batched_summaries) = (0, 0);
        for (shard, jobs) in self.context.router.shards().iter().zip(&mut self.batches) {
            if jobs.is_empty() {
                continue;
            }
            let batch = Batch { outbox: Arc::clone(&self.outbox), jobs: std::mem::take(jobs) };
            if let Err(TrySendError::Full(batch)) = shard.jobs.try_send(batch) {
                let _ = shard.jobs.send(batch).await;
            }
            // A shard that is gone has failed; the server is stopping and every connection ends.
        }
    }

    /// Takes the connection off every list it is on.
    pub(super) async fn leave(&mut self) {
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
