//! Connections that have not logged in yet, and the connections of each address.
//!
//! A stranger can open connections faster than anybody logs in. Their number is bounded, and the
//! stranger who holds most of the places loses one to each newcomer.

use crate::access::{Door, Logins};
use crate::limits::{ENTERING_MAX, ENTERING_OF_ADDRESS_MAX, LOGIN_WITHIN};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
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
    most: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// The connections that have not logged in yet, the oldest first.
#[derive(Debug, Default)]
struct Entering {
    next: u64,
    connections: Vec<(u64, IpAddr, CancellationToken)>,
}

/// The place of a connection among those of its address, given back when it is dropped.
pub(super) struct AddressPlace {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

/// The place of a connection that has not logged in, given back when it is dropped.
struct EnteringPlace {
    entering: Arc<Mutex<Entering>>,
    id: u64,
}

impl Entrance {
    /// Creates the entrance of a server, with at most this many connections of an address.
    pub(crate) fn new(logins: Arc<dyn Logins>, of_address: usize) -> Self {
        let addresses = Addresses { most: of_address, counts: Mutex::default() };
        Self { logins, entering: Arc::default(), addresses: Arc::new(addresses) }
    }

    /// Enters a connection of an address. Returns None if the address has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<AddressPlace> {
        let mut counts = self.addresses.counts.lock();
        let count = counts.entry(address).or_default();
        if *count >= self.addresses.most {
            return None;
        }
        *count += 1;
        Some(AddressPlace { addresses: Arc::clone(&self.addresses), address })
    }

    /// Returns the maximum number of connections of an address.
    pub(super) fn most_of_address(&self) -> u32 {
        self.addresses.most as u32
    }

    /// Gives a connection a place among those that have not logged in, and the time until it must.
    pub(super) fn door(&self, peer: IpAddr) -> Door {
        let displaced = CancellationToken::new();
        let id = self.entering.lock().enter(peer, displaced.clone());
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
    fn enter(&mut self, address: IpAddr, displaced: CancellationToken) -> u64 {
        let of_address = |of: IpAddr| self.connections.iter().filter(|one| one.1 == of).count();
        let from = if of_address(address) >= ENTERING_OF_ADDRESS_MAX {
            Some(address)
        } else if self.connections.len() >= ENTERING_MAX {
            // The oldest one of those that hold as many.
            let most = self.connections.iter().rev().max_by_key(|one| of_address(one.1));
            most.map(|one| one.1)
        } else {
            None
        };
        let oldest = |from| self.connections.iter().position(|one| one.1 == from);
        if let Some(at) = from.and_then(oldest) {
            let (.., token) = self.connections.remove(at);
            token.cancel();
        }
        self.next += 1;
        self.connections.push((self.next, address, displaced));
        self.next
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
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
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
