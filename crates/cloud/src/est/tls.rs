//! TLS of the listener: version 1.3, a client's certificate where it has one, no session resumed.

use std::sync::Arc;

use model::{Timestamp, VehicleId};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::{
        NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use crate::{
    clock::Clock,
    gateway,
    pki::{Pki, PkiError, ServerIdentity},
    registry::{Fingerprint, Refusal, Registry},
};

/// Checks what the region's CA signed, and that it was not taken back.
#[derive(Debug)]
struct Standing {
    signed: Arc<dyn ClientCertVerifier>,
    registry: Registry,
    clock: Clock,
}

/// Presents what the gateway presents.
pub fn tls_config(pki: &Pki, registry: Registry, clock: Clock) -> Result<Arc<ServerConfig>, link::Error> {
    let roots = link::tls::roots(&pki.authorities().map_err(|_: PkiError| no_authority())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let signed = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let identity: Arc<ServerIdentity> = Arc::clone(pki.server());
    let identity: Arc<dyn ResolvesServerCert> = identity;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(Standing { signed, registry, clock }))
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed handshake would check no certificate, and a car comes here once a month.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn no_authority() -> link::Error {
    link::Error::Pem { what: "certificate" }
}

/// The car of a certificate that stands now.
pub(super) fn standing(
    registry: &Registry,
    leaf: &CertificateDer<'_>,
    now: Timestamp,
) -> Result<(VehicleId, Fingerprint), Refusal> {
    let named = gateway::vehicle_of(leaf).map_err(|_| Refusal::UnknownCertificate)?;
    if named.region != *registry.region() {
        return Err(Refusal::UnknownVehicle);
    }
    let fingerprint = gateway::fingerprint(leaf).0;
    registry.admit(named.vehicle, &fingerprint, now)?;
    Ok((named.vehicle, fingerprint))
}

/// The registered car that a certificate names, whatever else is wrong with it.
pub(super) fn named(registry: &Registry, leaf: &CertificateDer<'_>) -> Option<VehicleId> {
    let named = gateway::vehicle_of(leaf).ok()?;
    registry.car(named.vehicle).map(|car| car.vehicle)
}

impl ClientCertVerifier for Standing {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.signed.verify_client_cert(leaf, intermediates, now)?;
        match standing(&self.registry, leaf, self.clock.now()) {
            // The certificate is good; who is in quarantine hears so in the answer.
            Ok(_) | Err(Refusal::Quarantined) => Ok(verified),
            Err(Refusal::Expired) => Err(CertificateError::Expired.into()),
            Err(Refusal::Revoked) => Err(CertificateError::Revoked.into()),
            Err(Refusal::UnknownVehicle | Refusal::UnknownCertificate) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
