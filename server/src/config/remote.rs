//! Options for clients on other machines: TLS, logins and their limits.

use crate::limits::{ADDRESS_CONNECTIONS, COMMAND_RATE, LOGIN_CONNECTIONS, PRICE_RATE};
use crate::logins::{Network, Rates, ServiceLimits};
use crate::tls::TlsFiles;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// Options for clients on other machines.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Clients on other machines")]
pub struct RemoteArgs {
    /// Address to listen on with TLS and logins; may be given several times. The plain address is
    /// then only listened on if --listen is given
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen_tls: Vec<SocketAddr>,
    /// Whether the plain address wants logins [default: required with --listen-tls, otherwise none]
    #[arg(long, value_enum)]
    pub auth: Option<Auth>,
    /// Certificate and those up to its authority, PEM [default: made by init]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Maximum number of connections of a login
    #[arg(long, value_name = "N", default_value_t = LOGIN_CONNECTIONS, value_parser = parse_count)]
    pub login_connections: usize,
    /// Maximum number of connections of an address
    #[arg(
        long,
        value_name = "N",
        default_value_t = ADDRESS_CONNECTIONS,
        value_parser = parse_count
    )]
    pub address_connections: usize,
    /// Lines a second of a login; past that the server reads more slowly. Replayers have no limit
    #[arg(long, value_name = "N", default_value_t = COMMAND_RATE)]
    pub login_rate: NonZeroU32,
    /// Commands a second of a login that need a price
    #[arg(long, value_name = "N", default_value_t = PRICE_RATE)]
    pub price_rate: NonZeroU32,
    /// Network whose failed logins do not count, for many people behind one address; may be given
    /// several times
    #[arg(long, value_name = "CIDR")]
    pub trusted_net: Vec<Network>,
}

/// Whether the plain address wants logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Everybody on this machine may do everything.
    None,
    /// As over TLS.
    Required,
}

/// How clients on other machines, and logins, are served.
#[derive(Clone, Debug, Default)]
pub struct RemoteConfig {
    /// Addresses to listen on with TLS.
    pub listen_tls: Vec<SocketAddr>,
    /// True if the plain address wants logins.
    pub plain_logins: bool,
    /// The certificate, if not the one that init makes.
    pub(crate) files: Option<TlsFiles>,
    /// Rates of every login.
    pub(crate) rates: Rates,
    /// Maximum number of connections of a login.
    pub login_connections: usize,
    /// Maximum number of connections of an address.
    pub address_connections: usize,
    /// Networks whose failed logins do not count.
    pub(crate) trusted: Vec<Network>,
}

impl RemoteArgs {
    pub(super) fn resolve(&self) -> RemoteConfig {
        let auth = self.auth.unwrap_or(if self.listen_tls.is_empty() {
            Auth::None
        } else {
            Auth::Required
        });
        let files = self.tls_cert.clone().zip(self.tls_key.clone());
        RemoteConfig {
            listen_tls: self.listen_tls.clone(),
            plain_logins: auth == Auth::Required,
            files: files.map(|(cert, key)| TlsFiles { cert, key }),
            rates: Rates { commands: self.login_rate, prices: self.price_rate },
            login_connections: self.login_connections,
            address_connections: self.address_connections,
            trusted: self.trusted_net.clone(),
        }
    }
}

impl RemoteConfig {
    /// Returns the limits of logins.
    pub(crate) fn limits(&self) -> ServiceLimits {
        let (connections, trusted) = (self.login_connections, self.trusted.clone());
        ServiceLimits { rates: self.rates, connections, trusted }
    }

    /// Returns true if anybody has to log in.
    pub(crate) const fn has_logins(&self) -> bool {
        !self.listen_tls.is_empty() || self.plain_logins
    }

    /// Returns where the certificate is.
    pub(crate) fn tls_files(&self, data_dir: &Path) -> TlsFiles {
        self.files.clone().unwrap_or_else(|| TlsFiles::of_data_dir(data_dir))
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    let most = u32::MAX as usize;
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("{text:?} is not a number from 1"))
}
