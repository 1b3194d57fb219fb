//! Replies to requests of one connection, collected during a round.

use super::spare::{self, CHUNK_BYTES};
use crate::limits::SPARE_REPLIES_BYTES;
use daytrade_protocol::{LineBuffer, Refusal, ReplyBody, Tag};

/// Most replies are shorter than this, in bytes.
const REPLY_BYTES_GUESS: usize = 128;

/// The request that a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// A tagged request.
    Tagged(Tag),
    /// The connection's untagged request of this position, from 0.
    Untagged(u64),
    /// A request that wants no reply; it is still counted as answered.
    Nobody,
}

/// Position and length of an untagged reply.
pub type Place = (u64, usize);

/// Replies to requests of one connection.
#[derive(Debug, Default)]
pub struct Replies {
    /// Full chunks of tagged replies: long replies are not copied when a buffer grows.
    full: Vec<Vec<u8>>,
    /// The chunk of tagged replies that is being filled.
    tagged: LineBuffer,
    /// Untagged replies, one after the other.
    untagged: LineBuffer,
    untagged_places: Vec<Place>,
    answered: Vec<ReplyTo>,
    /// Number of summaries among the replies.
    summaries: usize,
    /// Size of the longest summary, bytes.
    summary_bytes: usize,
    /// True if one of them says that the accounts are elsewhere, or that what became of a command
    /// is not known.
    moved: bool,
}

/// The bytes of replies, in the parts that an outbox takes.
#[derive(Debug)]
pub struct ReplyBytes {
    /// Full chunks of tagged replies, in order.
    pub full: Vec<Vec<u8>>,
    /// Tagged replies after them.
    pub tagged: Vec<u8>,
    /// Untagged replies, one after the other.
    pub untagged: Vec<u8>,
    /// Where each of them is.
    pub untagged_places: Vec<Place>,
}

impl Replies {
    /// Creates an empty collection with capacity for `requests` replies.
    pub fn with_capacity(requests: usize) -> Self {
        let bytes = requests.saturating_mul(REPLY_BYTES_GUESS);
        // A single request may well be untagged; a client that sends many tags them.
        let tagged = match requests {
            0 | 1 => LineBuffer::default(),
            _ if bytes < CHUNK_BYTES / 4 => LineBuffer::with_capacity(bytes),
            _ => spare::chunk(),
        };
        Self { tagged, answered: Vec::with_capacity(requests), ..Self::default() }
    }

    /// Adds the reply that `write` appends to the buffer under the tag. Returns its size in bytes.
    #[inline]
    pub fn write(
        &mut self,
        to: ReplyTo,
        write: impl FnOnce(Option<Tag>, &mut LineBuffer),
    ) -> usize {
        self.answered.push(to);
        match to {
            ReplyTo::Tagged(tag) => {
                let before = self.tagged.len();
                write(Some(tag), &mut self.tagged);
                let written = self.tagged.len() - before;
                if self.tagged.len() >= CHUNK_BYTES {
                    let full = std::mem::replace(&mut self.tagged, spare::chunk());
                    self.full.push(full.into_bytes());
                }
                written
            }
            ReplyTo::Untagged(position) => {
                let before = self.untagged.len();
                write(None, &mut self.untagged);
                let written = self.untagged.len() - before;
                self.untagged_places.push((position, written));
                written
            }
            ReplyTo::Nobody => 0,
        }
    }

    /// Adds a reply of one line. Returns its size in bytes.
    pub fn push(&mut self, to: ReplyTo, body: &ReplyBody) -> usize {
        self.write(to, |tag, out| body.write_to(tag, out))
    }

    /// Notes that one of the replies ends the connection.
    pub const fn note_moved(&mut self) {
        self.moved = true;
    }

    /// Returns true if one of the replies ends the connection: MOVED or UNKNOWN.
    pub const fn has_moved(&self) -> bool {
        self.moved
    }

    /// Notes that the reply just added, of this size, answers DISPLAY_SUMMARY.
    pub fn note_summary(&mut self, bytes: usize) {
        self.summaries += 1;
        self.summary_bytes = self.summary_bytes.max(bytes);
    }

    /// Returns refusals for the same requests: the answer after the journal has failed.
    pub fn all_refused(&self, refusal: &Refusal) -> Self {
        let body = ReplyBody::refused(refusal);
        let mut refused = Self::default();
        for to in &self.answered {
            refused.push(*to, &body);
        }
        refused.summaries = self.summaries;
        refused.moved = refusal.ends_connection();
        refused
    }

    /// Returns true if no request is answered.
    pub const fn is_empty(&self) -> bool {
        self.answered.is_empty()
    }

    /// Returns the number of requests answered.
    pub const fn answered(&self) -> usize {
        self.answered.len()
    }

    /// Returns the number of summaries, and the size of the longest in bytes.
    pub const fn summaries(&self) -> (usize, usize) {
        (self.summaries, self.summary_bytes)
    }

    /// Returns the bytes and the positions of untagged replies, if the bytes are in one piece.
    pub fn only_piece(&self) -> Option<(&[u8], &[Place])> {
        let (tagged, untagged) = (self.tagged.as_bytes(), self.untagged.as_bytes());
        let is_one = self.full.is_empty() && (tagged.is_empty() || untagged.is_empty());
        let piece = if untagged.is_empty() { tagged } else { untagged };
        is_one.then_some((piece, &self.untagged_places))
    }

    /// Takes the bytes.
    pub fn take_bytes(&mut self) -> ReplyBytes {
        ReplyBytes {
            full: std::mem::take(&mut self.full),
            tagged: spare::trimmed(std::mem::take(&mut self.tagged)),
            untagged: std::mem::take(&mut self.untagged).into_bytes(),
            untagged_places: std::mem::take(&mut self.untagged_places),
        }
    }

    /// Removes everything, but keeps the memory of a few short replies for the next ones. Returns
    /// false if there is more of it, or none.
    pub fn clear_for_next(&mut self) -> bool {
        let bytes = self.tagged.capacity() + self.untagged.capacity();
        let is_worthwhile = (1..=SPARE_REPLIES_BYTES).contains(&bytes)
            && self.answered.capacity() <= SPARE_REPLIES_BYTES / size_of::<ReplyTo>();
        if is_worthwhile {
            self.full.clear();
            self.tagged.clear();
            self.untagged.clear();
            self.untagged_places.clear();
            self.answered.clear();
            (self.summaries, self.summary_bytes, self.moved) = (0, 0, false);
        }
        is_worthwhile
    }
}
