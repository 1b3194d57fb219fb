//! Connections that have not logged in yet, and the connections of each address.
//!
//! A stranger can open connections faster than anybody logs in. Their number is bounded, and the
//! stranger who holds most of the places loses one to each newcomer.

use crate::access::{Door, Logins, Source};
use crate::limits::{ENTERING_MAX, ENTERING_OF_ADDRESS_MAX, LOGIN_WITHIN};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where connections come in that must log in. Clones are the same entrance.
#[derive(Clone)]
pub(crate) struct Entrance {
    /// Verifies the logins.
    pub logins: Arc<dyn Logins>,
    entering: Arc<Mutex<Entering>>,
    addresses: Arc<Addresses>,
}

/// The connections of each address.
struct Addresses {
    most: AtomicUsize,
    counts: Mutex<HashMap<Source, usize>>,
}

/// The connections that have not logged in yet, the oldest first.
#[derive(Debug, Default)]
struct Entering {
    next: u64,
    connections: Vec<(u64, Source, CancellationToken)>,
}

/// The place of a connection among those of its address, given back when it is dropped.
pub(super) struct AddressPlace {
    addresses: Arc<Addresses>,
    source: Source,
}

/// The place of a connection that has not logged in, given back when it is dropped.
struct EnteringPlace {
    entering: Arc<Mutex<Entering>>,
    id: u64,
}

impl Entrance {
    /// Creates the entrance of a server, with at most this many connections of an address.
    pub(crate) fn new(logins: Arc<dyn Logins>, of_address: usize) -> Self {
        let addresses = Addresses { most: of_address.into(), counts: Mutex::default() };
        Self { logins, entering: Arc::default(), addresses: Arc::new(addresses) }
    }

    /// Changes the maximum number of connections of an address; those that are open stay.
    pub(crate) fn set_most_of_address(&self, most: usize) {
        self.addresses.most.store(most, Ordering::Relaxed);
    }

    /// Enters a connection of an address. Returns None if the address has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<AddressPlace> {
        let source = Source::of(address);
        let mut counts = self.addresses.counts.lock();
        let count = counts.entry(source).or_default();
        if *count >= self.addresses.most.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        Some(AddressPlace { addresses: Arc::clone(&self.addresses), source })
    }

    /// Takes a place from the connection that has waited longest of the address that has most, if
    /// one has not logged in: strangers must not keep a server full.
    pub(super) fn displace(&self) {
        self.entering.lock().displace(None);
    }

    /// Returns the maximum number of connections of an address.
    pub(super) fn most_of_address(&self) -> u32 {
        self.addresses.most.load(Ordering::Relaxed) as u32
    }

    /// Gives a connection a place among those that have not logged in, and the time until it must.
    pub(super) fn door(&self, peer: IpAddr) -> Door {
        let displaced = CancellationToken::new();
        let id = self.entering.lock().enter(Source::of(peer), displaced.clone());
        let place = EnteringPlace { entering: Arc::clone(&self.entering), id };
        Door {
            logins: Arc::clone(&self.logins),
            peer,
            log_in_by: Instant::now() + LOGIN_WITHIN,
            displaced,
            place: Some(Box::new(place)),
        }
    }
}

impl Entering {
    fn enter(&mut self, address: Source, displaced: CancellationToken) -> u64 {
        let held = self.connections.iter().filter(|one| one.1 == address).count();
        if held >= ENTERING_OF_ADDRESS_MAX {
            self.displace(Some(address));
        } else if self.connections.len() >= ENTERING_MAX {
            self.displace(None);
        }
        self.next += 1;
        self.connections.push((self.next, address, displaced));
        self.next
    }
}

impl Entering {
    /// Ends the oldest connection of an address, or of the one that has most.
    fn displace(&mut self, of: Option<Source>) {
        let held = |of: Source| self.connections.iter().filter(|one| one.1 == of).count();
        // The oldest one of those that hold as many.
        let most = || self.connections.iter().rev().max_by_key(|one| held(one.1)).map(|one| one.1);
        let Some(from) = of.or_else(most) else { return };
        if let Some(at) = self.connections.iter().position(|one| one.1 == from) {
            let (.., token) = self.connections.remove(at);
            token.cancel();
        }
    }
}

impl Drop for EnteringPlace {
    fn drop(&mut self) {
        self.entering.lock().connections.retain(|(id, ..)| *id != self.id);
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock();
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Source {
        Source::of(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn the_address_that_holds_most_loses_its_oldest_connection() {
        let mut entering = Entering::default();
        let mut enter = |from: u32| {
            let token = CancellationToken::new();
            entering.enter(address(from), token.clone());
            token
        };
        // One address holds as many as it may, 240 others one each.
        let greedy: Vec<_> = (0..ENTERING_OF_ADDRESS_MAX).map(|_| enter(1)).collect();
        let others: Vec<_> = (0..240).map(|number| enter(100 + number)).collect();
        let newcomer = enter(2);
        assert!(greedy[0].is_cancelled() && !greedy[1].is_cancelled());
        assert!(!newcomer.is_cancelled() && others.iter().all(|one| !one.is_cancelled()));
        // A further one of an address that is full displaces its own oldest.
        enter(1);
        let again = enter(1);
        assert!(greedy[2].is_cancelled() && !again.is_cancelled());
        assert_eq!(entering.connections.len(), ENTERING_MAX);
    }
}
