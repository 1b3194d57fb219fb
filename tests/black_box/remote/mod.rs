//! Logins and TLS: clients on other machines, as far as addresses of this one can stand for them.

mod attacks;
mod backups;
mod client;

mod logins;
mod roles;
mod transport;
mod vanished;
mod watched;

use super::harness::{Daemon, TIMEOUT, program, run, text};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Password of every login of these tests.
const PASSWORD: &str = "correct-horse-1";

/// A data folder with logins, and the server on it.
struct Class {
    folder: TempDir,
    server: Daemon,
}

/// Runs `daytraded` with a folder; it must succeed. Returns what it printed.
fn daytraded(data: &Path, args: &[&str], input: &str) -> String {
    let mut command = Command::new(program("daytraded"));
    command.args(args).arg("--data-dir").arg(data);
    let output = run(&mut command, input.as_bytes());
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Adds a login with [`PASSWORD`].
fn add_user(data: &Path, name: &str, args: &[&str]) {
    let all = [&["user", "add", name, "--password-stdin"], args].concat();
    daytraded(data, &all, &format!("{PASSWORD}\n"));
}

impl Class {
    /// Makes a folder with an admin `root` and these logins, and starts a server with TLS.
    fn new(users: &[(&str, &[&str])], args: &[&str]) -> Self {
        Self::with_address("--listen-tls", users, args)
    }

    /// As [`Class::new`], with logins on the plain address.
    fn plain(users: &[(&str, &[&str])], args: &[&str]) -> Self {
        Self::with_address("--listen", users, &[args, &["--auth", "required"]].concat())
    }

    fn with_address(option: &str, users: &[(&str, &[&str])], args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        daytraded(&data, &["init", "--admin", "root"], "");
        daytraded(&data, &["user", "passwd", "root", "--password-stdin"], &format!("{PASSWORD}\n"));
        for (name, args) in users {
            add_user(&data, name, args);
        }
        let mut command = Command::new(program("daytraded"));
        command.args([option, "127.0.0.1:0", "--data-dir"]).arg(&data);
        command.args(["--quotes", "simulated:7:frozen"]).args(args);
        let server = Daemon::spawn(&mut command).unwrap_or_else(|printed| panic!("{printed}"));
        Self { folder, server }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Opens a connection over TLS.
    fn connect(&self) -> TlsClient {
        self.connect_from("127.0.0.1")
    }

    /// Opens a connection over TLS from an address of this machine.
    fn connect_from(&self, address: &str) -> TlsClient {
        TlsClient::new(stream_from(address, self.server.port))
    }

    /// Opens a connection over TLS and logs in.
    fn log_in(&self, name: &str) -> TlsClient {
        let mut client = self.connect();
        let reply = client.ask(&format!("AUTH,{name},{PASSWORD}"));
        assert!(reply.starts_with(&format!("OK,AUTH,{name},")), "{reply}");
        client
    }

    /// Returns the address for the client program.
    fn address(&self) -> String {
        format!("tls://127.0.0.1:{}", self.server.port)
    }

    /// Runs `daytrade` with a configuration folder of its own.
    fn daytrade(&self, args: &[&str], input: &str) -> (Option<i32>, String, String) {
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program("daytrade"));
        command.args(args).current_dir(self.folder.path());
        command.env("XDG_CONFIG_HOME", &home).env("HOME", &home);
        let output = run(&mut command, input.as_bytes());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// Returns the fingerprint that the server has logged at its start.
    fn fingerprint(&self) -> String {
        let (_, _, error) = self.daytrade(&["status", "--connect", &self.address()], "");
        assert!(error.is_empty() || error.contains("daytrade login"), "{error}");
        let args = ["login", &self.address(), "--user", "root"];
        let (code, _, error) = self.daytrade(&args, &format!("{PASSWORD}\n"));
        assert_eq!(code, Some(3), "{error}");
        let (_, rest) = error.split_once("its key is ").unwrap();
        rest.split(['.', ' ']).next().unwrap().to_owned()
    }
}

/// Opens a TCP connection from an address of this machine.
fn stream_from(address: &str, port: u16) -> TcpStream {
    use rustix::net::{
        AddressFamily, SocketAddrV4, SocketFlags, SocketType, bind, connect, socket_with,
    };
    // Programs that other tests start must not inherit it.
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::STREAM, flags, None).unwrap();
    bind(&socket, &SocketAddrV4::new(address.parse().unwrap(), 0)).unwrap();
    connect(&socket, &SocketAddrV4::new([127, 0, 0, 1].into(), port)).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A connection over TLS that trusts everybody.
struct TlsClient {
    reader: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl TlsClient {
    fn new(stream: TcpStream) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = stream;
        while session.is_handshaking() {
            session.complete_io(&mut stream).unwrap();
        }
        Self { reader: BufReader::new(StreamOwned::new(session, stream)) }
    }

    fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        let stream = self.reader.get_mut();
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }

    fn send(&mut self, text: &str) {
        self.try_send(text).unwrap();
    }

    /// Returns the next line without its LF, or an empty string at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    /// Sends a line and returns the last line of its reply.
    fn ask(&mut self, line: &str) -> String {
        self.send(&format!("{line}\n"));
        loop {
            let line = self.line();
            if !line.starts_with(['-', '*']) {
                return line;
            }
        }
    }

    /// Says that nothing more will be sent.
    fn half_close(&mut self) {
        let stream = self.reader.get_mut();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }

    /// Returns everything until the server closes the connection.
    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.reader.read_to_string(&mut text).unwrap();
        text
    }
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
