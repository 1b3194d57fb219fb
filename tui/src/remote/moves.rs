//! Following the accounts of a cluster from one server to another.
//!
//! A server can name any address. It is followed only to one that is trusted in the same way, and
//! only so many times in a row.

use super::address::ServerAddress;
use super::connect::Server;
use crate::net::clean;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Moves in a row that are followed: two servers that name each other must not be asked for ever.
const MOVES_MAX: usize = 8;
/// Time within which moves count as in a row.
const IN_A_ROW: Duration = Duration::from_secs(10);

/// Why the accounts are not followed.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct NotFollowed {
    cause: String,
    /// True if following them later will not help either.
    pub is_final: bool,
}

/// Where the accounts of a cluster are, as far as one connection has followed them.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    /// The server that was named by the user.
    home: Server,
    /// The server that was followed to, if it is another one.
    away: Option<Server>,
    /// True while the one named by the user is tried, although the accounts were followed.
    tries_home: bool,
    /// Times of the newest moves.
    moves: VecDeque<Instant>,
}

impl Follower {
    /// Begins at the server that was named by the user.
    pub(crate) const fn new(home: Server) -> Self {
        Self { home, away: None, tries_home: false, moves: VecDeque::new() }
    }

    /// Returns the server to connect to.
    pub(crate) fn server(&self) -> &Server {
        self.away.as_ref().filter(|_| !self.tries_home).unwrap_or(&self.home)
    }

    /// Follows to the address that a server has named; None for the same server again.
    ///
    /// # Errors
    /// If it may not be followed, or was followed too often.
    pub(crate) fn follow(&mut self, address: Option<&str>) -> Result<(), NotFollowed> {
        let next = match address {
            Some(address) => self.home.at(address).map_err(|cause| {
                let address = clean(address);
                let cause = format!("the accounts have moved to {address}: {cause}");
                NotFollowed { cause, is_final: true }
            })?,
            None => self.server().clone(),
        };
        let now = Instant::now();
        while self.moves.pop_front_if(|at| now - *at > IN_A_ROW).is_some() {}
        if self.moves.len() >= MOVES_MAX {
            let (from, to, seconds) = (&self.server().address, next.address, IN_A_ROW.as_secs());
            let cause = format!(
                "the accounts have moved {MOVES_MAX} times within {seconds} s, now from {from} to \
                 {to}: no server seems to have them; try again later"
            );
            return Err(NotFollowed { cause, is_final: false });
        }
        self.moves.push_back(now);
        self.tries_home = false;
        self.away = (next.address != self.home.address).then_some(next);
        Ok(())
    }

    /// Returns to the server that was named by the user, because the other one cannot be reached.
    /// Returns false if it is that server.
    pub(crate) fn go_home(&mut self) -> bool {
        self.away.take().is_some()
    }

    /// Chooses the server of an attempt to connect: where the accounts were last, then the one that
    /// was named by the user, in turns. Returns true if its address is another one than before.
    pub(crate) fn choose(&mut self, attempt: u32) -> bool {
        let before = self.server().address.clone();
        self.home.find_again();
        self.tries_home = attempt.is_multiple_of(2);
        self.server().address != before
    }

    /// Notes that the server answers: the accounts are there until it says otherwise.
    pub(crate) fn note_up(&mut self) {
        if std::mem::take(&mut self.tries_home) {
            self.away = None;
        }
    }
}

impl Server {
    /// Returns the server at another address, with the same login, and trusted in the same way.
    ///
    /// # Errors
    /// A message, if that would be less safe than the first connection.
    fn at(&self, address: &str) -> Result<Self, String> {
        let scheme = if self.address.tls { "tls://" } else { "" };
        let to = ServerAddress::parse(&format!("{scheme}{address}"));
        let to = to.ok().filter(|to| to.tls == self.address.tls);
        let to = to.ok_or_else(|| "that is no HOST:PORT".to_owned())?;
        // The user has named this one.
        if to == self.address {
            return Ok(self.clone());
        }
        if !to.tls && !to.is_loopback() {
            return Err("without TLS they are followed to addresses of this machine only; \
                        connect to it yourself, or use tls://"
                .to_owned());
        }
        self.moved_to(to).map_err(|error| format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(address: &str) -> Follower {
        Follower::new(Server::plain(ServerAddress::parse(address).ok().unwrap()))
    }

    #[test]
    fn plain_lines_are_followed_to_this_machine_only() {
        let mut follower = follower("127.0.0.1:1");
        follower.follow(Some("127.0.0.1:2")).unwrap();
        assert_eq!(follower.server().address.to_string(), "127.0.0.1:2");
        follower.follow(None).unwrap();
        assert_eq!(follower.server().address.to_string(), "127.0.0.1:2");
        for (address, cause) in [
            ("192.0.2.7:4462", "moved to 192.0.2.7:4462: without TLS"),
            ("trade.example:4462", "moved to trade.example:4462: without TLS"),
            ("nonsense", "moved to nonsense: that is no HOST:PORT"),
            ("tls://127.0.0.1:2", "moved to tls://127.0.0.1:2: that"),
        ] {
            let error = follower.follow(Some(address)).unwrap_err();
            assert!(error.is_final && error.to_string().contains(cause), "{error}");
        }
        assert_eq!(follower.server().address.to_string(), "127.0.0.1:2");
    }

    #[test]
    fn servers_that_name_each_other_are_given_up() {
        let mut follower = follower("127.0.0.1:1");
        for _ in 0..MOVES_MAX / 2 {
            follower.follow(Some("127.0.0.1:2")).unwrap();
            follower.follow(Some("127.0.0.1:1")).unwrap();
        }
        let error = follower.follow(Some("127.0.0.1:2")).unwrap_err();
        let said = "8 times within 10 s, now from 127.0.0.1:1 to 127.0.0.1:2";
        assert!(!error.is_final && error.to_string().contains(said), "{error}");
    }

    #[test]
    fn after_a_loss_the_last_server_and_the_first_are_tried_in_turns() {
        let mut follower = follower("127.0.0.1:1");
        follower.follow(Some("127.0.0.1:2")).unwrap();
        let mut tried = Vec::new();
        for attempt in 1..4 {
            let has_changed = follower.choose(attempt);
            tried.push((has_changed, follower.server().address.port));
        }
        assert_eq!(tried, [(false, 2), (true, 1), (true, 2)]);
        follower.choose(4);
        follower.note_up();
        follower.choose(1);
        assert_eq!(follower.server().address.port, 1, "the accounts are there");
    }
}
