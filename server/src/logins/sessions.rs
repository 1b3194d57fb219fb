//! The sessions that have logged in, so that a change of a login ends them.

use super::store::Users;
#[cfg(feature = "metrics")]
use crate::access::Role;
use crate::access::{Credential, Grant, LoginNames};
use daytrade_protocol::UserName;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The sessions that have logged in.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    next: u64,
    sessions: HashMap<u64, Session>,
    by_login: HashMap<UserName, usize>,
}

#[derive(Debug)]
struct Session {
    grant: Arc<Grant>,
    /// What was stored of the secret that it logged in with.
    proof: String,
    revoked: CancellationToken,
}

/// The place of one session, given back when it is dropped.
pub(super) struct SessionPlace {
    sessions: Arc<Sessions>,
    id: u64,
}

impl Sessions {
    /// Enters a session. Returns None if the login has as many as it may.
    pub(super) fn enter(
        self: &Arc<Self>,
        grant: Arc<Grant>,
        proof: String,
        most: usize,
    ) -> Option<(SessionPlace, CancellationToken)> {
        let mut known = self.known.lock();
        let of_login = known.by_login.entry(grant.name.clone()).or_default();
        if *of_login >= most {
            return None;
        }
        *of_login += 1;
        known.next += 1;
        let (id, revoked) = (known.next, CancellationToken::new());
        let session = Session { grant, proof, revoked: revoked.clone() };
        known.sessions.insert(id, session);
        Some((SessionPlace { sessions: Arc::clone(self), id }, revoked))
    }

    /// Returns the number of sessions of each role.
    #[cfg(feature = "metrics")]
    pub(super) fn by_role(&self) -> Vec<(Role, u64)> {
        let known = self.known.lock();
        let of = |role: &Role| {
            known.sessions.values().filter(|session| session.grant.role == *role).count() as u64
        };
        Role::ALL.iter().map(|role| (*role, of(role))).collect()
    }

    /// Notes that a session has changed its own password, which does not end it.
    pub(super) fn changed_password(&self, id: u64, proof: &str) {
        if let Some(session) = self.known.lock().sessions.get_mut(&id) {
            proof.clone_into(&mut session.proof);
            Arc::make_mut(&mut session.grant).credential = Credential::Password;
        }
    }

    /// Ends every session whose login is not exactly what it was. Returns their names.
    pub(super) fn revoke_changed(
        &self,
        users: &Users,
        names: &LoginNames,
        now: Timestamp,
    ) -> Vec<UserName> {
        let known = self.known.lock();
        let mut ended = Vec::new();
        for session in known.sessions.values() {
            let Grant { name, credential, .. } = &*session.grant;
            let is_same = users.get(name).is_some_and(|entry| {
                let grant = entry.grant(name, credential.clone(), now, names);
                entry.proof(credential, now) == Some(&session.proof)
                    && grant.is_some_and(|grant| grant == *session.grant)
            });
            if !is_same && !session.revoked.is_cancelled() {
                session.revoked.cancel();
                ended.push(name.clone());
            }
        }
        ended
    }
}

impl SessionPlace {
    /// Returns the number of the session.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        let mut known = self.sessions.known.lock();
        let Some(session) = known.sessions.remove(&self.id) else { return };
        let name = &session.grant.name;
        if let Some(count) = known.by_login.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                known.by_login.remove(name);
            }
        }
    }
}
