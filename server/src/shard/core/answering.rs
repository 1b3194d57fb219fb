//! What leaves a shard at the end of a round, once its frame is durable.

use super::Shard;
use crate::message::QuoteRequest;
use crate::shard::agenda::Task;
use daytrade_protocol::Refusal;
use std::sync::atomic::Ordering;

impl Shard {
    /// Sends the output of the round: replies, then pushed lines, then requests to services.
    pub(super) fn answer(&mut self) {
        // Counted first: a STATS after a reply includes the reply's command.
        self.count();
        for probe in self.probes.drain(..) {
            let _ = probe.send(());
        }
        self.answered = self.executor.round.deliver();
        self.executor.subscribers.send();
        for dump in self.executor.round.take_dumps() {
            // The dump service outlives the shards: if it has ended, no session waits for the dump.
            let _ = self.handles.dumps.send(dump);
        }
        if let Some(is) = self.market_recorded.take() {
            let is = is && !self.decides_nothing();
            let _ = self.handles.quotes.send(QuoteRequest::MarketRecorded(is));
        }
        for (symbol, armed) in self.executor.ledger.book_mut().take_interest() {
            self.send_interest(symbol, armed);
        }
    }

    fn count(&mut self) {
        let stats = &self.stats;
        stats.add(&mut self.executor.round.tally);
        self.executor.round.time(&stats.request_times);
        stats.parked_users.store(self.executor.waiting.len() as u64, Ordering::Relaxed);
        stats.queued.store(self.inbox.jobs() as u64, Ordering::Relaxed);
        stats.users.store(self.book().len() as u64, Ordering::Relaxed);
        stats.triggers.store(self.book().triggers().len() as u64, Ordering::Relaxed);
    }

    /// Refuses everything that has arrived: nothing can be decided.
    pub(super) fn refuse_all(&mut self, refusal: &Refusal) {
        while let Some(task) = self.agenda.pop() {
            if let Task::DumpDone(done) = task {
                self.executor.end_dump(*done, refusal);
            }
        }
        self.executor.turn_away_waiting(refusal);
        while let Some(mut batch) = self.inbox.pop() {
            self.executor.round.begin_delivery(&batch.target, batch.jobs.len());
            for job in batch.jobs.by_ref() {
                self.executor.refuse_later(&batch.target, job, refusal);
            }
            self.inbox.end_turn(batch);
        }
    }
}
