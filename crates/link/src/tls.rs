//! TLS of both ends: version 1.3 only, both sides with certificates, ALPN `mqtt`.
//!
//! A resumed handshake skips the check of certificates, so the gateway asks its registry about the
//! certificate at every CONNECT.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::{ResolvesClientCert, Resumption},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::Error;

/// The protocol's name in the handshake (ALPN).
pub const ALPN: &[u8] = b"mqtt";

/// Tickets for a car's next connections. One is sent per handshake, one more may be left over.
const TICKETS_PER_CAR: usize = 2;

/// A certificate with its chain, leaf first, and its private key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Error::Pem { what: "private key" })?;
        Ok(Self { chain: certificates(chain)?, key })
    }
}

/// The certificates in a PEM text; at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(Error::Pem { what: "certificate" })
}

/// The authorities that one side trusts to name the other.
pub fn roots(certificates: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    Ok(Arc::new(roots))
}

/// The gateway's side with a certificate that stays; see [`server_config_with`].
pub fn server_config(identity: Identity, car_roots: Arc<RootCertStore>) -> Result<Arc<ServerConfig>, Error> {
    let certified = CertifiedKey::from_der(identity.chain, identity.key, &provider())?;
    server_config_with(Arc::new(SingleCertAndKey::from(certified)), car_roots)
}

/// The gateway's side, which presents what `identity` has at the time. Sessions are resumed by tickets that
/// the server seals and does not keep; one ticket a handshake, since a car has one connection.
pub fn server_config_with(
    identity: Arc<dyn ResolvesServerCert>,
    car_roots: Arc<RootCertStore>,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(car_roots, Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    // Data before the handshake's end could be replayed by who recorded it.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The car's side, one for each car, for it keeps the car's tickets. `gateway_roots` is shared.
pub fn client_config(
    identity: Identity,
    gateway_roots: Arc<RootCertStore>,
) -> Result<Arc<ClientConfig>, Error> {
    let certified = CertifiedKey::from_der(identity.chain, identity.key, &provider())?;
    client_config_with(Arc::new(SingleCertAndKey::from(certified)), gateway_roots)
}

/// The car's side with a key that may lie elsewhere, such as in a TPM.
pub fn client_config_with(
    identity: Arc<dyn ResolvesClientCert>,
    gateway_roots: Arc<RootCertStore>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(gateway_roots)
        .with_client_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::in_memory_sessions(TICKETS_PER_CAR);
    Ok(Arc::new(config))
}

/// Named here once, so that nothing depends on which provider a process made its default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
