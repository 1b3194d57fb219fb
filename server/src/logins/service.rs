//! Verifies logins against the store, and keeps the sessions that have logged in.

use super::failures::Failures;
use super::names::TriedNames;
use super::network::{Network, Source};
use super::quota::{LoginQuota, Rates};
use super::secrets::{has_sha256, is_invitation, token_id};
use super::security_log::SecurityLog;
use super::sessions::Sessions;
use super::store::{Store, Users};
use super::verifier::Verifier;
use crate::access::{
    BoxFuture, Credential, Grant, Granted, LoginEvent, LoginLimits, LoginNames, Logins, Role,
};
use crate::limits::{EXPIRY_CHECK, FAILED_LOGIN_TIME, TLS_FAILURES_NOTED};
use daytrade_protocol::{Refusal, Secret, UserName};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

/// Options of the logins of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServiceOptions {
    /// Rates of every login.
    pub rates: Rates,
    /// Maximum number of connections of a login.
    pub connections: usize,
    /// Networks whose failures do not count.
    pub trusted: Vec<Network>,
    /// Places for connections, and how many of them only admins and monitors may take.
    pub places: Arc<Semaphore>,
    /// Number of those places.
    pub kept: usize,
}

/// The logins of a server.
#[derive(Clone)]
pub(crate) struct LoginService(Arc<Service>);

struct Service {
    store: Store,
    options: ServiceOptions,
    log: Arc<SecurityLog>,
    verifier: Verifier,
    users: RwLock<Arc<Users>>,
    names: LoginNames,
    failures: Mutex<Failures>,
    tried: Mutex<TriedNames>,
    quotas: Mutex<HashMap<UserName, (Role, Arc<LoginQuota>)>>,
    sessions: Arc<Sessions>,
    tls_failure_noted: Mutex<Option<Instant>>,
}

/// Why a login failed, for the security log alone.
type Cause = &'static str;

impl LoginService {
    /// Reads the logins. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the store is invalid, has no logins, or the system has no thread left.
    pub(crate) fn start(
        store: Store,
        log: Arc<SecurityLog>,
        options: ServiceOptions,
    ) -> anyhow::Result<Self> {
        let users = store.read()?;
        anyhow::ensure!(
            !users.is_empty(),
            "there are no logins in {}: run daytraded init",
            store.path().display()
        );
        let names: LoginNames = Arc::default();
        names.write().extend(users.keys().cloned());
        let service = Arc::new(Service {
            store,
            options,
            log,
            verifier: Verifier::start()?,
            users: RwLock::new(Arc::new(users)),
            names,
            failures: Mutex::default(),
            tried: Mutex::default(),
            quotas: Mutex::default(),
            sessions: Arc::default(),
            tls_failure_noted: Mutex::default(),
        });
        tokio::spawn(end_expired(Arc::downgrade(&service)));
        Ok(Self(service))
    }

    /// Reads the store again and ends the sessions whose logins have changed.
    ///
    /// # Errors
    /// If the store is invalid; the logins are then as they were.
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        let users = self.0.store.read()?;
        anyhow::ensure!(!users.is_empty(), "a server needs at least one login");
        self.0.install(users);
        self.0.log.write("reload", None, None, &[]);
        Ok(())
    }
}

/// Ends the sessions of logins that expire, until the service is gone.
async fn end_expired(service: std::sync::Weak<Service>) {
    loop {
        sleep(EXPIRY_CHECK).await;
        let Some(service) = service.upgrade() else { return };
        service.revoke_changed();
    }
}

impl Service {
    fn install(&self, users: Users) {
        *self.names.write() = users.keys().cloned().collect();
        self.quotas.lock().retain(|name, _| users.contains_key(name));
        *self.users.write() = Arc::new(users);
        self.revoke_changed();
    }

    fn revoke_changed(&self) {
        let users = Arc::clone(&self.users.read());
        for name in self.sessions.revoke_changed(&users, &self.names, Timestamp::now()) {
            self.log.write("logout", Some(name.as_str()), None, &[("cause", "revoked")]);
        }
    }

    /// Returns true once a second: strangers must not fill the log.
    fn may_note_tls_failure(&self) -> bool {
        let (mut noted, now) = (self.tls_failure_noted.lock(), Instant::now());
        let may = noted.is_none_or(|at| now - at >= TLS_FAILURES_NOTED);
        if may {
            *noted = Some(now);
        }
        may
    }

    fn is_trusted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.options.trusted.iter().any(|network| network.contains(&peer))
    }

    async fn log_in(
        self: Arc<Self>,
        name: UserName,
        secret: Secret,
        peer: IpAddr,
    ) -> Result<Granted, Refusal> {
        let (begun, source) = (Instant::now(), Source::of(peer));
        let counts = !self.is_trusted(peer);
        if counts && let Err(wait) = self.failures.lock().begin(source, begun) {
            self.log.write("rate_limited", Some(name.as_str()), Some(peer), &[]);
            return Err(Refusal::RateLimited(wait.as_secs() + 1));
        }
        let delay = self.tried.lock().delay(&name, begun);
        if !delay.is_zero() {
            sleep(delay).await;
        }
        match self.verify(&name, secret).await? {
            Ok((grant, proof)) => {
                if counts {
                    self.failures.lock().succeeded(source);
                }
                self.tried.lock().succeeded(&name);
                self.enter(grant, proof, peer)
            }
            Err(cause) => {
                self.tried.lock().failed(&name, begun);
                let more = [("cause", cause)];
                self.log.write("login_failed", Some(name.as_str()), Some(peer), &more);
                sleep_until(begun + FAILED_LOGIN_TIME).await;
                Err(Refusal::AuthFailed)
            }
        }
    }

    /// Verifies a secret. Returns what the login may do and what is stored of the secret.
    async fn verify(
        &self,
        name: &UserName,
        secret: Secret,
    ) -> Result<Result<(Grant, String), Cause>, Refusal> {
        let users = Arc::clone(&self.users.read());
        let entry = users.get(name);
        let now = Timestamp::now();
        let by_hash = if let Some(id) = token_id(&secret) {
            Some(Credential::Token(id.to_owned()))
        } else {
            is_invitation(&secret).then_some(Credential::Invitation)
        };
        let credential = by_hash.clone().unwrap_or(Credential::Password);
        let proof = entry.and_then(|entry| entry.proof(&credential, now));
        let is_right = if by_hash.is_some() {
            proof.is_some_and(|sha256| has_sha256(&secret, sha256))
        } else {
            let hash = proof.map(str::to_owned);
            let verified = self.verifier.is_password(secret, hash).await;
            verified.map_err(|_| Refusal::RateLimited(1))?
        };
        let Some(entry) = entry else { return Ok(Err("no such login")) };
        let (Some(proof), true) = (proof, is_right) else { return Ok(Err("wrong secret")) };
        let grant = entry.grant(name, credential, now, &self.names);
        Ok(grant.map(|grant| (grant, proof.to_owned())).ok_or("disabled or expired"))
    }

    fn enter(
        self: &Arc<Self>,
        grant: Grant,
        proof: String,
        peer: IpAddr,
    ) -> Result<Granted, Refusal> {
        let Grant { name, role, .. } = &grant;
        let (name, role) = (name.clone(), *role);
        let is_kept_for = matches!(role, Role::Admin | Role::Monitor);
        if !is_kept_for && self.options.places.available_permits() < self.options.kept {
            return Err(Refusal::TooManyConnections);
        }
        let grant = Arc::new(grant);
        let most = self.options.connections;
        let entered = self.sessions.enter(Arc::clone(&grant), proof, most);
        let (place, revoked) = entered.ok_or(Refusal::TooManyOfLogin(most as u32))?;
        let limits: Arc<dyn LoginLimits> = self.quota(&name, role);
        let by = match &grant.credential {
            Credential::Password => "password",
            Credential::Token(id) => id,
            Credential::Invitation => "invitation",
        };
        let more = [("role", role.as_str()), ("by", by)];
        self.log.write("login", Some(name.as_str()), Some(peer), &more);
        let id = place.id();
        let place = Box::new(LoggedIn { _place: place, service: Arc::clone(self), name, peer });
        Ok(Granted { id, grant, revoked, limits, place })
    }

    fn quota(&self, name: &UserName, role: Role) -> Arc<LoginQuota> {
        let mut quotas = self.quotas.lock();
        match quotas.get(name) {
            Some((known, quota)) if *known == role => Arc::clone(quota),
            _ => {
                let quota = Arc::new(LoginQuota::new(role, self.options.rates));
                quotas.insert(name.clone(), (role, Arc::clone(&quota)));
                quota
            }
        }
    }

    async fn change_password(
        self: Arc<Self>,
        (id, grant): (u64, Arc<Grant>),
        old: Secret,
        new: Secret,
        peer: IpAddr,
    ) -> Result<(), Refusal> {
        let (begun, source) = (Instant::now(), Source::of(peer));
        let counts = !self.is_trusted(peer);
        if counts && let Err(wait) = self.failures.lock().begin(source, begun) {
            return Err(Refusal::RateLimited(wait.as_secs() + 1));
        }
        let name = &grant.name;
        if self.verify(name, old).await?.is_err() {
            self.log.write("login_failed", Some(name.as_str()), Some(peer), &[("cause", "PASSWD")]);
            sleep_until(begun + FAILED_LOGIN_TIME).await;
            return Err(Refusal::AuthFailed);
        }
        if counts {
            self.failures.lock().succeeded(source);
        }
        let busy = |_| Refusal::RateLimited(1);
        let failed = |error: anyhow::Error| {
            tracing::error!(error = format!("{error:#}"), "a password could not be stored");
            Refusal::ReadOnly
        };
        let hash = self.verifier.hash(new).await.map_err(busy)?.map_err(failed)?;
        let (service, changed) = (Arc::clone(&self), name.clone());
        // Locks and syncs a file: not on a thread that serves connections.
        let stored = self.verifier.run(move || service.store_password(id, &changed, hash)).await;
        stored.map_err(busy)?.map_err(failed)?;
        let more = [("change", "password")];
        self.log.write("user_changed", Some(name.as_str()), Some(peer), &more);
        Ok(())
    }

    /// Stores a new password, which takes the place of an invitation.
    fn store_password(&self, id: u64, name: &UserName, hash: String) -> anyhow::Result<()> {
        let lock = self.store.lock()?;
        let mut users = self.store.read()?;
        let entry = users.get_mut(name);
        let entry = entry.ok_or_else(|| anyhow::anyhow!("{name} has been removed"))?;
        self.sessions.changed_password(id, &hash);
        (entry.password, entry.invitation) = (Some(hash), None);
        self.store.write(&users, &lock)?;
        self.install(users);
        Ok(())
    }
}

/// A session that has logged in; notes its end.
struct LoggedIn {
    _place: super::sessions::SessionPlace,
    service: Arc<Service>,
    name: UserName,
    peer: IpAddr,
}

impl Drop for LoggedIn {
    fn drop(&mut self) {
        self.service.log.write("logout", Some(self.name.as_str()), Some(self.peer), &[]);
    }
}

impl Logins for LoginService {
    fn log_in(
        &self,
        name: UserName,
        secret: Secret,
        peer: IpAddr,
    ) -> BoxFuture<Result<Granted, Refusal>> {
        Box::pin(Arc::clone(&self.0).log_in(name, secret, peer))
    }

    fn change_password(
        &self,
        session: &Granted,
        old: Secret,
        new: Secret,
        peer: IpAddr,
    ) -> BoxFuture<Result<(), Refusal>> {
        let session = (session.id, Arc::clone(&session.grant));
        Box::pin(Arc::clone(&self.0).change_password(session, old, new, peer))
    }

    fn note(&self, grant: Option<&Grant>, peer: IpAddr, event: LoginEvent<'_>) {
        let name = grant.map(|grant| grant.name.as_str());
        let (event, more) = match event {
            LoginEvent::Forbidden(command) => {
                ("forbidden", command.map(|command| ("command", command.as_str())))
            }
            LoginEvent::ActsFor(account) => ("acts_for", Some(("account", account.as_str()))),
            LoginEvent::RateLimited => ("rate_limited", None),
            LoginEvent::TlsFailed if !self.0.may_note_tls_failure() => return,
            LoginEvent::TlsFailed => ("tls_failed", None),
        };
        let more: Vec<_> = more.into_iter().collect();
        self.0.log.write(event, name, Some(peer), &more);
    }
}
