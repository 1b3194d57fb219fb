//! The server and the user of a command: the options that the screen and its queries share.

use crate::app::{Access, App, KeyMap};
use crate::convert::Aliases;
use crate::exit::Failure;
use crate::local::LocalServer;
use crate::remote::{RemoteArgs, Server, ServerAddress};
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::{Symbol, UserName};
use daytrade_server::Config;
use daytrade_server::{QuoteArgs, QuoteSpec, default_data_dir, remembered_market, running_at};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time that a server of another process has to begin to listen.
const START_MAX: Duration = Duration::from_secs(3);
/// Interval of looking whether it listens.
const START_CHECK: Duration = Duration::from_millis(20);
/// A step of simulated prices in the server of this process, milliseconds.
const TICK_MS: u64 = 1_000;

/// Options that select the server and the user.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndpointArgs {
    /// Server: HOST:PORT, or tls://HOST[:PORT] with a login [default: one in this process, with
    /// its data in the user's state folder]
    #[arg(long, value_name = "SERVER")]
    pub connect: Option<String>,
    /// User [default: the login at a server with TLS, otherwise your name on this machine]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Data folder of the server in this process
    #[arg(long, conflicts_with = "connect")]
    pub data_dir: Option<PathBuf>,
    /// Table alias,symbol,name of symbols that stand for longer ones [default: the one beside the
    /// price file of a server on this machine]
    #[arg(long, value_name = "FILE")]
    pub aliases: Option<PathBuf>,
    /// Options of the quote source.
    #[command(flatten)]
    pub quotes: QuoteArgs,
    /// Options of a server with TLS.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// A server that is running, and a user of it.
pub(crate) struct Endpoint {
    /// The server.
    pub server: Server,
    /// Name of the user.
    pub user: UserName,
    /// The user and the server, as what the screen keeps is stored under: the address, or the data
    /// folder of a server without a fixed one.
    pub place: String,
    /// What people see for symbols, if the market is a file with such a table beside it.
    pub aliases: Aliases,
    /// The server, if it runs in this process.
    local: Option<LocalServer>,
}

impl EndpointArgs {
    /// As [`EndpointArgs::open`], to read only: a server in this process has no prices unless
    /// --quotes names them, so that no trigger fires and no market moves.
    ///
    /// # Errors
    /// As [`EndpointArgs::open`].
    pub(crate) fn open_closed(&self) -> Result<Endpoint, Failure> {
        let mut closed = self.clone();
        closed.quotes.quotes.get_or_insert(QuoteSpec::Closed);
        closed.open()
    }

    /// Starts the server if it is one in this process.
    ///
    /// # Errors
    /// A usage failure, if an option is invalid or the server does not start.
    pub(crate) fn open(&self) -> Result<Endpoint, Failure> {
        let connected = self.connect.as_ref().map(|connect| self.remote.server(connect));
        let connected = connected.transpose()?;
        let login = connected.as_ref().and_then(Server::login_name).map(UserName::to_string);
        let user = self.user.clone().or(login).unwrap_or_else(login_name);
        let user = UserName::parse(user.as_bytes())
            .with_context(|| {
                format!("{user:?} is not a user name: 1 to 64 letters, digits, _ . or -")
            })
            .map_err(Failure::usage)?;
        if let Some(server) = connected {
            let place = format!("{user}@{}", server.address);
            let aliases = self.aliases_of(None)?;
            return Ok(Endpoint { server, user, place, aliases, local: None });
        }
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => default_data_dir().map_err(Failure::usage)?,
        };
        let server_at = |address: SocketAddr| {
            let address = ServerAddress::parse(&address.to_string())?;
            Ok::<_, Failure>(Server::of_folder(address, folder.clone()))
        };
        let place = format!("{user}@{}", folder.display());
        // The folder may be open in another daytrade, or in daytraded.
        if let Some(address) = running_at(&folder) {
            let aliases = self.aliases_of(remembered_market(&folder).as_ref())?;
            return Ok(Endpoint { server: server_at(address)?, user, place, aliases, local: None });
        }
        let quotes = self.market_of(&folder);
        let aliases = match quotes.spec() {
            QuoteSpec::Closed => self.aliases_of(remembered_market(&folder).as_ref())?,
            _ => self.aliases_of(Some(&quotes))?,
        };
        let config = Config::local(folder.clone(), folder.join("dumps"), quotes);
        match LocalServer::with_config(config) {
            Ok(local) => {
                let server = server_at(local.address())?;
                Ok(Endpoint { server, user, place, aliases, local: Some(local) })
            }
            // Another one may have been faster.
            Err(error) => match wait_for_server(&folder) {
                Some(address) => {
                    Ok(Endpoint { server: server_at(address)?, user, place, aliases, local: None })
                }
                None => Err(error)
                    .context("the server of this process did not start")
                    .map_err(Failure::usage),
            },
        }
    }
}

impl EndpointArgs {
    /// Returns the market of a server in this process: as the options say, or as the folder was
    /// played with last.
    fn market_of(&self, folder: &Path) -> QuoteArgs {
        let mut quotes = self.quotes.clone();
        if quotes.quotes.is_none()
            && let Some(last) = remembered_market(folder)
        {
            let tick = quotes.tick.or(last.tick);
            let QuoteArgs { quotes: spec, speed, looped, .. } = last;
            quotes = QuoteArgs { quotes: spec, speed, looped, tick, ..quotes };
        }
        // Prices have to move while the trader only looks at them.
        quotes.tick = quotes.tick.or(Some(TICK_MS));
        quotes
    }
}

impl EndpointArgs {
    /// Returns the names of long symbols: of the table that the options name, or of the one beside
    /// the file of a market.
    fn aliases_of(&self, market: Option<&QuoteArgs>) -> Result<Aliases, Failure> {
        if let Some(table) = &self.aliases {
            return Aliases::read(table).map_err(Failure::usage);
        }
        let Some(QuoteSpec::Csv { path }) = market.map(QuoteArgs::spec) else {
            return Ok(Aliases::default());
        };
        match Aliases::path_beside(&path) {
            table if table.exists() => Aliases::read(&table).map_err(Failure::usage),
            _ => Ok(Aliases::default()),
        }
    }
}

impl Endpoint {
    /// Creates the model of the user's account.
    pub(crate) fn model(&self, symbols: Vec<Symbol>, keys: KeyMap, now_ms: u64) -> App {
        let address = self.server.address.host_port();
        let mut model = App::new(self.user.clone(), &address, symbols, keys, now_ms);
        model.market.set_aliases(self.aliases.clone());
        model.connection.access = match &self.local {
            Some(_) => Access::InProcess,
            None if self.server.address.tls => Access::Encrypted,
            None => Access::Open,
        };
        model
    }

    /// Stops the server if it is one in this process.
    ///
    /// # Errors
    /// A link failure, if the server could not sync its journal.
    pub(crate) fn close(self) -> Result<(), Failure> {
        self.local.map_or(Ok(()), |local| local.stop().map_err(Failure::link))
    }
}

/// Returns the address of the server that has locked a folder, once it listens; None if no server
/// has.
fn wait_for_server(folder: &Path) -> Option<SocketAddr> {
    let deadline = Instant::now() + START_MAX;
    loop {
        let address = running_at(folder);
        if address.is_some() || Instant::now() >= deadline {
            return address;
        }
        std::thread::sleep(START_CHECK);
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
