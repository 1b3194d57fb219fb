//! Replies to requests of one connection, collected before they are handed over.

use daytrade_protocol::{LineBuffer, Refusal, ReplyBody, Tag};

/// Most replies are shorter than this.
const REPLY_BYTES_GUESS: usize = 128;
/// Replies are handed over in chunks of about this size.
const CHUNK_BYTES: usize = 128 << 10;

/// Which request a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// A tagged request.
    Tagged(Tag),
    /// The connection's untagged request of this place, from 0.
    Untagged(u64),
    /// A request that wants no reply; it is still counted as done.
    Nobody,
}

/// Replies to requests of one connection, collected before they are handed over.
#[derive(Debug, Default)]
pub struct Replies {
    /// Full chunks of replies to tagged requests, and the one being filled: long replies are not
    /// copied as a buffer grows.
    pub(super) full: Vec<Vec<u8>>,
    pub(super) tagged: LineBuffer,
    /// Replies to untagged requests, one behind the other, and the place and length of each.
    pub(super) untagged: LineBuffer,
    pub(super) untagged_places: Vec<(u64, usize)>,
    pub(super) answered: Vec<ReplyTo>,
    /// How many of them are summaries, and the size of the longest.
    pub(super) summaries: usize,
    pub(super) summary_bytes: usize,
}

impl Replies {
    /// Room for the replies to so many requests.
    pub fn with_room_for(requests: usize) -> Self {
        let bytes = requests.saturating_mul(REPLY_BYTES_GUESS).min(CHUNK_BYTES);
        // One request may well be untagged; whoever sends many tags them.
        let tagged =
            if requests > 1 { LineBuffer::with_capacity(bytes) } else { LineBuffer::default() };
        Self { tagged, answered: Vec::with_capacity(requests), ..Self::default() }
    }

    /// Adds the reply that `write` appends to the buffer it is given, under the tag it is given.
    /// Returns the bytes it took.
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
                    let next = LineBuffer::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
                    self.full.push(std::mem::replace(&mut self.tagged, next).into_bytes());
                }
                written
            }
            ReplyTo::Untagged(place) => {
                let before = self.untagged.len();
                write(None, &mut self.untagged);
                let written = self.untagged.len() - before;
                self.untagged_places.push((place, written));
                written
            }
            ReplyTo::Nobody => 0,
        }
    }

    /// Adds a reply of one line.
    pub fn push(&mut self, to: ReplyTo, body: &ReplyBody) -> usize {
        self.write(to, |tag, out| body.write_to(tag, out))
    }

    /// Notes that the reply just added, of this size, answers DISPLAY_SUMMARY.
    pub fn note_summary(&mut self, bytes: usize) {
        self.summaries += 1;
        self.summary_bytes = self.summary_bytes.max(bytes);
    }

    /// The same requests, all refused: what is left to say when the journal has failed.
    pub fn all_refused(&self, refusal: &Refusal) -> Self {
        let body = ReplyBody::refused(refusal);
        let mut refused = Self::default();
        for to in &self.answered {
            refused.push(*to, &body);
        }
        refused.summaries = self.summaries;
        refused
    }

    /// Whether nothing was answered.
    pub const fn is_empty(&self) -> bool {
        self.answered.is_empty()
    }
}
