//! The universe's own certificate authority: made at the start, forgotten at the end, trusted by nobody but
//! the program under test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Hostnames that an authority signs for: services have a dozen.
const HOSTS_MAX: usize = 256;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("failed to make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("failed to set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("the certificate authority signs for {HOSTS_MAX} hostnames at the most")]
    TooMany,
}

/// A certificate authority with the certificates that it has signed.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
    signed: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    /// A new one, of a fresh key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Dark Factory twins");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, certificate, signed: Mutex::default() })
    }

    /// Its certificate, for clients to trust.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// How a server speaks for a hostname.
    pub(crate) fn speak_for(&self, host: &str) -> Result<Arc<ServerConfig>, TlsError> {
        let mut signed = crate::lock(&self.signed);
        if let Some(known) = signed.get(host) {
            return Ok(known.clone());
        }
        if signed.len() >= HOSTS_MAX {
            return Err(TlsError::TooMany);
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        signed.insert(host.to_owned(), config.clone());
        Ok(config)
    }
}
