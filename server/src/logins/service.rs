//! Verifies logins against the store, and keeps the sessions that have logged in.

use super::counts::LoginCounts;
use super::failures::{Failures, Wait};
use super::names::TriedNames;
use super::noted::{Entry, Frequent, NotedEvents};
use super::options::{ServiceLimits, ServiceOptions};
use super::quota::LoginQuota;
use super::secrets::{has_sha256, is_invitation, is_password_form, token_id};
use super::security_log::SecurityLog;
use super::sessions::Sessions;
use super::store::{Store, Users};
use super::verifier::Verifier;
use crate::access::{
    BoxFuture, Credential, Grant, Granted, LoginEvent, LoginLimits, LoginNames, Logins, Role,
    Source,
};
use crate::limits::{ATTEMPT_TURN, ATTEMPT_TURNS_MAX, EXPIRY_CHECK, FAILED_LOGIN_TIME};
use crate::runtime::NO_THREAD;
use anyhow::Context as _;
use daytrade_protocol::{Refusal, Secret, UserName};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

/// The logins of a server.
#[derive(Clone)]
pub(crate) struct LoginService(Arc<Service>);

struct Service {
    store: Store,
    limits: RwLock<ServiceLimits>,
    places: Arc<Semaphore>,
    kept: usize,
    log: Arc<SecurityLog>,
    verifier: Verifier,
    users: RwLock<Arc<Users>>,
    /// Held from reading the store until what was read is in force.
    changing: Mutex<()>,
    names: LoginNames,
    failures: Mutex<Failures>,
    tried: Mutex<TriedNames>,
    quotas: Mutex<HashMap<UserName, (Role, Arc<LoginQuota>)>>,
    sessions: Arc<Sessions>,
    noted: NotedEvents,
    counts: LoginCounts,
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
            limits: RwLock::new(options.limits),
            places: options.places,
            kept: options.kept,
            log,
            verifier: Verifier::start()?,
            users: RwLock::new(Arc::new(users)),
            changing: Mutex::default(),
            names,
            failures: Mutex::default(),
            tried: Mutex::default(),
            quotas: Mutex::default(),
            sessions: Arc::default(),
            noted: NotedEvents::default(),
            counts: LoginCounts::default(),
        });
        tokio::spawn(end_expired(Arc::downgrade(&service)));
        Ok(Self(service))
    }

    /// Changes the limits. A session keeps the rates that it began with; nobody is sent away.
    pub(crate) fn set_limits(&self, limits: ServiceLimits) {
        *self.0.limits.write() = limits;
        self.0.quotas.lock().clear();
    }

    /// Reads the store again and ends the sessions whose logins have changed.
    ///
    /// # Errors
    /// If the store is invalid; the logins are then as they were.
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        let _changing = self.0.changing.lock();
        let users = self.0.store.read()?;
        anyhow::ensure!(!users.is_empty(), "a server needs at least one login");
        self.0.install(users);
        self.0.log.write("reload", None, None, &[]);
        Ok(())
    }

    /// Returns the number of logins since the start, by result.
    #[cfg(feature = "metrics")]
    pub(crate) fn by_result(logins: Option<&Self>) -> [(&'static str, u64); 4] {
        logins.map_or_else(|| LoginCounts::default().by_result(), |all| all.0.counts.by_result())
    }

    /// Returns the number of sessions that are logged in, by role.
    #[cfg(feature = "metrics")]
    pub(crate) fn sessions_by_role(logins: Option<&Self>) -> Vec<(Role, u64)> {
        logins.map_or_else(|| Sessions::default().by_role(), |all| all.0.sessions.by_role())
    }
}

/// Ends the sessions of logins that expire, until the service is gone.
async fn end_expired(service: std::sync::Weak<Service>) {
    loop {
        sleep(EXPIRY_CHECK).await;
        let Some(service) = service.upgrade() else { return };
        // A change that is under way ends with the same.
        if let Some(_changing) = service.changing.try_lock() {
            service.revoke_changed();
        }
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

    fn is_trusted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.limits.read().trusted.iter().any(|network| network.contains(&peer))
    }

    async fn log_in(
        self: Arc<Self>,
        name: UserName,
        secret: Secret,
        peer: IpAddr,
    ) -> Result<Granted, Refusal> {
        let (begun, source) = (Instant::now(), Source::of(peer));
        let counts = !self.is_trusted(peer);
        if counts && let Err(refusal) = self.begin_attempt(source).await {
            if self.noted.may_note(Frequent::RateLimited) {
                self.log.write("rate_limited", Some(name.as_str()), Some(peer), &[]);
            }
            return Err(refusal);
        }
        let delay = self.tried.lock().delay(&name, begun);
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let verified = self.verify(&name, secret).await;
        // An attempt that was not verified is no failure.
        if counts {
            self.failures.lock().end(source, matches!(verified, Ok(Err(_))), Instant::now());
        }
        match verified? {
            Ok((grant, proof)) => {
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

    /// Begins an attempt to log in. Many at once wait for each other, because each may fail.
    async fn begin_attempt(&self, source: Source) -> Result<(), Refusal> {
        for _ in 0..ATTEMPT_TURNS_MAX {
            let begun = self.failures.lock().begin(source, Instant::now());
            match begun {
                Ok(()) => return Ok(()),
                Err(Wait::For(time)) => return Err(Refusal::RateLimited(time.as_secs() + 1)),
                Err(Wait::ForOthers) => sleep(ATTEMPT_TURN).await,
            }
        }
        Err(Refusal::RateLimited(1))
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
        if !is_kept_for && self.places.available_permits() < self.kept {
            return Err(Refusal::TooManyConnections);
        }
        let grant = Arc::new(grant);
        let most = self.limits.read().connections;
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
                let quota = Arc::new(LoginQuota::new(role, self.limits.read().rates));
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
        if !is_password_form(&new) {
            return Err(Refusal::BadSecret);
        }
        if counts {
            self.begin_attempt(source).await?;
        }
        let name = &grant.name;
        let may_prove = is_invitation(&old) == (grant.credential == Credential::Invitation)
            && token_id(&old).is_none();
        let verified = self.verify(name, old).await;
        if counts {
            let failed = matches!(verified, Ok(Err(_))) || !may_prove;
            self.failures.lock().end(source, failed, Instant::now());
        }
        if verified?.is_err() || !may_prove {
            self.log.write("login_failed", Some(name.as_str()), Some(peer), &[("cause", "PASSWD")]);
            sleep_until(begun + FAILED_LOGIN_TIME).await;
            return Err(Refusal::AuthFailed);
        }
        let busy = |_| Refusal::RateLimited(1);
        let failed = |error: anyhow::Error| {
            tracing::error!(error = format!("{error:#}"), "a password could not be stored");
            Refusal::ReadOnly
        };
        let hash = self.verifier.hash(new).await.map_err(busy)?.map_err(failed)?;
        let (service, changed) = (Arc::clone(&self), name.clone());
        // Waits for a lock and syncs a file: on no thread that others wait for.
        let stored = on_thread(move || service.store_password(id, &changed, &hash)).await;
        stored.map_err(failed)?;
        let more = [("change", "password")];
        self.log.write("user_changed", Some(name.as_str()), Some(peer), &more);
        Ok(())
    }

    /// Stores a new password, which takes the place of an invitation.
    fn store_password(&self, id: u64, name: &UserName, hash: &str) -> anyhow::Result<()> {
        let lock = self.store.lock()?;
        let _changing = self.changing.lock();
        let mut users = self.store.read()?;
        let entry = users.get_mut(name);
        let entry = entry.ok_or_else(|| anyhow::anyhow!("{name} has been removed"))?;
        (entry.password, entry.invitation) = (Some(hash.to_owned()), None);
        self.store.write(&users, &lock)?;
        self.sessions.changed_password(id, hash);
        self.install(users);
        Ok(())
    }
}

/// Runs work that may take long on a thread of its own.
async fn on_thread(
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let (done, result) = tokio::sync::oneshot::channel();
    let run = move || drop(done.send(work()));
    std::thread::Builder::new().name("passwd".to_owned()).spawn(run).context(NO_THREAD)?;
    result.await?
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
        let service = Arc::clone(&self.0);
        Box::pin(async move {
            let result = Arc::clone(&service).log_in(name, secret, peer).await;
            service.counts.count(&result);
            result
        })
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
        let Entry { name: event, more, frequent } = Entry::of(&event);
        if frequent.is_some_and(|event| !self.0.noted.may_note(event)) {
            return;
        }
        let name = grant.map(|grant| grant.name.as_str());
        self.0.log.write(event, name, Some(peer), more.as_slice());
    }
}
