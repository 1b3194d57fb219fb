//! The reorder buffer: lines that are sent and not yet reported, with the replies that arrive
//! before their turn.
//!
//! It owns the order of the file. It must never read the file, write to a connection or print.

use bytes::Bytes;
use daytrade_protocol::{Code, CommandName};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Capacity in lines.
const LINES_MAX: usize = 1 << 20;
/// Bytes of early replies at which no more lines are sent.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// What is known of a line in the buffer when its reply arrives.
///
/// The replies of several connections arrive out of order, so that a slot is mostly far from the
/// last one; those of a hundred thousand lines in flight fit into a cache near the processor.
#[derive(Debug)]
struct Slot {
    /// The low bits of the time at which it was sent; they repeat after 71 minutes, half of
    /// which is the longest time to a reply.
    sent_us: u32,
    command: Option<CommandName>,
    fate: Fate,
    refused: Option<Code>,
}

impl Slot {
    const fn waiting(command: Option<CommandName>, now_us: u64) -> Self {
        Self { sent_us: now_us as u32, command, fate: Fate::Waiting, refused: None }
    }

    /// Notes the reply; returns how many microseconds it took. Returns None if none is expected.
    #[inline]
    fn answer(&mut self, refused: Option<Code>, now_us: u64) -> Option<u64> {
        if self.fate != Fate::Waiting {
            return None;
        }
        (self.fate, self.refused) = (Fate::Answered, refused);
        let took_us = (now_us as u32).wrapping_sub(self.sent_us).cast_signed();
        Some(took_us.max(0).cast_unsigned().into())
    }
}

/// What is needed of a line in the order of the file.
#[derive(Debug)]
pub(super) struct Line {
    pub tag: u64,
    pub file_line: u64,
}

/// What has become of a line that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has no reply.
    Waiting,
    /// Its reply says that it was not carried out, because the accounts are with another server.
    Moved,
    /// It has its reply.
    Answered,
}

/// The reply to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Code of the refusal, if it is one.
    pub refused: Option<Code>,
    /// All lines of the reply; empty if the replay does not need its text.
    pub reply: Bytes,
}

/// A line whose reply is next in the order of the file.
#[derive(Debug)]
pub(super) struct Released {
    pub file_line: u64,
    pub answer: Answer,
}

/// Marks a line without a tag: tags begin at 1.
const NO_TAG: u64 = 0;

/// The lines in flight and the early replies, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct ReorderBuffer {
    slots: VecDeque<Slot>,
    /// As many as `slots`.
    lines: VecDeque<Line>,
    /// Position of the first slot among all lines.
    first: u64,
    /// Lines without a reply.
    unanswered: usize,
    /// Texts of early replies, in the order of the slots; may end before them.
    replies: VecDeque<Option<Bytes>>,
    /// Bytes in `replies`.
    reply_bytes: usize,
    last_tag: Option<u64>,
    /// Positions of the tags in flight; Some once the tags of the file are not consecutive.
    positions: Option<HashMap<u64, u64>>,
}

impl ReorderBuffer {
    /// Returns true if the buffer has capacity for a line with this tag. A tag that is already in
    /// flight has to wait: its two replies could not be told apart.
    pub(super) fn has_capacity_for(&self, tag: Option<u64>) -> bool {
        self.slots.len() < LINES_MAX
            && match (tag, &self.positions) {
                (Some(tag), Some(positions)) => !positions.contains_key(&tag),
                _ => true,
            }
    }

    /// Returns true if the early replies have reached their limit in bytes.
    pub(super) const fn is_full_of_replies(&self) -> bool {
        self.reply_bytes >= REPLY_BYTES_MAX
    }

    /// Registers the tag of the next line before [`Self::has_capacity_for`] checks it. While tags
    /// are consecutive, a tag gives the position of its line; from the first that is missing or out
    /// of sequence, positions are looked up in a map.
    pub(super) fn register_tag(&mut self, tag: Option<u64>) {
        let is_consecutive = match (tag, self.last_tag) {
            (Some(tag), Some(last)) => tag == last + 1,
            (Some(_), None) => self.slots.is_empty(),
            (None, _) => false,
        };
        if self.positions.is_none() && !is_consecutive {
            let lines = self.slots.iter().zip(&self.lines).zip(self.first..);
            let unanswered =
                lines.filter(|((slot, line), _)| slot.fate != Fate::Answered && line.tag != NO_TAG);
            let positions = unanswered.map(|((_, line), position)| (line.tag, position));
            self.positions = Some(positions.collect());
        }
        self.last_tag = tag;
    }

    /// Adds a line that is sent. Its tag was registered.
    pub(super) fn push(
        &mut self,
        tag: Option<u64>,
        command: Option<CommandName>,
        file_line: u64,
        now_us: u64,
    ) {
        let position = self.next_position();
        let tag = tag.unwrap_or(NO_TAG);
        if let Some(positions) = &mut self.positions
            && tag != NO_TAG
        {
            positions.insert(tag, position);
        }
        self.slots.push_back(Slot::waiting(command, now_us));
        self.lines.push_back(Line { tag, file_line });
        self.unanswered += 1;
    }

    /// Returns the tag that follows the last one, if all tags so far are consecutive.
    pub(super) fn next_tag(&self) -> Option<u64> {
        if self.positions.is_some() { None } else { self.last_tag?.checked_add(1) }
    }

    /// Returns how many more lines there is room for.
    pub(super) fn room(&self) -> usize {
        LINES_MAX.saturating_sub(self.slots.len())
    }

    /// Adds a line that is sent, with the tag that [`ReorderBuffer::next_tag`] would return.
    #[inline]
    pub(super) fn push_next(&mut self, line: Line, command: CommandName, now_us: u64) {
        debug_assert_eq!(self.next_tag(), Some(line.tag), "the tag is not the next one");
        self.last_tag = Some(line.tag);
        self.slots.push_back(Slot::waiting(Some(command), now_us));
        self.lines.push_back(line);
        self.unanswered += 1;
    }

    /// Returns the position of the line in flight with this tag.
    #[inline]
    pub(super) fn position_of(&mut self, tag: u64) -> Option<u64> {
        if let Some(positions) = &mut self.positions {
            return positions.remove(&tag);
        }
        // Tags are consecutive so far, so the tag gives the position.
        let index = tag.checked_sub(self.lines.front()?.tag)?;
        let slot = self.slots.get(index as usize)?;
        (slot.fate != Fate::Answered).then_some(self.first + index)
    }

    /// Stores that a line has its reply, whose text nobody needs; returns what
    /// [`ReorderBuffer::store_reply`] does. Returns None, too, if the line has to be looked up.
    #[inline]
    pub(super) fn store_bare(
        &mut self,
        tag: u64,
        refused: Option<Code>,
        now_us: u64,
    ) -> Option<(Option<CommandName>, u64)> {
        if self.positions.is_some() {
            return None;
        }
        let index = tag.checked_sub(self.lines.front()?.tag)?;
        let slot = self.slots.get_mut(index as usize)?;
        let took_us = slot.answer(refused, now_us)?;
        self.unanswered -= 1;
        Some((slot.command, took_us))
    }

    /// Stores the reply to a line; returns the line's command and how many microseconds it took.
    /// Returns None if the line is not in flight.
    pub(super) fn store_reply(
        &mut self,
        position: u64,
        answer: Answer,
        now_us: u64,
    ) -> Option<(Option<CommandName>, u64)> {
        let index = position.checked_sub(self.first)? as usize;
        let slot = self.slots.get_mut(index)?;
        let took_us = slot.answer(answer.refused, now_us)?;
        if !answer.reply.is_empty() {
            self.reply_bytes += answer.reply.len();
            if self.replies.len() <= index {
                self.replies.resize(index + 1, None);
            }
            self.replies[index] = Some(answer.reply);
        }
        self.unanswered -= 1;
        Some((slot.command, took_us))
    }

    fn slot_mut(&mut self, position: u64) -> Option<&mut Slot> {
        let index = position.checked_sub(self.first)? as usize;
        self.slots.get_mut(index)
    }

    fn tag_of(&self, position: u64) -> u64 {
        let index = position.checked_sub(self.first);
        index.and_then(|index| self.lines.get(index as usize)).map_or(NO_TAG, |line| line.tag)
    }

    /// Returns the position of the first line; those before it are reported.
    pub(super) const fn first_position(&self) -> u64 {
        self.first
    }

    /// Returns what has become of a line.
    pub(super) fn fate(&self, position: u64) -> Fate {
        let index = position.checked_sub(self.first);
        index.and_then(|index| self.slots.get(index as usize)).map_or(Fate::Answered, |s| s.fate)
    }

    /// Notes that a line was not carried out, because the accounts are with another server. Its tag
    /// stays in flight. Returns false if the line does not wait for its reply.
    pub(super) fn mark_moved(&mut self, position: u64) -> bool {
        let slot = self.slot_mut(position).filter(|slot| slot.fate == Fate::Waiting);
        let Some(slot) = slot else { return false };
        slot.fate = Fate::Moved;
        let tag = self.tag_of(position);
        if let Some(positions) = &mut self.positions
            && tag != NO_TAG
        {
            positions.insert(tag, position);
        }
        true
    }

    /// Notes that a line is sent again. Returns true if it has a tag.
    pub(super) fn wait_again(&mut self, position: u64) -> bool {
        let Some(slot) = self.slot_mut(position) else { return false };
        slot.fate = Fate::Waiting;
        self.tag_of(position) != NO_TAG
    }

    /// Notes that no reply with the tag of this line comes any more; returns the tag.
    pub(super) fn give_up_tag(&mut self, position: u64) -> Option<u64> {
        self.slot_mut(position)?;
        let tag = self.tag_of(position);
        if let Some(positions) = &mut self.positions {
            positions.remove(&tag);
        }
        Some(tag)
    }

    /// Returns the position of the next line.
    pub(super) fn next_position(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// Removes the next line in the order of the file, if it has its reply.
    pub(super) fn pop(&mut self) -> Option<Released> {
        let slot = self.slots.pop_front_if(|slot| slot.fate == Fate::Answered)?;
        let line = self.lines.pop_front()?;
        let reply = self.replies.pop_front().flatten().unwrap_or_default();
        self.reply_bytes -= reply.len();
        self.first += 1;
        let answer = Answer { refused: slot.refused, reply };
        Some(Released { file_line: line.file_line, answer })
    }

    /// Removes the next lines in the order of the file that have their reply, as long as no text of
    /// a reply is kept for them: nobody looks at those.
    pub(super) fn skip_answered(&mut self) {
        let is_done = |slot: &&Slot| slot.fate == Fate::Answered;
        let mut answered = self.slots.iter().take_while(is_done).count();
        if self.reply_bytes > 0
            && let Some(first) = self.replies.iter().take(answered).position(Option::is_some)
        {
            answered = first;
        }
        self.slots.drain(..answered);
        self.lines.drain(..answered);
        self.replies.drain(..answered.min(self.replies.len()));
        self.first += answered as u64;
    }

    /// Returns the number of lines without a reply.
    pub(super) const fn unanswered(&self) -> usize {
        self.unanswered
    }
}

#[cfg(test)]
mod tests;
