//! Puts replies to untagged requests into the order of the requests.
//!
//! It must never hold a reply whose turn has come.

use crate::message::Place;
use std::collections::BTreeMap;

/// Replies that came before those of earlier requests.
#[derive(Default)]
pub(super) struct ReorderBuffer {
    early: BTreeMap<u64, Vec<u8>>,
    early_bytes: usize,
    /// Position of the next reply.
    next: u64,
}

impl ReorderBuffer {
    /// Takes replies with their positions and lengths, and passes those whose turn has come to
    /// `append`, with earlier ones that waited for them.
    pub(super) fn take(
        &mut self,
        bytes: Vec<u8>,
        places: &[Place],
        mut append: impl FnMut(Vec<u8>),
    ) {
        if self.pass(places) {
            return append(bytes);
        }
        let mut rest = bytes.as_slice();
        for (place, length) in places {
            let (reply, others) = rest.split_at((*length).min(rest.len()));
            rest = others;
            self.early_bytes += reply.len();
            self.early.insert(*place, reply.to_vec());
        }
        while let Some(reply) = self.early.remove(&self.next) {
            self.early_bytes -= reply.len();
            append(reply);
            self.next += 1;
        }
    }

    /// Counts replies with their positions as answered, if their turn has come and no other reply
    /// waits. Returns false otherwise.
    pub(super) fn pass(&mut self, places: &[Place]) -> bool {
        let in_turn = self.early.is_empty()
            && places.iter().zip(self.next..).all(|((place, _), next)| *place == next);
        if in_turn {
            self.next += places.len() as u64;
        }
        in_turn
    }

    /// Returns the number of untagged requests answered.
    pub(super) const fn answered(&self) -> u64 {
        self.next
    }

    /// Returns the bytes of the replies that wait for their turn.
    pub(super) const fn bytes(&self) -> usize {
        self.early_bytes
    }
}
