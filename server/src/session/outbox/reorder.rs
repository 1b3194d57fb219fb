//! Puts replies to untagged requests into the order of the requests.
//!
//! It must never hold a reply whose turn has come.

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
        places: &[(u64, usize)],
        mut append: impl FnMut(Vec<u8>),
    ) {
        if let [(place, _)] = places
            && *place == self.next
            && self.early.is_empty()
        {
            self.next += 1;
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

    /// Returns the number of untagged requests answered.
    pub(super) const fn answered(&self) -> u64 {
        self.next
    }

    /// Returns the bytes of the replies that wait for their turn.
    pub(super) const fn bytes(&self) -> usize {
        self.early_bytes
    }
}
