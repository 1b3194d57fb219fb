//! Whose account, on which server: the part of the command line that the screen and its commands
//! share.

use crate::exit::Failure;
use crate::local::LocalServer;
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::UserName;
use daytrade_server::Config;
use daytrade_server::config::{QuoteArgs, default_data_dir};
use std::path::PathBuf;

/// Whose account, on which server.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// The server [default: one in this process, with its data in the user's state folder]
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// The user [default: the login name]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// The data folder of the server in this process
    #[arg(long, conflicts_with = "connect")]
    pub data_dir: Option<PathBuf>,
    /// Where prices come from.
    #[command(flatten)]
    pub quotes: QuoteArgs,
}

/// A server to talk to, for as long as this lives.
pub struct Place {
    /// Where it listens.
    pub address: String,
    /// Whose account.
    pub user: UserName,
    local: Option<LocalServer>,
}

impl PlaceArgs {
    /// Starts the server, if it is to be one in this process.
    ///
    /// # Errors
    /// In words.
    pub fn open(&self) -> Result<Place, Failure> {
        let user = match &self.user {
            Some(user) => user.clone(),
            None => login_name(),
        };
        let user = UserName::parse(user.as_bytes())
            .with_context(|| format!("{user:?} is no user name: 1 to 64 letters, digits, _ . or -"))
            .map_err(Failure::usage)?;
        if let Some(address) = &self.connect {
            let port = address
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty())
                .map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(_))) {
                return Err(Failure::usage(anyhow::anyhow!("{address:?} is not HOST:PORT")));
            }
            return Ok(Place { address: address.clone(), user, local: None });
        }
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => default_data_dir().map_err(Failure::usage)?,
        };
        let config = Config::local(folder.clone(), folder.join("dumps"), self.quotes.clone());
        let local = LocalServer::with_config(config)
            .context("the server of this process did not start; --connect HOST:PORT talks to a running one")
            .map_err(Failure::usage)?;
        Ok(Place { address: local.address().to_string(), user, local: Some(local) })
    }
}

impl Place {
    /// Stops the server, if it is one in this process.
    ///
    /// # Errors
    /// When its journal could not be synced.
    pub fn close(self) -> Result<(), Failure> {
        self.local.map_or(Ok(()), |local| local.stop().map_err(Failure::link))
    }
}

fn login_name() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let usable: String = named
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        .take(64)
        .collect();
    if usable.is_empty() { "trader".to_owned() } else { usable }
}
