//! The parts of a server for clients on other machines: logins, the certificate, and the control
//! socket.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::journal::Positions;
use crate::limits::CONNECTIONS_KEPT;
use crate::listener::{Entrance, Manner, Places};
use crate::logins::{Control, LoginService, SecurityLog, ServiceOptions, Store, serve_control};
use crate::message::ReloadRequest;
#[cfg(feature = "metrics")]
use crate::stats::{Measure, Metric, Value, metrics};
use crate::tls::Tls;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "metrics")]
metrics! {
    LOGINS: Counter "daytrade_logins" / 1,
        "Logins, by result: ok, failed, rate_limited, refused";
    SESSIONS: Gauge "daytrade_sessions" / 1, "Sessions that are logged in, by role";
    CERTIFICATE: Gauge "daytrade_certificate_expiry_timestamp_seconds" / 1,
        "End of the certificate's validity, 0 without one";
}

/// The parts of a server for clients on other machines.
#[derive(Clone)]
pub(super) struct Remote {
    logins: Option<LoginService>,
    entrance: Option<Entrance>,
    tls: Option<Arc<Tls>>,
}

impl Remote {
    /// Opens what the configuration asks for. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A message that says what is missing and how to make it.
    pub(super) fn start(
        config: &Config,
        data_dir: &DataDir,
        places: &Places,
        connections: usize,
    ) -> anyhow::Result<Self> {
        let remote = &config.remote;
        if !remote.has_logins() {
            return Ok(Self { logins: None, entrance: None, tls: None });
        }
        data_dir.ensure_private()?;
        let tls = if remote.listen_tls.is_empty() {
            None
        } else {
            let files = remote.tls_files(data_dir.path());
            let tls = Tls::load(files).with_context(|| missing(config))?;
            tracing::info!(fingerprint = tls.fingerprint(), "the key of the certificate");
            Some(Arc::new(tls))
        };
        let log = Arc::new(SecurityLog::open(data_dir.path()).context("security.log")?);
        let options = ServiceOptions {
            limits: remote.limits(),
            places: Arc::clone(&places.served),
            kept: CONNECTIONS_KEPT.min(connections / 100),
        };
        let logins = LoginService::start(Store::new(data_dir.path()), log, options)?;
        let entrance = Entrance::new(Arc::new(logins.clone()), remote.address_connections);
        Ok(Self { logins: Some(logins), entrance: Some(entrance), tls })
    }

    /// Returns the addresses to listen on.
    pub(super) fn addresses(&self, config: &Config) -> Vec<(SocketAddr, Manner)> {
        let plain_entrance = self.entrance.clone().filter(|_| config.remote.plain_logins);
        let plain = Manner { entrance: plain_entrance, tls: None };
        let encrypted = Manner { entrance: self.entrance.clone(), tls: self.tls.clone() };
        let plain = config.listen.into_iter().map(|address| (address, plain.clone()));
        let tls = config.remote.listen_tls.iter().map(|address| (*address, encrypted.clone()));
        plain.chain(tls).collect()
    }

    /// Reads the logins and the certificate again, and takes over the limits.
    ///
    /// # Errors
    /// The reason why one of them stays as it was.
    pub(super) fn reload(&self, config: &Config) -> anyhow::Result<()> {
        if let Some(logins) = &self.logins {
            logins.set_limits(config.remote.limits());
        }
        if let Some(entrance) = &self.entrance {
            entrance.set_most_of_address(config.remote.address_connections);
        }
        let logins = self.logins.as_ref().map_or(Ok(()), LoginService::reload);
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())?;
        logins
    }

    /// Returns what logins and the certificate measure: nothing but 0 where there are none, so that
    /// each metric is always there.
    #[cfg(feature = "metrics")]
    pub(super) fn measures(remote: Option<&Self>) -> Vec<Measure> {
        let mut measures = Vec::new();
        let mut add = |metric: &'static Metric, labels, count| {
            measures.push(Measure::metric(metric, labels, Value::Count(count)));
        };
        let logins = remote.and_then(|remote| remote.logins.as_ref());
        for (result, count) in LoginService::by_result(logins) {
            add(&LOGINS, vec![("result", result.into())], count);
        }
        for (role, count) in LoginService::sessions_by_role(logins) {
            add(&SESSIONS, vec![("role", role.as_str().into())], count);
        }
        let tls = remote.and_then(|remote| remote.tls.as_ref());
        add(&CERTIFICATE, Vec::new(), tls.and_then(|tls| tls.expires()).unwrap_or(0));
        measures
    }

    /// Listens for requests of other programs on this machine until the server stops.
    ///
    /// # Errors
    /// If the logins have changed meanwhile and cannot be read.
    pub(super) fn open_control(
        &self,
        data_dir: &Path,
        stop: &CancellationToken,
        positions: Vec<Positions>,
        reloads: UnboundedSender<ReloadRequest>,
    ) -> anyhow::Result<()> {
        let control = Arc::new(Controlled { logins: self.logins.clone(), positions, reloads });
        if let Err(error) = serve_control(data_dir, stop.clone(), control) {
            // A path may be too long for a socket.
            let error = format!("{error:#}");
            tracing::warn!(error, "changes of logins need SIGHUP, and a backup needs a stop");
        }
        // What has changed since the logins were read, before anybody could be told.
        self.logins.as_ref().map_or(Ok(()), LoginService::reload)
    }
}

/// Says how a server gets a certificate.
fn missing(config: &Config) -> &'static str {
    #[cfg(feature = "cluster")]
    if config.cluster.is_some() {
        return "the certificate cannot be used; a server of a cluster has the folder tls and \
                users.toml of the others, which are copied by hand";
    }
    let _ = config;
    "the certificate cannot be used; daytraded init makes one"
}

/// The logins of a server as a cluster changes them.
#[cfg(feature = "cluster")]
pub(super) struct SharedLogins {
    store: Store,
    service: LoginService,
}

#[cfg(feature = "cluster")]
impl crate::cluster::LoginFile for SharedLogins {
    fn read(&self) -> Option<String> {
        self.store.text()
    }

    fn replace(&self, text: &str) -> anyhow::Result<()> {
        self.store.replace(text)?;
        self.service.reload()
    }
}

#[cfg(feature = "cluster")]
impl Remote {
    /// Returns the logins, if there are any.
    pub(super) fn shared(&self, data_dir: &Path) -> Option<SharedLogins> {
        let service = self.logins.clone()?;
        Some(SharedLogins { store: Store::new(data_dir), service })
    }
}

/// What other programs on this machine may ask for.
struct Controlled {
    logins: Option<LoginService>,
    positions: Vec<Positions>,
    reloads: UnboundedSender<ReloadRequest>,
}

impl Control for Controlled {
    fn reload(&self) -> anyhow::Result<()> {
        self.logins.as_ref().map_or(Ok(()), LoginService::reload)
    }

    fn reload_all(&self, request: ReloadRequest) {
        let _ = self.reloads.send(request);
    }

    fn frames(&self) -> Vec<u64> {
        self.positions.iter().map(|position| position.get().frame).collect()
    }
}

/// Returns the addresses that are listened on with TLS.
///
/// # Errors
/// If the system does not know one.
pub(super) fn tls_addresses(
    listeners: &[(TcpListener, Manner)],
) -> anyhow::Result<Vec<SocketAddr>> {
    let with_tls = listeners.iter().filter(|(_, manner)| manner.tls.is_some());
    with_tls.map(|(listener, _)| Ok(listener.local_addr()?)).collect()
}
