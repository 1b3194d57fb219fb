//! A disk that is almost full, a journal that has failed, a server that stops: who is told what,
//! and that nothing is decided.

use super::batch::DumpTicket;
use super::core::{Shard, Task};
use crate::quotes::QuoteRequest;
use daytrade_protocol::Refusal;
use std::sync::atomic::Ordering;

impl Shard {
    /// Stops writing when the disk is almost full, and goes on when there is room again.
    pub(super) fn heed_room(&mut self) {
        let low = self.journal.is_low();
        if low == self.low {
            return;
        }
        self.low = low;
        self.stats.disk_low.store(u64::from(low), Ordering::Relaxed);
        let _ = self.links.quotes.send(QuoteRequest::Pause { shard: self.id, paused: low });
        if low {
            tracing::error!(
                shard = self.id,
                "the disk is almost full: commands that would write are refused"
            );
        } else {
            tracing::info!(shard = self.id, "the disk has room again");
            // The older prices first.
            self.deferred.append(&mut self.agenda);
            std::mem::swap(&mut self.deferred, &mut self.agenda);
        }
    }

    /// Has everybody who was to hear of this round, or waits for a later one, hear that the journal
    /// has failed.
    pub(super) fn fail_over(&mut self) {
        for delivery in &mut self.deliveries {
            delivery.replies = delivery.replies.all_refused(&Refusal::ReadOnly);
        }
        self.subscribers.forget();
        for dump in std::mem::take(&mut self.dumps) {
            self.turn_away_dump(&dump.ticket);
        }
        self.turn_away_waiting(&Refusal::ReadOnly);
        self.refuse_all();
    }

    /// Refuses the commands that wait for a price or behind one.
    pub(super) fn turn_away_waiting(&mut self, refusal: &Refusal) {
        for (outbox, job) in self.parked.take_all() {
            self.begin_delivery(&outbox, 1);
            self.turn_away(&job, refusal);
        }
    }

    fn turn_away_dump(&mut self, ticket: &DumpTicket) {
        self.begin_delivery(&ticket.outbox, 1);
        self.reply_refused(ticket.to, &Refusal::ReadOnly);
    }

    /// Refuses everything that has come in: the journal has failed.
    pub(super) fn refuse_all(&mut self) {
        for task in std::mem::take(&mut self.agenda) {
            if let Task::DumpDone(done) = task {
                self.turn_away_dump(&done.ticket);
            }
        }
        while let Some(pending) = self.inbox.pop_front() {
            let jobs = &pending.jobs[pending.next..];
            self.begin_delivery(&pending.outbox, jobs.len());
            for job in jobs {
                self.turn_away(job, &Refusal::ReadOnly);
            }
        }
        self.inbox_jobs = 0;
    }
}
