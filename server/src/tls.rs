//! The certificate of a server, and connections that are encrypted with it.
//!
//! TLS 1.3 only. A certificate that cannot be used never replaces one that can.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::RwLock;
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate and those that lead to its authority, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// The certificate of a server.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    fingerprint: String,
    /// End of its validity, Unix seconds.
    #[cfg(feature = "metrics")]
    expires: Option<u64>,
}

impl TlsFiles {
    /// The files that `init` makes in a data folder.
    pub(crate) fn of_data_dir(data_dir: &Path) -> Self {
        let folder = data_dir.join("tls");
        Self { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// Makes a key and a certificate that it signs itself, for these names.
    ///
    /// # Errors
    /// If a file is there already, or cannot be written.
    pub(crate) fn create(&self, names: Vec<String>) -> anyhow::Result<()> {
        let made = rcgen::generate_simple_self_signed(names).context("the certificate")?;
        for (path, text) in
            [(&self.key, made.signing_key.serialize_pem()), (&self.cert, made.cert.pem())]
        {
            let write = || -> std::io::Result<()> {
                if let Some(folder) = path.parent() {
                    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                }
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(text.as_bytes())?;
                file.sync_all()
            };
            write().with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn load(&self) -> anyhow::Result<Current> {
        let cert_name = || self.cert.display().to_string();
        let certs = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(cert_name)?;
        let first = certs.first().context("there is no certificate").with_context(cert_name)?;
        let fingerprint = fingerprint(first).with_context(cert_name)?;
        #[cfg(feature = "metrics")]
        let expires = expiry(first);
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| self.key.display().to_string())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(certs, key)
            .with_context(cert_name)?;
        Ok(Current {
            config: Arc::new(config),
            fingerprint,
            #[cfg(feature = "metrics")]
            expires,
        })
    }
}

impl Tls {
    /// Loads a certificate and its key.
    ///
    /// # Errors
    /// A message that names the file.
    pub(crate) fn load(files: TlsFiles) -> anyhow::Result<Self> {
        let current = RwLock::new(files.load()?);
        Ok(Self { files, current })
    }

    /// Loads the files again. Connections that are open keep what they have.
    ///
    /// # Errors
    /// A message that names the file; the certificate is then as it was.
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        let current = self.files.load()?;
        *self.current.write() = current;
        Ok(())
    }

    /// Returns what takes a connection over.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().config))
    }

    /// Returns the end of the certificate's validity, Unix seconds.
    #[cfg(feature = "metrics")]
    pub(crate) fn expires(&self) -> Option<u64> {
        self.current.read().expires
    }

    /// Returns the fingerprint of the key, `SHA256:…`, as ssh shows one.
    pub(crate) fn fingerprint(&self) -> String {
        self.current.read().fingerprint.clone()
    }
}

/// Returns the end of a certificate's validity, Unix seconds.
#[cfg(feature = "metrics")]
fn expiry(cert: &CertificateDer<'_>) -> Option<u64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(cert).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}

/// Returns the fingerprint of a certificate's key: it stays the same when the certificate is
/// renewed.
fn fingerprint(cert: &CertificateDer<'_>) -> anyhow::Result<String> {
    let parsed = ParsedCertificate::try_from(cert)?;
    let hash = digest(&SHA256, &parsed.subject_public_key_info());
    Ok(format!("SHA256:{}", STANDARD_NO_PAD.encode(hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles::of_data_dir(folder.path());
        files.create(vec!["localhost".to_owned()]).unwrap();
        let tls = Tls::load(files.clone()).unwrap();
        let before = tls.fingerprint();
        assert!(before.starts_with("SHA256:") && before.len() == 50, "{before}");
        std::fs::write(&files.cert, "nonsense").unwrap();
        let error = format!("{:#}", tls.reload().unwrap_err());
        assert!(error.contains("cert.pem") && tls.fingerprint() == before, "{error}");
        assert!(files.create(vec!["localhost".to_owned()]).is_err());
    }
}
