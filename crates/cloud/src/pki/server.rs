//! The server's certificate, which the region's CA signs and which is replaced while listeners use it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use model::{Micros, Timestamp};
use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{BACKDATE, PkiError, SERVER_VALIDITY, files, leaf, serial};

/// What listeners present; all of them see a new one with their next connection.
#[derive(Debug)]
pub struct ServerIdentity(RwLock<Arc<CertifiedKey>>);

impl ServerIdentity {
    pub(super) fn new(key: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(key)))
    }

    /// Says whether it is another one.
    pub(super) fn replace(&self, key: CertifiedKey) -> bool {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let other = current.cert != key.cert;
        *current = Arc::new(key);
        other
    }

    /// The certificate with its CA, leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current().cert.clone()
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Loads certificate and key, or makes both anew: when there are none, when little is left of them, when the
/// machine has other names, and when a crash left a key without its certificate.
pub(super) fn open(
    folder: &Path,
    issuer: &Issuer<'static, KeyPair>,
    ca_pem: &str,
    hostnames: &[String],
    now: Timestamp,
) -> Result<CertifiedKey, PkiError> {
    let (key_path, path) = (folder.join("server-key.pem"), folder.join("server.pem"));
    let names = names(hostnames)?;
    let damaged = || PkiError::Damaged { path: path.clone() };
    if let (Some(key), Some(pem)) = (files::read(&key_path)?, files::read(&path)?) {
        let fresh = now + Micros(SERVER_VALIDITY.0 / 3);
        if files::still_good(&pem, &names, fresh).ok_or_else(damaged)?
            && let Some(certified) = certified(&pem, ca_pem, &key)
        {
            return Ok(certified);
        }
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(PkiError::Issue)?;
    let mut params = leaf(now - BACKDATE, now + SERVER_VALIDITY, serial()?.0, "Marque");
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pem = params.signed_by(&key, issuer).map_err(PkiError::Issue)?.pem();
    files::write_secret(&key_path, &key.serialize_pem())?;
    files::write_public(&path, &pem)?;
    tracing::info!("made the server's certificate");
    certified(&pem, ca_pem, &key.serialize_pem()).ok_or_else(damaged)
}

/// `None` when it is not a chain with the key of its leaf.
fn certified(pem: &str, ca_pem: &str, key_pem: &str) -> Option<CertifiedKey> {
    let chain: Result<Vec<_>, _> =
        [pem, ca_pem].into_iter().map(|pem| CertificateDer::from_pem_slice(pem.as_bytes())).collect();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).ok()?;
    CertifiedKey::from_der(chain.ok()?, key, &aws_lc_rs::default_provider()).ok()
}

/// This machine and whatever else it is called.
fn names(hostnames: &[String]) -> Result<Vec<SanType>, PkiError> {
    let mut names = vec![
        SanType::DnsName("localhost".try_into().map_err(PkiError::Issue)?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let own = files::machine_name();
    for hostname in own.iter().chain(hostnames) {
        let name = match hostname.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(hostname.as_str().try_into().map_err(PkiError::Issue)?),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
