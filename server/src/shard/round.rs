//! Output of a round, sent once its frame is durable: replies, dumps to write, counts.
//!
//! It must never send anything before the frame is durable.

use super::stats::Tally;
use crate::engine::{Account, write_summary};
use crate::histogram::Histogram;
use crate::limits::{ROUND_REPLY_BYTES_SOFT, SPARE_REPLIES_MAX};
use crate::message::{DumpRequest, Quote, Replies, ReplyTarget, ReplyTo};
use daytrade_protocol::{Command, LineBuffer, Refusal, ReplyBody, Tag, UserName};
use std::time::Instant;

/// Replies to one connection.
#[derive(Debug)]
struct Delivery {
    target: ReplyTarget,
    replies: Replies,
}

/// The output of a round.
#[derive(Debug, Default)]
pub(super) struct Round {
    deliveries: Vec<Delivery>,
    /// Empty replies of earlier rounds, for connections with one request.
    spare: Vec<Replies>,
    reply_bytes: usize,
    dumps: Vec<DumpRequest>,
    pub(super) tally: Tally,
    /// Number of replies.
    answers: u64,
    /// When the requests of each delivery were read, and how many replies stood before it, if that
    /// is measured.
    read: Vec<(Instant, u64)>,
}

impl Round {
    /// Ensures that the last delivery targets this connection, with capacity for `requests`
    /// replies.
    pub(super) fn begin_delivery(&mut self, target: &ReplyTarget, requests: usize) {
        if self.deliveries.last().is_none_or(|last| !last.target.is_same(target)) {
            let spare = if requests == 1 { self.spare.pop() } else { None };
            let replies = spare.unwrap_or_else(|| Replies::with_capacity(requests));
            self.deliveries.push(Delivery { target: target.clone(), replies });
        }
        if let Some(at) = target.read_at() {
            self.read.push((at, self.answers));
        }
    }

    /// Returns true if the replies have reached their soft bound.
    pub(super) const fn is_full(&self) -> bool {
        self.reply_bytes >= ROUND_REPLY_BYTES_SOFT
    }

    /// Returns true if there is no output.
    pub(super) const fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    fn write(
        &mut self,
        to: ReplyTo,
        write: impl FnOnce(Option<Tag>, &mut LineBuffer),
    ) -> Option<&mut Replies> {
        let delivery = self.deliveries.last_mut()?;
        self.reply_bytes += delivery.replies.write(to, write);
        self.answers += 1;
        Some(&mut delivery.replies)
    }

    /// Adds a reply of one line to the last delivery.
    pub(super) fn reply(&mut self, to: ReplyTo, body: &ReplyBody) {
        self.write(to, |tag, out| body.write_to(tag, out));
    }

    /// Adds a refusal.
    #[expect(clippy::indexing_slicing, reason = "there is a counter for each code")]
    pub(super) fn refuse(&mut self, to: ReplyTo, refusal: &Refusal) {
        self.tally.refused[refusal.code() as usize] += 1;
        let replies = self.write(to, |tag, out| ReplyBody::write_refusal(refusal, tag, out));
        if refusal.ends_connection()
            && let Some(replies) = replies
        {
            replies.note_moved();
        }
    }

    /// Adds the refusal of a command: a summary that is refused is no longer in flight.
    pub(super) fn refuse_command(&mut self, to: ReplyTo, command: &Command, refusal: &Refusal) {
        self.tally.refused_of(command.name());
        self.refuse(to, refusal);
        if let (Command::DisplaySummary { .. }, Some(last)) = (command, self.deliveries.last_mut())
        {
            last.replies.note_summary(0);
        }
    }

    /// Adds the reply to a QUOTE.
    pub(super) fn reply_quote(&mut self, to: ReplyTo, quote: &Quote) {
        let Quote { symbol, price, arrived_ms, key } = quote;
        self.write(to, |tag, out| {
            ReplyBody::write_quote(*symbol, *price, *arrived_ms, key, tag, out);
        });
    }

    /// Adds the reply to a DISPLAY_SUMMARY.
    pub(super) fn reply_summary(&mut self, to: ReplyTo, user: &UserName, account: &Account) {
        let before = self.reply_bytes;
        if self.write(to, |tag, out| write_summary(account, user, tag, out)).is_some() {
            let bytes = self.reply_bytes - before;
            if let Some(last) = self.deliveries.last_mut() {
                last.replies.note_summary(bytes);
            }
        }
    }

    /// Adds a dump to write.
    pub(super) fn add_dump(&mut self, dump: DumpRequest) {
        self.dumps.push(dump);
    }

    /// Replaces every reply by a refusal and returns the dumps, which are not written: the frame is
    /// not known to be durable.
    pub(super) fn fail(&mut self, refusal: &Refusal) -> Vec<DumpRequest> {
        for delivery in &mut self.deliveries {
            delivery.replies = delivery.replies.all_refused(refusal);
        }
        std::mem::take(&mut self.dumps)
    }

    /// Counts how long the requests took, now that their replies are handed over.
    pub(super) fn time(&mut self, times: &Histogram) {
        let answers = std::mem::take(&mut self.answers);
        if self.read.is_empty() {
            return;
        }
        let (now, mut end) = (Instant::now(), answers);
        for (read_at, before) in self.read.drain(..).rev() {
            if end > before {
                times.add(now.saturating_duration_since(read_at), end - before);
            }
            end = before;
        }
    }

    /// Hands the replies over and returns the number of connections answered.
    pub(super) fn deliver(&mut self) -> usize {
        self.reply_bytes = 0;
        let answered = self.deliveries.len();
        for Delivery { target, mut replies } in self.deliveries.drain(..) {
            if !replies.is_empty() {
                target.sink().deliver(&mut replies);
                if self.spare.len() < SPARE_REPLIES_MAX && replies.clear_for_next() {
                    self.spare.push(replies);
                }
            }
        }
        answered
    }

    /// Takes the dumps to write.
    pub(super) fn take_dumps(&mut self) -> std::vec::Drain<'_, DumpRequest> {
        self.dumps.drain(..)
    }
}
