//! Options of every command that connects to a server, and what follows from them: which server,
//! whom to trust, and which login.

use super::address::ServerAddress;
use super::connect::Server;
use super::credentials::{Credentials, LoginSecret, of_script};
use super::known_servers::KnownServers;
use super::prompt;
use super::trust::Trust;
use crate::exit::Failure;
use anyhow::{Context as _, bail};
use clap::Args;
use daytrade_protocol::UserName;
use std::path::PathBuf;

/// Options for a server with TLS and logins.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Server with TLS (tls://HOST[:PORT])")]
pub(crate) struct RemoteArgs {
    /// Name of the login [default: the one that daytrade login has remembered]
    #[arg(long, value_name = "NAME", env = "DAYTRADE_LOGIN")]
    pub login: Option<String>,
    /// File with a token or password [default: the variable DAYTRADE_TOKEN, or what daytrade login
    /// has remembered]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust the server with this key only
    #[arg(long, value_name = "SHA256:...", conflicts_with = "tls_ca")]
    pub tls_pin: Option<String>,
    /// Trust servers with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
}

impl RemoteArgs {
    /// Finds out how to connect to a server. Asks the user about a key that is not known.
    ///
    /// # Errors
    /// A usage failure about options or files; a link failure if the server cannot be trusted.
    pub(crate) fn server(&self, connect: &str) -> Result<Server, Failure> {
        let address = ServerAddress::parse(connect)?;
        if !address.tls {
            return self.plain_server(address).map_err(Failure::usage);
        }
        let login = self.secret(&address).map_err(Failure::usage)?;
        let trust = self.trust(&address)?;
        Ok(Server::encrypted(address, trust, Some(login)))
    }

    /// A server that speaks plain lines. It may want logins, too, if it is on this machine.
    fn plain_server(&self, address: ServerAddress) -> anyhow::Result<Server> {
        let with_key = self.tls_pin.is_some() || self.tls_ca.is_some();
        anyhow::ensure!(!with_key, "{address} has no key: use tls://{address}");
        if self.token_file.is_none() && self.login.is_none() {
            return Ok(Server::plain(address));
        }
        let is_here = address.is_loopback();
        anyhow::ensure!(is_here, "a secret is sent over TLS only: use tls://{address}");
        let login = self.secret(&address)?;
        Ok(Server::plain(address).with_login(login))
    }

    /// Finds out how to recognize a server, without a login.
    ///
    /// # Errors
    /// As [`RemoteArgs::server`].
    pub(super) fn server_without_login(&self, address: ServerAddress) -> Result<Server, Failure> {
        let trust = self.trust(&address)?;
        Ok(Server::encrypted(address, trust, None))
    }

    /// Returns the name of the login, if one is given.
    ///
    /// # Errors
    /// If it cannot be one.
    pub(super) fn name(&self) -> anyhow::Result<Option<UserName>> {
        let parse = |name: &String| {
            UserName::parse(name.as_bytes()).with_context(|| format!("{name:?} is not a login"))
        };
        self.login.as_ref().map(parse).transpose()
    }

    fn secret(&self, address: &ServerAddress) -> anyhow::Result<LoginSecret> {
        let (name, server) = (self.name()?, address.host_port());
        if let Some(secret) = of_script(self.token_file.as_deref())? {
            let remembered = || Credentials::read().ok()?.find(&server, None);
            let name = name.or_else(|| remembered().map(|login| login.name));
            let name = name.context("name the login of the token: --login NAME")?;
            return Ok(LoginSecret { name, secret });
        }
        if let Some(login) = Credentials::read()?.find(&server, name.as_ref()) {
            return Ok(login);
        }
        let Some(name) = name.filter(|_| prompt::can_ask()) else {
            bail!("no login at {address}: daytrade login {address} --login NAME");
        };
        let secret = prompt::secret(&format!("password of {name} at {address}: "))?;
        Ok(LoginSecret { name, secret })
    }

    fn trust(&self, address: &ServerAddress) -> Result<Trust, Failure> {
        if let Some(file) = &self.tls_ca {
            return Trust::authority(file).map_err(Failure::usage);
        }
        if let Some(pin) = &self.tls_pin {
            return Trust::pin(pin, "--tls-pin".to_owned()).map_err(Failure::usage);
        }
        let server = address.host_port();
        let mut known = KnownServers::read().map_err(Failure::usage)?;
        if let Some(key) = known.find(&server) {
            return Trust::pin(&key.fingerprint, key.place).map_err(Failure::usage);
        }
        let look = Trust::only_look().map_err(Failure::usage)?;
        Server::encrypted(address.clone(), look.clone(), None).look()?;
        let shown = look.seen().unwrap_or_default();
        let question = format!(
            "{address} is not known. Its key is {shown}.\n\
             Compare it with the fingerprint that you were given. Trust it? (yes/no) "
        );
        if !prompt::can_ask() {
            return Err(Failure::link(anyhow::anyhow!(
                "{address} is not known; its key is {shown}. If that is right: --tls-pin {shown}"
            )));
        }
        if prompt::line(&question).map_err(Failure::usage)?.trim() != "yes" {
            return Err(Failure::link(anyhow::anyhow!("{address} is not trusted")));
        }
        known.add(&server, &shown).map_err(Failure::usage)?;
        let place = known.find(&server).map(|key| key.place).unwrap_or_default();
        Trust::pin(&shown, place).map_err(Failure::usage)
    }

    /// Remembers a key that was given as an option, so that it need not be given again.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn remember_pin(&self, address: &ServerAddress) -> anyhow::Result<()> {
        let (Some(pin), server) = (&self.tls_pin, address.host_port()) else { return Ok(()) };
        let mut known = KnownServers::read()?;
        if known.find(&server).is_some() { Ok(()) } else { known.add(&server, pin) }
    }

    /// Checks that a key that was given as an option is not another one than is known.
    ///
    /// # Errors
    /// A message that names file and line.
    pub(super) fn check_pin(&self, address: &ServerAddress) -> anyhow::Result<()> {
        let server = address.host_port();
        match (&self.tls_pin, KnownServers::read()?.find(&server)) {
            (Some(pin), Some(key)) if key.fingerprint != *pin => {
                bail!("{} has another key of {server}; remove that line if it is old", key.place)
            }
            _ => Ok(()),
        }
    }
}
