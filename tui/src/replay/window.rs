//! Lines that are sent and not yet told: replies wait here until it is their turn in the file.

use super::line::Outgoing;
use bytes::Bytes;
use daytrade_protocol::{Code, CommandName};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Lines at once.
pub(super) const WINDOW_LINES_MAX: usize = 1 << 20;

/// One line's place.
#[derive(Debug)]
struct Slot {
    tag: u64,
    command: Option<CommandName>,
    sent_us: u64,
    file_line: u64,
    answered: bool,
    refused: Option<Code>,
}

/// What came back for a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether and why it was refused.
    pub refused: Option<Code>,
    /// All lines of the reply; empty where nobody wants to see them.
    pub reply: Bytes,
}

/// A line whose turn has come.
#[derive(Debug)]
pub(super) struct Told {
    pub file_line: u64,
    pub answer: Answer,
}

/// Stands for "no tag" in a slot: tags begin at 1.
const NO_TAG: u64 = 0;

/// The lines in flight and the replies that are early.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// The place of the first slot among all lines.
    first: u64,
    waiting: usize,
    /// Replies that somebody wants to see, by the place of their line.
    replies: HashMap<u64, Bytes>,
    last_tag: Option<u64>,
    /// Where each tag in flight is, once the file's tags have turned out not to follow one another.
    places: Option<HashMap<u64, u64>>,
}

impl Window {
    /// Whether a line with this tag may be sent: the same tag twice in flight could not be told
    /// apart.
    pub(super) fn has_room_for(&self, tag: Option<u64>) -> bool {
        self.slots.len() < WINDOW_LINES_MAX
            && match (tag, &self.places) {
                (Some(tag), Some(places)) => !places.contains_key(&tag),
                _ => true,
            }
    }

    /// Looks at the tag of the next line, before it is judged: from the first that does not follow
    /// the one before it, or is none, places are looked up rather than counted.
    pub(super) fn expect_tag(&mut self, tag: Option<u64>) {
        let follows = match (tag, self.last_tag) {
            (Some(tag), Some(last)) => tag == last + 1,
            (Some(_), None) => self.slots.is_empty(),
            (None, _) => false,
        };
        if self.places.is_none() && !follows {
            let waiting = self
                .slots
                .iter()
                .zip(self.first..)
                .filter(|(slot, _)| !slot.answered && slot.tag != NO_TAG);
            self.places = Some(waiting.map(|(slot, place)| (slot.tag, place)).collect());
        }
        self.last_tag = tag;
    }

    /// Adds a line; returns its place.
    pub(super) fn sent(&mut self, line: &Outgoing, file_line: u64, now_us: u64) -> u64 {
        let place = self.first + self.slots.len() as u64;
        let tag = line.tag.unwrap_or(NO_TAG);
        if let Some(places) = &mut self.places
            && tag != NO_TAG
        {
            places.insert(tag, place);
        }
        let command = line.command;
        self.slots.push_back(Slot {
            tag,
            command,
            sent_us: now_us,
            file_line,
            answered: false,
            refused: None,
        });
        self.waiting += 1;
        place
    }

    /// The place of the line in flight with this tag.
    pub(super) fn place_of(&mut self, tag: u64) -> Option<u64> {
        if let Some(places) = &mut self.places {
            return places.remove(&tag);
        }
        // Tags have followed one another so far, so the tag says where.
        let at = tag.checked_sub(self.slots.front()?.tag)?;
        let slot = self.slots.get(at as usize)?;
        (slot.tag == tag && !slot.answered).then_some(self.first + at)
    }

    /// Notes what came back for a line; returns its command and when it was sent. None: it is not
    /// in flight.
    pub(super) fn answered(
        &mut self,
        place: u64,
        answer: Answer,
    ) -> Option<(Option<CommandName>, u64)> {
        let slot = self.slots.get_mut(place.checked_sub(self.first)? as usize)?;
        if slot.answered {
            return None;
        }
        (slot.answered, slot.refused) = (true, answer.refused);
        if !answer.reply.is_empty() {
            self.replies.insert(place, answer.reply);
        }
        self.waiting -= 1;
        Some((slot.command, slot.sent_us))
    }

    /// The next line in the order of the file, if it is answered.
    pub(super) fn tell(&mut self) -> Option<Told> {
        let slot = self.slots.pop_front_if(|slot| slot.answered)?;
        let reply = if self.replies.is_empty() { None } else { self.replies.remove(&self.first) };
        self.first += 1;
        let answer = Answer { refused: slot.refused, reply: reply.unwrap_or_default() };
        Some(Told { file_line: slot.file_line, answer })
    }

    /// How many lines are not answered.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(tag: Option<u64>) -> Outgoing {
        Outgoing { tag, command: None, lane: 0, noreply: false, alone: false, quits: false }
    }

    proptest! {
        /// Whatever the tags and the order of the replies, every line is told once, in the order of
        /// the file.
        #[test]
        fn replies_are_told_in_the_order_of_the_file(
            tags in proptest::collection::vec(prop_oneof![3 => Just(None), 1 => (1..6u64).prop_map(Some)], 1..40),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            // None stands for "the next number": most files count up, some repeat and shuffle.
            let mut next = 0;
            let tags: Vec<u64> = tags.into_iter().map(|tag| tag.unwrap_or_else(|| { next += 1; next + 10 })).collect();
            let mut window = Window::default();
            let (mut flight, mut told, mut order) = (Vec::new(), Vec::new(), order.into_iter());
            let mut lines = tags.iter().enumerate().peekable();
            loop {
                while let Some((number, &tag)) = lines.peek().copied() {
                    window.expect_tag(Some(tag));
                    if !window.has_room_for(Some(tag)) { break; }
                    window.sent(&line(Some(tag)), number as u64, 0);
                    flight.push(tag);
                    lines.next();
                }
                if flight.is_empty() { break; }
                let Some(pick) = order.next() else { break };
                let tag = flight.remove(pick.index(flight.len()));
                let place = window.place_of(tag).expect("in flight");
                let reply = Bytes::from(tag.to_string());
                let answered = window.answered(place, Answer { refused: None, reply });
                prop_assert!(answered.is_some());
                while let Some(next) = window.tell() {
                    told.push((next.file_line, next.answer.reply));
                }
            }
            let want: Vec<_> = tags.iter().enumerate().map(|(n, tag)| (n as u64, Bytes::from(tag.to_string()))).collect();
            prop_assert_eq!(told, want);
            prop_assert_eq!(window.waiting(), 0);
        }
    }
}
