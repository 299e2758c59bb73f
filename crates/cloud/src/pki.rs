//! The region's keys: a CA for cars and servers, the server's certificate, and the key that signs desired
//! state. Made at the first start; separate roots, so that losing one loses one.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::{digest, rand, signature::Ed25519KeyPair};
use model::{Micros, Region, Timestamp, VehicleId, VehicleUrn};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use store::{Certificate, NewCertificate};
use time::OffsetDateTime;
use wire::SigningKey;

mod files;
mod request;
mod server;

pub(crate) use files::{machine_name, write_secret_file};
pub use request::Request;
pub use server::ServerIdentity;

/// The server's certificate is made anew when less than a third of it is left, also while the platform runs.
const SERVER_VALIDITY: Micros = Micros(90 * Micros::DAY.0);
/// A region's CA outlives the cars that it is built into.
const CA_VALIDITY: Micros = Micros(20 * 365 * Micros::DAY.0);
/// Clocks of cars may be this far behind.
const BACKDATE: Micros = Micros::HOUR;

/// Why there are no keys, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("cannot {action} {}; check the folder's owner and free space", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is damaged; restore it from a backup, or remove the folder and enrol all cars again", path.display())]
    Damaged { path: PathBuf },
    #[error(
        "{} is gone, but {} is there; restore it from a backup, or remove the folder and enrol all cars again",
        path.display(), other.display()
    )]
    Missing { path: PathBuf, other: PathBuf },
    #[error("the request is not a PKCS#10 request that is signed by its own key")]
    Csr,
    #[error("the key is of a kind that is not accepted; use ECDSA on P-256 or P-384, or Ed25519")]
    KeyKind,
    #[error("the request names a VIN; a VIN stands in no certificate: leave the names empty")]
    NamesVin,
    #[error("the request names another car; leave the names empty")]
    NamesOther,
    #[error("the certificate could not be made")]
    Issue(#[source] rcgen::Error),
    #[error("the machine gives no randomness")]
    Random,
}

/// A certificate that was just issued.
#[derive(Debug, Clone)]
pub struct Issued {
    pub pem: String,
    pub certificate: NewCertificate,
}

/// The keys of a region, loaded.
pub struct Pki {
    region: Region,
    folder: PathBuf,
    hostnames: Vec<String>,
    car_validity: Micros,
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
    server: Arc<ServerIdentity>,
    desired: SigningKey,
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Pki {
    /// Loads the region's keys from their folder, and makes what is not there yet.
    pub fn open(
        folder: &Path,
        region: &Region,
        hostnames: &[String],
        car_validity: Micros,
        now: Timestamp,
    ) -> Result<Self, PkiError> {
        files::create_folder(folder)?;
        let (issuer, ca_pem) = open_ca(folder, region, now)?;
        let server = server::open(folder, &issuer, &ca_pem, hostnames, now)?;
        let desired = open_desired(folder)?;
        Ok(Self {
            region: region.clone(),
            folder: folder.to_owned(),
            hostnames: hostnames.to_vec(),
            car_validity,
            server: Arc::new(ServerIdentity::new(server)),
            issuer,
            ca_pem,
            desired,
        })
    }

    /// Makes the server's certificate anew when little of it is left; says whether it did. New connections
    /// see the new one at once.
    pub fn renew_server(&self, now: Timestamp) -> Result<bool, PkiError> {
        let newest = server::open(&self.folder, &self.issuer, &self.ca_pem, &self.hostnames, now)?;
        Ok(self.server.replace(newest))
    }

    /// The CA's certificate, which cars and clients trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What the listeners present.
    pub fn server(&self) -> &Arc<ServerIdentity> {
        &self.server
    }

    /// Signs desired state.
    pub fn desired_key(&self) -> &SigningKey {
        &self.desired
    }

    /// The CA's certificates, which cars trust; the newest first.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, PkiError> {
        link::tls::certificates(self.ca_pem.as_bytes())
            .map_err(|_| PkiError::Damaged { path: self.folder.join("ca.pem") })
    }

    /// What a car is called in certificates.
    pub fn urn(&self, vehicle: VehicleId) -> VehicleUrn {
        VehicleUrn { region: self.region.clone(), vehicle }
    }

    /// Issues a car's certificate for the key of a request. All names come from the registry; those in the
    /// request are ignored.
    pub fn issue(&self, vehicle: VehicleId, request: &Request, now: Timestamp) -> Result<Issued, PkiError> {
        let backdate = Micros(BACKDATE.0.min(self.car_validity.0 / 10));
        let (not_before, not_after) = (now - backdate, now + self.car_validity);
        let (serial, serial_hex) = serial()?;
        let mut params = leaf(not_before, not_after, serial, &vehicle.to_string());
        let uri = self.urn(vehicle).to_string().try_into().map_err(PkiError::Issue)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.key, &self.issuer).map_err(PkiError::Issue)?;
        let record = Certificate {
            fingerprint: fingerprint(certificate.der()),
            vehicle,
            serial: serial_hex,
            not_before,
            not_after,
            revoked_at: None,
        };
        let der = certificate.der().to_vec();
        let certificate = NewCertificate { record, key_hash: request.key_hash().to_owned(), der };
        Ok(Issued { pem: pem(&certificate.der), certificate })
    }
}

/// A certificate as text (RFC 7468).
pub fn pem(der: &[u8]) -> String {
    link::est::to_pem(der)
}

/// How the registry names a certificate: the SHA-256 of its DER, in hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, der))
}

fn open_ca(
    folder: &Path,
    region: &Region,
    now: Timestamp,
) -> Result<(Issuer<'static, KeyPair>, String), PkiError> {
    let (key_path, path) = (folder.join("ca-key.pem"), folder.join("ca.pem"));
    let key = match (files::read(&key_path)?, files::read(&path)?) {
        (Some(key), pem) => {
            let key = KeyPair::from_pem(&key).map_err(|_| PkiError::Damaged { path: key_path })?;
            if let Some(pem) = pem {
                let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|_| PkiError::Damaged { path })?;
                return Ok((issuer, pem));
            }
            // Name and key are what cars trust: with them it is the same CA.
            key
        }
        (None, Some(_)) => return Err(PkiError::Missing { path: key_path, other: path }),
        (None, None) => {
            let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(PkiError::Issue)?;
            files::write_secret(&key_path, &key.serialize_pem())?;
            key
        }
    };
    let mut params = CertificateParams::default();
    params.not_before = date(now - BACKDATE);
    params.not_after = date(now + CA_VALIDITY);
    params.serial_number = Some(serial()?.0);
    params.distinguished_name = name(&format!("Marque {region} CA"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = params.self_signed(&key).map_err(PkiError::Issue)?.pem();
    files::write_public(&path, &pem)?;
    tracing::info!(%region, "made the region's CA");
    Ok((Issuer::new(params, key), pem))
}

fn open_desired(folder: &Path) -> Result<SigningKey, PkiError> {
    let path = folder.join("desired-key.p8");
    let damaged = || PkiError::Damaged { path: path.clone() };
    if let Some(text) = files::read(&path)? {
        let der = hex::decode(text.trim()).map_err(|_| damaged())?;
        return SigningKey::from_pkcs8(&der).map_err(|_| damaged());
    }
    let der = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new()).map_err(|_| PkiError::Random)?;
    files::write_secret(&path, &hex::encode(der.as_ref()))?;
    SigningKey::from_pkcs8(der.as_ref()).map_err(|_| damaged())
}

fn leaf(
    not_before: Timestamp,
    not_after: Timestamp,
    serial: SerialNumber,
    common_name: &str,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date(not_before);
    params.not_after = date(not_after);
    params.serial_number = Some(serial);
    params.distinguished_name = name(common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// 128 random bits (RFC 5280, 4.1.2.2), positive.
fn serial() -> Result<(SerialNumber, String), PkiError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok((SerialNumber::from_slice(&bytes), hex::encode(bytes)))
}

/// To the second, as certificates have it.
fn date(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.0.div_euclid(1_000_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
