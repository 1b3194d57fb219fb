//! The server and the user of a command: the options that the screen and its queries share.

use crate::exit::Failure;
use crate::local::LocalServer;
use crate::net::check_address;
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::UserName;
use daytrade_server::Config;
use daytrade_server::{QuoteArgs, default_data_dir};
use std::path::PathBuf;

/// Options that select the server and the user.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndpointArgs {
    /// Server [default: one in this process, with its data in the user's state folder]
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// User [default: the login name]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Data folder of the server in this process
    #[arg(long, conflicts_with = "connect")]
    pub data_dir: Option<PathBuf>,
    /// Options of the quote source.
    #[command(flatten)]
    pub quotes: QuoteArgs,
}

/// A server that is running, and a user of it.
pub(crate) struct Endpoint {
    /// Address of the server.
    pub address: String,
    /// Name of the user.
    pub user: UserName,
    /// The server, if it runs in this process.
    local: Option<LocalServer>,
}

impl EndpointArgs {
    /// Starts the server if it is one in this process.
    ///
    /// # Errors
    /// A usage failure, if an option is invalid or the server does not start.
    pub(crate) fn open(&self) -> Result<Endpoint, Failure> {
        let user = match &self.user {
            Some(user) => user.clone(),
            None => login_name(),
        };
        let user = UserName::parse(user.as_bytes())
            .with_context(|| {
                format!("{user:?} is not a user name: 1 to 64 letters, digits, _ . or -")
            })
            .map_err(Failure::usage)?;
        if let Some(address) = &self.connect {
            check_address(address)?;
            return Ok(Endpoint { address: address.clone(), user, local: None });
        }
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => default_data_dir().map_err(Failure::usage)?,
        };
        let config = Config::local(folder.clone(), folder.join("dumps"), self.quotes.clone());
        let local = LocalServer::with_config(config)
            .context(
                "the server of this process did not start; --connect HOST:PORT uses a running one",
            )
            .map_err(Failure::usage)?;
        Ok(Endpoint { address: local.address().to_string(), user, local: Some(local) })
    }
}

impl Endpoint {
    /// Stops the server if it is one in this process.
    ///
    /// # Errors
    /// A link failure, if the server could not sync its journal.
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.local.map_or(Ok(()), |local| local.stop().map_err(Failure::link))
    }
}

/// Returns the login name without characters that no user name has, or `trader`.
fn login_name() -> String {
    let login = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name: String = login
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        .take(64)
        .collect();
    if name.is_empty() { "trader".to_owned() } else { name }
}
