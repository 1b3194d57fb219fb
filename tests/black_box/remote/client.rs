//! The client program at a server with TLS: whom it trusts, and what it remembers.

use super::super::harness::{eventually, has_tool};
use super::{Class, PASSWORD, daytraded};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

#[test]
fn a_new_user_logs_in_trades_and_logs_out() {
    let class = Class::new(&[], &[]);
    let printed = daytraded(&class.data(), &["user", "invite", "zoe", "--may-add"], "");
    let secret = printed.lines().find_map(|line| line.strip_prefix("invitation  ")).unwrap();
    let (address, pin) = (class.address(), class.fingerprint());
    let connect = ["--connect", address.as_str()];
    let (code, _, error) = class.daytrade(&[&["status"], &connect[..]].concat(), "");
    assert!(code == Some(2) && error.contains("daytrade login"), "{error}");
    let input = format!("{secret}\n{PASSWORD}\n");
    let args = ["login", &address, "--user", "zoe", "--tls-pin", &pin];
    let (code, out, error) = class.daytrade(&args, &input);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, format!("logged in as zoe (trader) at {address}\n"));
    let (code, out, _) =
        class.daytrade(&[&["send", "ADD,zoe,500", "WHOAMI"], &connect[..]].concat(), "");
    assert_eq!((code, out.as_str()), (Some(0), "OK,ADD,500.00\nOK,WHOAMI,zoe,trader,own\n"));
    let (code, out, _) = class.daytrade(&[&["status"], &connect[..]].concat(), "");
    assert!(code == Some(0) && out.contains("zoe\t500.00"), "{out}");
    let (code, out, _) = class.daytrade(&[&["log"], &connect[..]].concat(), "");
    assert!(code == Some(0) && out.contains("<username>zoe</username>"), "{out}");
    let (_, out, _) = class.daytrade(&[&["snapshot"], &connect[..]].concat(), "");
    assert!(out.contains("zoe@127.0.0.1") && out.contains(" trader TLS"), "{out}");
    let change = format!("{PASSWORD}\nanother-secret-2\n");
    let (code, _, error) = class.daytrade(&["passwd", &address], &change);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let (code, ..) = class.daytrade(&[&["status"], &connect[..]].concat(), "");
    assert_eq!(code, Some(0));
    let (code, ..) = class.daytrade(&["logout", &address], "");
    assert_eq!(code, Some(0));
    let (code, ..) = class.daytrade(&[&["status"], &connect[..]].concat(), "");
    assert_eq!(code, Some(2));
}

#[test]
fn a_server_that_is_not_known_or_has_another_key_gets_no_secret() {
    let (class, other) = (Class::new(&[], &[]), Class::new(&[], &[]));
    let (address, pin) = (class.address(), other.fingerprint());
    let input = format!("{PASSWORD}\n");
    let (code, _, error) = class.daytrade(&["login", &address, "--user", "root"], &input);
    assert!(code == Some(3) && error.contains("is not known"), "{error}");
    let args = ["login", &address, "--user", "root", "--tls-pin", &pin];
    let (code, _, error) = class.daytrade(&args, &input);
    assert!(code == Some(3) && error.contains("has changed: --tls-pin says"), "{error}");
    // The file says which line.
    let known = class.folder.path().join("home/daytrade");
    std::fs::create_dir_all(&known).unwrap();
    let server = format!("127.0.0.1:{}", class.server.port);
    std::fs::write(known.join("known_servers"), format!("elsewhere:1 x\n{server} {pin}\n"))
        .unwrap();
    let (code, _, error) = class.daytrade(&["login", &address, "--user", "root"], &input);
    assert!(code == Some(3) && error.contains("known_servers line 2"), "{error}");
    let log = std::fs::read_to_string(class.data().join("security.log")).unwrap();
    assert!(!log.contains("\"event\":\"login"), "{log}");
}

/// Shows a certificate and signs with another key.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesServerCert for Thief {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Whoever copies a certificate does not have its key.
#[test]
fn a_server_that_shows_the_pinned_certificate_without_its_key_gets_no_secret() {
    let (class, other) = (Class::new(&[], &[]), Class::new(&[], &[]));
    let pin = class.fingerprint();
    let cert = CertificateDer::pem_file_iter(class.data().join("tls/cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(other.data().join("tls/key.pem")).unwrap();
    let certified = CertifiedKey::new(
        cert.collect::<Result<_, _>>().unwrap(),
        rustls::crypto::ring::sign::any_supported_type(&key).unwrap(),
    );
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Thief(Arc::new(certified))));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tls://{}", listener.local_addr().unwrap());
    let thief = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        // The client ends the handshake.
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                return false;
            }
        }
        true
    });
    let args = ["login", &address, "--user", "root", "--tls-pin", &pin];
    let (code, _, error) = class.daytrade(&args, &format!("{PASSWORD}\n"));
    assert_eq!(code, Some(3), "{error}");
    assert!(!thief.join().unwrap(), "the handshake succeeded");
}

#[test]
fn a_certificate_of_an_authority_is_verified_by_name() {
    if !has_tool("openssl") {
        return;
    }
    let class = Class::new(&[("alice", &[])], &[]);
    // The certificate of init is its own authority.
    let cert = class.data().join("tls/cert.pem");
    let address = class.address();
    let token = class.folder.path().join("token");
    std::fs::write(&token, PASSWORD).unwrap();
    Command::new("chmod").arg("600").arg(&token).status().unwrap();
    let (token, cert) = (token.to_str().unwrap(), cert.to_str().unwrap());
    let args = ["send", "WHOAMI", "--login", "alice", "--token-file", token, "--connect"];
    let (code, out, error) =
        class.daytrade(&[&args[..], &[&address, "--tls-ca", cert]].concat(), "");
    assert_eq!((code, out.as_str()), (Some(0), "OK,WHOAMI,alice,trader,own\n"), "{error}");
    let other = Class::new(&[], &[]);
    let wrong = other.data().join("tls/cert.pem");
    let wrong = wrong.to_str().unwrap();
    let (code, ..) = class.daytrade(&[&args[..], &[&address, "--tls-ca", wrong]].concat(), "");
    assert_eq!(code, Some(3));
}

#[test]
fn a_watch_sees_the_end_of_its_login() {
    let class = Class::new(&[("alice", &["--may-add"])], &[]);
    let (address, pin) = (class.address(), class.fingerprint());
    let args = ["login", &address, "--user", "alice", "--tls-pin", &pin];
    assert_eq!(class.daytrade(&args, &format!("{PASSWORD}\n")).0, Some(0));
    class.daytrade(&["send", "ADD,alice,5", "--connect", &address], "");
    let home = class.folder.path().join("home");
    let out = class.folder.path().join("watch.out");
    let mut child = Command::new(super::program("daytrade"))
        .args(["watch", "--connect", &address])
        .env("XDG_CONFIG_HOME", &home)
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let read = || std::fs::read_to_string(&out).unwrap();
    eventually("the account", || read().contains("cash=5.00"));
    daytraded(&class.data(), &["user", "disable", "alice"], "");
    eventually("the end", || read().contains("reason=REVOKED"));
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_plain_address_with_logins_is_for_this_machine_and_refusals_end_a_command() {
    let class = Class::plain(&[("alice", &[])], &[]);
    let secret = class.folder.path().join("secret");
    std::fs::write(&secret, PASSWORD).unwrap();
    Command::new("chmod").arg("600").arg(&secret).status().unwrap();
    let (address, secret) = (class.server.address(), secret.to_str().unwrap());
    let login = ["--login", "alice", "--token-file", secret, "--connect"];
    let run = |args: &[&str], connect: &str| {
        class.daytrade(&[args, &login[..], &[connect][..]].concat(), "")
    };
    let (code, out, error) = run(&["send", "WHOAMI"], &address);
    assert_eq!((code, out.as_str()), (Some(0), "OK,WHOAMI,alice,trader,own\n"), "{error}");
    let (code, _, error) = run(&["send", "WHOAMI"], "trade.example:4462");
    assert!(code == Some(2) && error.contains("over TLS only"), "{error}");
    let (code, _, error) = run(&["send", "WHOAMI", "--tls-pin", "SHA256:x"], &address);
    assert!(code == Some(2) && error.contains("use tls://"), "{error}");
    for command in ["status", "watch"] {
        let (code, _, error) = run(&[command, "--user", "bob"], &address);
        assert!(code == Some(1) && error.contains("FORBIDDEN"), "{command}: {error}");
    }
    // Without a login, a replay ends at once and keeps nothing back as unknown.
    let line = |n| format!("[{n}] ADD,user{n},5\nADD,user{n},5 noreply\n");
    let lines: String = (1..=300).map(line).collect();
    for connections in ["1", "8"] {
        let args = ["replay", "-", "--connect", &address, "--connections", connections];
        let (code, out, error) = class.daytrade(&args, &lines);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
        assert!(error.contains("the server wants a login"), "{error}");
        assert!(!error.contains("UNKNOWN") && error.lines().count() < 4, "{error}");
    }
    // The file may log in itself.
    let lines = format!("[1] ADD,alice,5\n[2] AUTH,alice,{PASSWORD}\n[3] QUOTE,alice,ABC\n");
    let (code, out, _) = class.daytrade(&["replay", "-", "--connect", &address], &lines);
    assert!(code == Some(0) && out.contains("\n[3] OK,QUOTE,ABC,"), "{out}");
    let (code, _, error) = class.daytrade(&["status", "--connect", &address], "");
    assert!(code == Some(1) && error.contains("the server wants a login"), "{error}");
    // A workload in a pipe goes where it was told to.
    let args = ["--connect", address.as_str(), "--login", "alice", "--token-file", secret];
    let (code, out, error) = class.daytrade(&args, "[1] ADD,alice,5\n");
    assert_eq!(code, Some(0), "{error}");
    assert!(out.starts_with("[1] ERR,FORBIDDEN,"), "{out}");
}
