//! `daytrade login`, `logout`, `passwd` and `log`.

use super::address::ServerAddress;
use super::credentials::{Credentials, LoginSecret};
use super::options::RemoteArgs;
use super::prompt;
use crate::exit::{Exit, Failure};
use crate::net;
use anyhow::Context as _;
use clap::Args;
use daytrade_protocol::{Detail, Reply, ReplyBody, Request, ServerLine, SessionCommand, UserName};
use std::io::{self, Write as _};

/// Begin of an invitation: a secret that can only choose a password.
const INVITATION_PREFIX: &str = "dti_";

/// Options of `daytrade login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Server: tls://HOST[:PORT]
    server: String,
    /// Name of the login
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Options of the connection.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Options of `daytrade logout`.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// Server: tls://HOST[:PORT]
    server: String,
    /// Name of the login [default: all at that server]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Options of `daytrade passwd`.
#[derive(Debug, Args)]
pub(crate) struct PasswdArgs {
    /// Server: tls://HOST[:PORT]
    server: String,
    /// Options of the connection.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Options of `daytrade log`.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// User whose events to read [default: all that the login may read]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Time of the first events, Unix milliseconds
    #[arg(long, value_name = "MS")]
    from_ms: Option<u64>,
    /// Server
    #[arg(long, value_name = "SERVER", default_value = daytrade_server::DEFAULT_ADDRESS)]
    connect: String,
    /// Options of the connection.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Logs in at a server and remembers the secret. An invitation is exchanged for a password.
///
/// # Errors
/// A failure, if the server cannot be trusted or refuses the login.
pub(crate) fn login(args: &LoginArgs) -> Result<Exit, Failure> {
    let address = parse_tls(&args.server)?;
    let mut remote = args.remote.clone();
    remote.login = args.user.clone().or(remote.login);
    let name = remote.name().map_err(Failure::usage)?;
    let name = name.context("name the login: --user NAME").map_err(Failure::usage)?;
    // Before an invitation is used up.
    remote.check_pin(&address).map_err(Failure::usage)?;
    let mut credentials = Credentials::read().map_err(Failure::usage)?;
    let server = remote.server_without_login(address.clone())?;
    let asked = prompt::secret(&format!("password or invitation of {name} at {address}: "));
    let mut login = LoginSecret { name, secret: asked.map_err(Failure::usage)? };
    let mut at_server = server.with_login(login.clone());
    if login.secret.expose().starts_with(INVITATION_PREFIX) {
        let new = prompt::new_secret().map_err(Failure::usage)?;
        at_server = at_server.change_password(&login.secret, &new)?;
        login.secret = new;
    }
    let at_server = at_server.with_login(login.clone());
    let identity = net::block_on(async {
        let (_, identity) = at_server.connect().await?;
        Ok(identity)
    })?;
    remote.remember_pin(&address).map_err(Failure::usage)?;
    credentials.set(&address.host_port(), &login).map_err(Failure::usage)?;
    let role = identity.map(|identity| net::clean(&identity.role)).unwrap_or_default();
    say(&format!("logged in as {} ({role}) at {address}", login.name))
}

/// Forgets the secrets of a server.
///
/// # Errors
/// A usage failure, if there is none or the file cannot be written.
pub(crate) fn logout(args: &LogoutArgs) -> Result<Exit, Failure> {
    let address = parse_tls(&args.server)?;
    let name = args.user.as_ref().map(|name| {
        UserName::parse(name.as_bytes()).with_context(|| format!("{name:?} is not a login"))
    });
    let name = name.transpose().map_err(Failure::usage)?;
    let mut credentials = Credentials::read().map_err(Failure::usage)?;
    if credentials.remove(&address.host_port(), name.as_ref()) == 0 {
        return Err(Failure::usage(anyhow::anyhow!("no login at {address} is remembered")));
    }
    credentials.write().map_err(Failure::usage)?;
    say(&format!("forgot the login at {address}"))
}

/// Changes the password of a login.
///
/// # Errors
/// A failure, if the server refuses it.
pub(crate) fn passwd(args: &PasswdArgs) -> Result<Exit, Failure> {
    let address = parse_tls(&args.server)?;
    let name = args.remote.name().map_err(Failure::usage)?;
    let mut credentials = Credentials::read().map_err(Failure::usage)?;
    let known = credentials.find(&address.host_port(), name.as_ref()).map(|login| login.name);
    let name = name.or(known).context("name the login: --login NAME").map_err(Failure::usage)?;
    let server = args.remote.server_without_login(address.clone())?;
    let old = prompt::secret(&format!("password of {name} at {address}: "));
    let old = old.map_err(Failure::usage)?;
    let new = prompt::new_secret().map_err(Failure::usage)?;
    let login = LoginSecret { name: name.clone(), secret: old.clone() };
    server.with_login(login).change_password(&old, &new)?;
    if credentials.find(&address.host_port(), Some(&name)).is_some() {
        let login = LoginSecret { name, secret: new };
        credentials.set(&address.host_port(), &login).map_err(Failure::usage)?;
    }
    say("the password is changed; other sessions of the old one end")
}

/// Prints the audit log of a server.
///
/// # Errors
/// A failure, if the server refuses it or the connection is lost.
pub(crate) fn log(args: &LogArgs) -> Result<Exit, Failure> {
    let parse = |name: &String| {
        UserName::parse(name.as_bytes()).with_context(|| format!("{name:?} is not a user"))
    };
    let user = args.user.as_ref().map(parse).transpose().map_err(Failure::usage)?;
    let server = args.remote.server(&args.connect)?;
    let mut line = Vec::new();
    Request::new(SessionCommand::ReadLog { user, from_ms: args.from_ms }).write_to(&mut line);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut refused = None;
    net::exchange(&server, &line, |line| match ServerLine::parse(line.as_bytes()) {
        Ok(ServerLine::Detail(_, Detail::Log(text))) => writeln!(out, "{text}"),
        Ok(ServerLine::Reply(Reply { body: ReplyBody::Refused { code, message }, .. })) => {
            refused = Some(format!("{code}: {message}"));
            Ok(())
        }
        _ => Ok(()),
    })?;
    match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        flushed => flushed.map_err(Failure::usage)?,
    }
    match refused {
        None => Ok(Exit::Done),
        Some(cause) => Err(Failure { exit: Exit::Differs, error: anyhow::anyhow!(cause) }),
    }
}

fn parse_tls(text: &str) -> Result<ServerAddress, Failure> {
    let address = ServerAddress::parse(text)?;
    if address.tls {
        return Ok(address);
    }
    Err(Failure::usage(anyhow::anyhow!("{text}: there are logins at tls:// servers only")))
}

fn say(text: &str) -> Result<Exit, Failure> {
    writeln!(io::stdout(), "{text}").map_err(Failure::usage)?;
    Ok(Exit::Done)
}
