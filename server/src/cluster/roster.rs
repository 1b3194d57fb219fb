//! Who lives, who owns, and whether this server should take over. Pure: times are arguments.

use super::heartbeat::Heartbeat;
use crate::engine::Owner;
use crate::limits::{CLOCK_SKEW_MS, NODES_MAX, OWNER_SILENCE, OWNER_WAIT, UNKNOWN_COPIES_WAIT};
use crate::message::Route;
use std::collections::BTreeMap;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// The newest heartbeat of a server.
#[derive(Clone, Debug)]
struct Seen {
    beat: Heartbeat,
    at: Duration,
    /// Its system's clock less ours, milliseconds.
    system_offset_ms: i64,
}

impl Seen {
    fn lives(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < OWNER_SILENCE
    }
}

/// The server that has written the newest epoch of the first shard.
#[derive(Clone, Debug)]
struct Known {
    owner: Owner,
    epoch: u64,
    /// When that became known.
    since: Duration,
}

/// The servers of a cluster as this one sees them.
#[derive(Debug)]
pub(super) struct Roster {
    node: String,
    incarnation: u128,
    started: Duration,
    /// True if this server came with a copy of what the log holds.
    came_with_copy: bool,
    seen: BTreeMap<String, Seen>,
    /// When another server with this one's name was heard.
    twin_at: Option<Duration>,
    owner: Option<Known>,
    /// Since when no owner is known to live.
    sought_since: Duration,
}

impl Roster {
    /// Creates the roster of a server that has just started.
    pub(super) fn new(node: &str, incarnation: u128, came_with_copy: bool, now: Duration) -> Self {
        Self {
            node: node.to_owned(),
            incarnation,
            started: now,
            came_with_copy,
            seen: BTreeMap::new(),
            twin_at: None,
            owner: None,
            sought_since: now,
        }
    }

    /// Takes a heartbeat that has arrived now, which is `system_ms` by this server's system.
    pub(super) fn hear(&mut self, beat: Heartbeat, system_ms: u64, now: Duration) {
        let is_known = self.seen.contains_key(&beat.node);
        let is_me = beat.incarnation == format!("{:032x}", self.incarnation);
        if is_me || (!is_known && self.seen.len() >= NODES_MAX) {
            return;
        }
        if beat.node == self.node {
            self.twin_at = Some(now);
        }
        if beat.owns
            && let Ok(incarnation) = u128::from_str_radix(&beat.incarnation, 16)
        {
            let (node, address) = (beat.node.as_str().into(), beat.address.as_str().into());
            let owner = Owner { cluster: Box::default(), node, address, incarnation };
            self.note_owner(&owner, beat.epoch, now);
        }
        let system_offset_ms = beat.system_ms.cast_signed() - system_ms.cast_signed();
        let seen = Seen { at: now, system_offset_ms, beat };
        self.seen.insert(seen.beat.node.clone(), seen);
    }

    /// Notes who has written an epoch of the first shard.
    pub(super) fn note_owner(&mut self, owner: &Owner, epoch: u64, now: Duration) {
        if self.owner.as_ref().is_none_or(|known| known.epoch < epoch) {
            self.owner = Some(Known { owner: owner.clone(), epoch, since: now });
        }
    }

    fn is_me(&self, owner: &Owner) -> bool {
        owner.incarnation == self.incarnation
    }

    /// Returns the address of the owner, if it lives and is another server.
    fn living_owner(&self, now: Duration) -> Option<&str> {
        let known = self.owner.as_ref().filter(|known| !self.is_me(&known.owner))?;
        let incarnation = format!("{:032x}", known.owner.incarnation);
        let seen = self.seen.get(&*known.owner.node);
        let seen = seen.filter(|seen| seen.beat.incarnation == incarnation);
        if seen.is_some_and(|seen| seen.beat.released && seen.beat.epoch >= known.epoch) {
            return None;
        }
        let is_new = now.saturating_sub(known.since) < OWNER_SILENCE;
        let lives = seen.is_some_and(|seen| seen.lives(now));
        (is_new || lives).then_some(&*known.owner.address)
    }

    /// Returns where commands are carried out while this server does not own the accounts.
    pub(super) fn route(&mut self, now: Duration) -> Route {
        if let Some(address) = self.living_owner(now).map(Box::from) {
            self.sought_since = now;
            return Route::At(address);
        }
        if now.saturating_sub(self.sought_since) >= OWNER_WAIT {
            Route::Nowhere
        } else {
            Route::Sought
        }
    }

    /// Notes that this server was the owner until now.
    pub(super) const fn note_lost(&mut self, now: Duration) {
        self.sought_since = now;
    }

    /// Notes that nobody has been the owner for long.
    pub(super) const fn note_nobody(&mut self, now: Duration) {
        self.sought_since = now.saturating_sub(OWNER_WAIT);
    }

    /// Returns true if this server should take over now. `is_able` says that it follows all shards
    /// and has reached their ends.
    pub(super) fn should_take_over(&self, is_able: bool, now: Duration) -> bool {
        is_able && self.may_own(now) && self.living_owner(now).is_none() && self.is_first(now)
    }

    /// Returns true if nothing that this server knows of the others keeps it from owning.
    pub(super) fn may_own(&self, now: Duration) -> bool {
        let age = now.saturating_sub(self.started);
        // Others may hold frames that the log has lost; a server without any cannot know.
        let wait = if self.came_with_copy { OWNER_SILENCE } else { UNKNOWN_COPIES_WAIT };
        age >= wait && !self.is_off(now) && !self.has_twin(now)
    }

    /// Returns true if another server with the same name lives: its data folder was copied.
    pub(super) fn has_twin(&self, now: Duration) -> bool {
        self.twin_at.is_some_and(|at| now.saturating_sub(at) < OWNER_SILENCE)
    }

    /// Returns true if this server comes first among those that live and could take over. All of
    /// them find the same order.
    fn is_first(&self, now: Duration) -> bool {
        let mine = rank(&self.node);
        let others = self.seen.values().filter(|seen| seen.lives(now) && seen.beat.able);
        others.map(|seen| rank(&seen.beat.node)).all(|other| mine < other)
    }

    /// Returns true if the clock of this server differs from those of most others.
    fn is_off(&self, now: Duration) -> bool {
        let others: Vec<_> = self.seen.values().filter(|seen| seen.lives(now)).collect();
        let is_far = |seen: &&&Seen| seen.system_offset_ms.unsigned_abs() > CLOCK_SKEW_MS;
        others.len() >= 2 && others.iter().filter(is_far).count() * 2 > others.len()
    }

    /// Returns the time by which the last owner decides, or would, Unix milliseconds.
    pub(super) fn owner_time_ms(&self, now: Duration) -> Option<u64> {
        let known = self.owner.as_ref().filter(|known| !self.is_me(&known.owner))?;
        let seen = self.seen.get(&*known.owner.node)?;
        Some(seen.beat.clock_ms + now.saturating_sub(seen.at).as_millis() as u64)
    }

    /// Returns true if another server lives, which may take over as soon as it has followed to the
    /// end.
    pub(super) fn has_successor(&self, now: Duration) -> bool {
        self.seen.values().any(|seen| seen.lives(now))
    }

    /// Returns true if another server owns the accounts in a later epoch than `epoch`.
    pub(super) fn is_superseded(&self, epoch: u64) -> bool {
        self.seen.values().any(|seen| seen.beat.owns && seen.beat.epoch > epoch)
    }

    /// Returns the last frame of a shard that any server has in its copy.
    pub(super) fn last_frame_heard(&self, shard: usize) -> u64 {
        let frames = self.seen.values().filter_map(|seen| seen.beat.frames.get(shard));
        frames.copied().max().unwrap_or(0)
    }
}

/// The order in which servers take over: the same everywhere, and no server is first in every
/// cluster.
fn rank(node: &str) -> (u64, &str) {
    (xxh3_64(node.as_bytes()), node)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
