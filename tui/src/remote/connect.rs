//! Connecting to a server: TCP, for some TLS, and for those a login.

use super::address::ServerAddress;
use super::credentials::LoginSecret;
use super::known_servers::KnownServers;
use super::moves::Follower;
use super::trust::Trust;
use crate::app::Identity;
use crate::exit::Failure;
use crate::net::{CONNECT_TIMEOUT, SERVER_LINE_BYTES_MAX, clean};
use daytrade_protocol::{Code, ReplyBody, Request, Secret, ServerLine, SessionCommand};
use daytrade_server::{running_at, tcp_socket};
use rustls::pki_types::ServerName;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// Timeout of the answer to a login: it is delayed after failures.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and everything that a connection to it needs.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Its address.
    pub address: ServerAddress,
    /// How it is recognized; None for plain lines.
    trust: Option<Trust>,
    login: Option<LoginSecret>,
    /// The data folder whose server this is: it may listen elsewhere after a restart.
    folder: Option<PathBuf>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct ConnectError {
    /// The cause, for the screen.
    pub cause: String,
    /// The cause in the system's words, for a shell.
    details: Option<String>,
    /// True if another attempt will fail as well.
    pub is_final: bool,
}

impl ConnectError {
    const fn passing(cause: String) -> Self {
        Self { cause, details: None, is_final: false }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let cause = error.details.unwrap_or(error.cause);
        Self::link(anyhow::anyhow!("cannot connect to {cause}"))
    }
}

impl Server {
    /// A server that speaks plain lines.
    pub(crate) const fn plain(address: ServerAddress) -> Self {
        Self { address, trust: None, login: None, folder: None }
    }

    /// The server of a data folder, which listens at an address now.
    pub(crate) const fn of_folder(address: ServerAddress, folder: PathBuf) -> Self {
        Self { address, trust: None, login: None, folder: Some(folder) }
    }

    /// A server that speaks TLS.
    pub(super) const fn encrypted(
        address: ServerAddress,
        trust: Trust,
        login: Option<LoginSecret>,
    ) -> Self {
        Self { address, trust: Some(trust), login, folder: None }
    }

    /// Looks for the server of the data folder, if this is one. Returns true if it listens at
    /// another address now.
    pub(crate) fn find_again(&mut self) -> bool {
        let found = self.folder.as_deref().and_then(running_at);
        let found = found.and_then(|found| ServerAddress::parse(&found.to_string()).ok());
        let Some(found) = found.filter(|found| *found != self.address) else { return false };
        self.address = found;
        true
    }

    /// Returns this server with another login.
    pub(super) fn with_login(&self, login: LoginSecret) -> Self {
        Self { login: Some(login), ..self.clone() }
    }

    /// Returns this server at another address, where the accounts have moved to. A key that is
    /// known there is trusted, otherwise only what is trusted here.
    ///
    /// # Errors
    /// If the known keys cannot be read, or TLS cannot be configured.
    pub(super) fn moved_to(&self, address: ServerAddress) -> anyhow::Result<Self> {
        let trust = match &self.trust {
            Some(trust) if trust.is_by_key() => {
                match KnownServers::read()?.find(&address.host_port()) {
                    Some(key) => Some(Trust::pin(&key.fingerprint, key.place)?),
                    None => Some(trust.elsewhere()),
                }
            }
            trust => trust.clone(),
        };
        Ok(Self { address, trust, login: self.login.clone(), folder: None })
    }

    /// Returns the name of the login.
    pub(crate) fn login_name(&self) -> Option<&daytrade_protocol::UserName> {
        self.login.as_ref().map(|login| &login.name)
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// A [`ConnectError`].
    pub(crate) async fn connect(&self) -> Result<(Stream, Option<Identity>), ConnectError> {
        let mut stream = self.connect_only().await?;
        let Some(LoginSecret { name, secret }) = &self.login else { return Ok((stream, None)) };
        let request = SessionCommand::Auth { user: name.clone(), secret: secret.clone() };
        match ask(&mut stream, request).await? {
            ReplyBody::Auth { name, role } => {
                Ok((stream, Some(Identity { name: name.into(), role: role.into() })))
            }
            // A plain address that wants no logins.
            ReplyBody::Refused { code: Code::BadArguments, .. } if self.trust.is_none() => {
                Ok((stream, None))
            }
            ReplyBody::Refused { code, message } => Err(ConnectError {
                cause: format!("{}: {code}: {}", self.address, clean(&message)),
                details: None,
                is_final: code == Code::AuthFailed,
            }),
            other => Err(ConnectError::passing(format!("an unexpected answer to AUTH: {other:?}"))),
        }
    }

    /// Connects without a login: a server answers a PING all the same.
    ///
    /// # Errors
    /// A [`ConnectError`].
    pub(crate) async fn connect_only(&self) -> Result<Stream, ConnectError> {
        let address = self.address.host_port();
        let connected = async {
            let tcp = connect_tcp(&address).await?;
            tcp.set_nodelay(true)?;
            let Some(trust) = &self.trust else { return Ok::<_, io::Error>(Stream::Plain(tcp)) };
            trust.forget();
            let host = self.address.host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let connector = TlsConnector::from(trust.config.clone());
            let stream = timeout(CONNECT_TIMEOUT, connector.connect(name, tcp)).await??;
            Ok(Stream::Tls(Box::new(stream)))
        };
        match connected.await {
            Ok(stream) => Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let seconds = CONNECT_TIMEOUT.as_secs();
                Err(ConnectError::passing(format!("{address}: no connection within {seconds} s")))
            }
            Err(error) => {
                let wrong = self.trust.as_ref().and_then(|trust| trust.wrong_key(&address));
                Err(match wrong {
                    Some(wrong) => {
                        let (cause, details) = (wrong.to_string(), None);
                        ConnectError { cause, details, is_final: true }
                    }
                    None => ConnectError {
                        cause: format!("{address}: {}", text_of(&error)),
                        details: Some(format!("{address}: {error}")),
                        is_final: false,
                    },
                })
            }
        }
    }

    /// Only makes a handshake, to see the server's key.
    ///
    /// # Errors
    /// A link failure.
    pub(super) fn look(&self) -> Result<(), Failure> {
        crate::net::block_on(async { Ok(self.connect_only().await.map(drop)?) })
    }

    /// Changes the password of the login. Returns the server that has changed it; in a cluster the
    /// others hear of it a moment later.
    ///
    /// # Errors
    /// A link failure, or the server's refusal.
    pub(super) fn change_password(&self, old: &Secret, new: &Secret) -> Result<Self, Failure> {
        crate::net::block_on(async {
            let mut follower = Follower::new(self.clone());
            loop {
                let (mut stream, _) = follower.server().connect().await?;
                let (old, new) = (old.clone(), new.clone());
                let asked = ask(&mut stream, SessionCommand::Passwd { old, new }).await;
                let error = match asked? {
                    ReplyBody::Passwd {} => return Ok(follower.server().clone()),
                    ReplyBody::Refused { code: Code::Moved, message } => {
                        follower.follow(Some(&message)).map_err(Failure::link)?;
                        continue;
                    }
                    ReplyBody::Refused { code, message } => {
                        anyhow::anyhow!("{code}: {}", clean(&message))
                    }
                    other => anyhow::anyhow!("an unexpected answer: {other:?}"),
                };
                return Err(Failure::link(error));
            }
        })
    }
}

/// Connects to the first address of a name that answers; each has its time.
async fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in tokio::net::lookup_host(address).await? {
        let connected = async { tcp_socket(address)?.connect(address).await };
        match timeout(CONNECT_TIMEOUT, connected).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Sends a request and reads the one line of its reply, and not a byte more.
async fn ask(stream: &mut Stream, request: SessionCommand) -> Result<ReplyBody, ConnectError> {
    let mut bytes = Zeroizing::new(Vec::new());
    Request::new(request).write_to(&mut bytes);
    let asked = async {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') && line.len() < SERVER_LINE_BYTES_MAX {
            line.push(stream.read_u8().await?);
        }
        Ok::<_, io::Error>(line)
    };
    let line = match timeout(LOGIN_TIMEOUT, asked).await {
        Ok(read) => read.map_err(|error| ConnectError::passing(text_of(&error)))?,
        Err(_) => return Err(ConnectError::passing("no answer to the login".to_owned())),
    };
    if let Ok(ServerLine::Reply(reply)) = ServerLine::parse(&line) {
        return Ok(reply.body);
    }
    let begin: String = clean(&String::from_utf8_lossy(&line)).chars().take(40).collect();
    Err(ConnectError::passing(format!("not a daytrade server (it sent {begin:?})")))
}

/// Returns an error as a trader reads it.
fn text_of(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server has closed the connection".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection broke".to_owned()
        }
        _ => error.to_string(),
    }
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Plain lines.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
