//! The accounts of a shard and their journal, which change together.
//!
//! Everything that changes an account goes through [`Ledger::record`]. The ledger must never send
//! a reply, and never write a frame before its caller ends the round.

use crate::engine::{Book, Event, Hit, Known, Owner, Record, Stamp, UserId};
use crate::journal::{Anchor, AppendError, CheckedFrame, FrameBuilder, JournalWriter, Tip};
use crate::limits::FRAME_RECORDS_SOFT;

/// Why a frame could not be followed.
#[derive(Debug)]
pub(super) enum FollowError {
    /// The copy cannot be written.
    Log(AppendError),
    /// It is not what a shard writes.
    Frame(String),
}

/// Accounts, journal, the frame being filled and the shard's time.
pub(super) struct Ledger {
    book: Book,
    journal: JournalWriter,
    frame: FrameBuilder,
    now_ms: u64,
}

impl Ledger {
    /// Creates the ledger of recovered accounts at the time of the journal's last frame.
    pub(super) fn new(book: Book, journal: JournalWriter, now_ms: u64) -> Self {
        Self { book, journal, frame: FrameBuilder::default(), now_ms }
    }

    /// Returns the accounts.
    pub(super) const fn book(&self) -> &Book {
        &self.book
    }

    /// Returns the accounts, for their queues and checkpoints. Accounts change by
    /// [`Ledger::record`] alone.
    pub(super) const fn book_mut(&mut self) -> &mut Book {
        &mut self.book
    }

    /// Returns the time of the round, Unix milliseconds.
    pub(super) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Begins a round at this time; time never runs backwards.
    pub(super) fn begin_round(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Commits a record to the accounts and adds it to the frame. `known` is what the caller knows
    /// of the user's account; `on_event` is called after each event. Returns the index of the
    /// user's account.
    pub(super) fn record(
        &mut self,
        record: &Record,
        known: Known,
        on_event: impl FnMut(&Book, UserId, &Event),
    ) -> Option<UserId> {
        let stamp = Stamp { record: self.next_record(), at_ms: self.now_ms };
        let id = self.book.commit(record, stamp, known, on_event);
        self.frame.push(record, id);
        id
    }

    /// Returns the number of the next record.
    pub(super) fn next_record(&self) -> u64 {
        self.journal.next_record() + u64::from(self.frame.records())
    }

    /// Returns the number of the last record that is written.
    pub(super) const fn last_written(&self) -> u64 {
        self.journal.next_record() - 1
    }

    /// Returns true if the frame has reached its soft bounds.
    pub(super) const fn frame_is_full(&self) -> bool {
        self.frame.records() as usize >= FRAME_RECORDS_SOFT
            || self.frame.payload_bytes() >= self.journal.frame_bytes_soft()
    }

    /// Writes the frame of the round. It is durable when this returns, under `--fsync always`.
    pub(super) fn commit_frame(&mut self) -> Result<(), AppendError> {
        self.journal.commit(&mut self.frame, self.now_ms)
    }

    /// Commits the records of a frame that another server has written, and takes it into the copy.
    /// Returns the server that took over with it, if one did. `on_hit` is called for each price
    /// that was fetched, with its time.
    ///
    /// # Errors
    /// Returns a [`FollowError`]; the accounts are then unknown.
    pub(super) fn follow(
        &mut self,
        frame: &CheckedFrame,
        mut on_hit: impl FnMut(Hit, u64),
    ) -> Result<Option<Box<Owner>>, FollowError> {
        let (tip, header) = (self.journal.tip(), frame.header());
        if header.number <= tip.frame {
            // A reader that has ended since had it on its way.
            return Ok(None);
        }
        if (header.number, header.chain) != (tip.frame + 1, tip.chain) {
            return Err(FollowError::Frame(format!("frame {} is missing", tip.frame + 1)));
        }
        let at_ms = header.time_ms;
        let (mut unfit, mut owner) = (None, None);
        let book = &mut self.book;
        let read = frame.frame().each_record(|number, record| {
            if unfit.is_some() || !book.fits(&record) {
                unfit.get_or_insert(number);
                return;
            }
            book.commit(&record, Stamp { record: number, at_ms }, Known::Nothing, |_, _, _| {});
            // Only the triggers armed at the end matter.
            book.take_interest();
            match record {
                Record::Owner(found) => owner = Some(found),
                Record::Hit(hit) | Record::WatchedHit(hit) => on_hit(hit, at_ms),
                _ => {}
            }
        });
        if let Err(fault) = read {
            return Err(FollowError::Frame(fault.to_string()));
        }
        if let Some(record) = unfit {
            return Err(FollowError::Frame(format!("record {record} does not fit the accounts")));
        }
        self.journal.follow(frame).map_err(FollowError::Log)?;
        self.begin_round(at_ms);
        Ok(owner)
    }

    /// Begins an epoch: this server is the owner.
    pub(super) const fn begin_epoch(&mut self) {
        self.journal.begin_epoch();
    }

    /// Returns the end of the journal.
    pub(super) const fn tip(&self) -> Tip {
        self.journal.tip()
    }

    /// Checks the free disk space. Returns true if there is little.
    pub(super) fn check_free_space(&mut self) -> Result<bool, AppendError> {
        self.journal.check_free_space()?;
        Ok(self.journal.is_low())
    }

    /// Returns true if a frame is written and not yet synced.
    pub(super) const fn is_unsynced(&self) -> bool {
        self.journal.is_unsynced()
    }

    /// Makes all frames durable.
    pub(super) fn sync(&mut self) -> Result<(), AppendError> {
        self.journal.sync()
    }

    /// Returns the position of the last frame, after making it durable.
    pub(super) fn anchor(&mut self) -> Result<Option<Anchor>, AppendError> {
        self.journal.anchor()
    }
}
