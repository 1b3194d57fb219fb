//! Whether a server is the one it claims to be: by the fingerprint of its key, or by an authority.
//!
//! Every way verifies the handshake's signature: who shows a certificate without having its key is
//! refused.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// How a server is recognized.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    /// Configuration of the handshakes.
    pub config: Arc<ClientConfig>,
    /// Fingerprint of the key that was shown last.
    seen: Arc<Mutex<Option<String>>>,
    /// What it must be; None for an authority.
    pinned: Option<Pinned>,
}

#[derive(Clone, Debug)]
struct Pinned {
    fingerprint: String,
    /// Where that is written; None if it is the key of the server that the accounts have left.
    place: Option<String>,
}

/// Why a handshake has failed, if the key is why.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongKey {
    /// The server is not the one that is trusted.
    #[error(transparent)]
    Changed(ChangedKey),
    /// The server is another one of a cluster.
    #[error(
        "the accounts have moved to tls://{server}, whose key is not known. It is {shown}; if that \
         is right: daytrade login tls://{server}"
    )]
    Unknown {
        /// Its address.
        server: String,
        /// The fingerprint of its key.
        shown: String,
    },
}

/// The server is not the one that is trusted.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key of {server} has changed: {place} says {known}, the server shows {shown}. Somebody may \
     be in between. If the server has a new key, remove that line"
)]
pub(super) struct ChangedKey {
    server: String,
    place: String,
    known: String,
    shown: String,
}

impl Trust {
    /// Trusts the key of this fingerprint, which is written at this place.
    ///
    /// # Errors
    /// If TLS cannot be configured.
    pub(super) fn pin(fingerprint: &str, place: String) -> anyhow::Result<Self> {
        let fingerprint = fingerprint.to_owned();
        Self::by_key(Some(Pinned { fingerprint, place: Some(place) }))
    }

    /// Trusts nobody: only to see the key of a server. Nothing secret may be sent.
    ///
    /// # Errors
    /// If TLS cannot be configured.
    pub(super) fn only_look() -> anyhow::Result<Self> {
        Self::by_key(None)
    }

    fn by_key(pinned: Option<Pinned>) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::default();
        let algorithms = provider.signature_verification_algorithms;
        let pinned_key = pinned.as_ref().map(|pinned| pinned.fingerprint.clone());
        let verifier = KeyVerifier { pinned: pinned_key, seen: Arc::clone(&seen), algorithms };
        let verifier = Arc::new(verifier);
        let config = builder(provider)?.dangerous().with_custom_certificate_verifier(verifier);
        let config = Arc::new(config.with_no_client_auth());
        Ok(Self { config, seen, pinned })
    }

    /// Trusts the authorities in a file.
    ///
    /// # Errors
    /// If the file has none.
    pub(super) fn authority(file: &Path) -> anyhow::Result<Self> {
        let name = || file.display().to_string();
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_file_iter(file).with_context(name)? {
            roots.add(cert.with_context(name)?).with_context(name)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        let verifier = verifier.build().with_context(name)?;
        let config = builder(provider)?.with_webpki_verifier(verifier).with_no_client_auth();
        Ok(Self { config: Arc::new(config), seen: Arc::default(), pinned: None })
    }

    /// Returns true if it is the key that is trusted, and not an authority.
    pub(super) const fn is_by_key(&self) -> bool {
        self.pinned.is_some()
    }

    /// Returns the same for another server, which may have the same key.
    pub(super) fn elsewhere(&self) -> Self {
        let mut trust = self.clone();
        if let Some(pinned) = &mut trust.pinned {
            pinned.place = None;
        }
        trust
    }

    /// Forgets the key that was shown last.
    pub(super) fn forget(&self) {
        *self.seen.lock() = None;
    }

    /// Returns the fingerprint that the server has shown.
    pub(super) fn seen(&self) -> Option<String> {
        self.seen.lock().clone()
    }

    /// Returns why a handshake has failed, if the key is why.
    pub(super) fn wrong_key(&self, server: &str) -> Option<WrongKey> {
        let Pinned { fingerprint, place } = self.pinned.as_ref()?;
        let shown = self.seen().filter(|shown| shown != fingerprint)?;
        let (server, known) = (server.to_owned(), fingerprint.clone());
        Some(match place.clone() {
            Some(place) => WrongKey::Changed(ChangedKey { server, place, known, shown }),
            None => WrongKey::Unknown { server, shown },
        })
    }
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?)
}

/// Notes the key of a server, and verifies that the server has it.
#[derive(Debug)]
struct KeyVerifier {
    /// The only fingerprint that is accepted; None for any.
    pinned: Option<String>,
    seen: Arc<Mutex<Option<String>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        cert: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(cert)?;
        let hash = digest(&SHA256, &parsed.subject_public_key_info());
        let shown = format!("SHA256:{}", STANDARD_NO_PAD.encode(hash));
        let is_known = self.pinned.as_ref().is_none_or(|pinned| *pinned == shown);
        *self.seen.lock() = Some(shown);
        if is_known {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the key is not the one that is known".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
