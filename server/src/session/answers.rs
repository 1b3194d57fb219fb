//! Answers of the session itself, without a shard.

use super::dispatch::Dispatcher;
use super::foreign;
use crate::message::{Replies, ReplyTo};
use daytrade_protocol::{Code, ForeignProtocol, LineBuffer, Refusal, ReplyBody, Tag};

impl Dispatcher {
    /// Counts a refused line.
    pub(super) fn note_refused(&self, code: Code) {
        self.context.stats.line_refused(code);
    }

    /// Answers a client that speaks another protocol, after the replies to what precedes it.
    pub(super) fn refuse_foreign(&mut self, protocol: ForeignProtocol) {
        self.context.stats.line_refused(foreign::CODE);
        if let Some(answer) = foreign::answer_to(protocol) {
            let to = self.reply_to(None, false);
            self.reply_with(to, |_, out| out.extend_from_slice(answer));
        }
    }

    /// Refuses a request, and counts that.
    pub(super) fn refuse(&self, to: ReplyTo, refusal: &Refusal) {
        self.note_refused(refusal.code());
        let mut replies = Replies::default();
        replies.push(to, &ReplyBody::refused(refusal));
        if refusal.ends_connection() {
            replies.note_moved();
        }
        self.outbox.begin(1, 0);
        self.outbox.answer(&mut replies);
    }

    /// Answers a request with one line.
    pub(super) fn reply(&self, to: ReplyTo, body: &ReplyBody) {
        self.reply_with(to, |tag, out| body.write_to(tag, out));
    }

    /// Answers a request with what `write` appends under its tag.
    pub(super) fn reply_with(&self, to: ReplyTo, write: impl FnOnce(Option<Tag>, &mut LineBuffer)) {
        let mut replies = Replies::default();
        replies.write(to, write);
        self.outbox.begin(1, 0);
        self.outbox.answer(&mut replies);
    }
}
