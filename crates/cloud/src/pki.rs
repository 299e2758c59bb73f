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
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use store::Certificate;
use time::OffsetDateTime;
use wire::SigningKey;

mod files;
mod server;

pub(crate) use files::{machine_name, write_secret_file};
pub use server::ServerIdentity;

/// A car's certificate; a stolen key that nobody revokes is worth a season at most. A car enrols again before
/// its end.
const CAR_VALIDITY: Micros = Micros(90 * Micros::DAY.0);
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
    #[error("the request is not a PKCS#10 request in PEM that is signed by its own key")]
    Csr,
    #[error("the key is of a kind that is not accepted; use ECDSA on P-256 or P-384, or Ed25519")]
    KeyKind,
    #[error("the certificate could not be made")]
    Issue(#[source] rcgen::Error),
    #[error("the machine gives no randomness")]
    Random,
}

/// A certificate that was just issued.
#[derive(Debug, Clone)]
pub struct Issued {
    pub pem: String,
    pub record: Certificate,
}

/// The keys of a region, loaded.
pub struct Pki {
    region: Region,
    folder: PathBuf,
    hostnames: Vec<String>,
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

    /// Issues a car's certificate for the key of a PKCS#10 request. All names come from the registry;
    /// those in the request are ignored.
    pub fn issue(&self, vehicle: VehicleId, csr_pem: &str, now: Timestamp) -> Result<Issued, PkiError> {
        let mut request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(|_| PkiError::Csr)?;
        let accepted = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
        if !accepted.contains(&request.public_key.algorithm()) {
            return Err(PkiError::KeyKind);
        }
        let urn = VehicleUrn { region: self.region.clone(), vehicle };
        let (not_before, not_after) = (now - BACKDATE, now + CAR_VALIDITY);
        let (serial, serial_hex) = serial()?;
        let mut params = leaf(not_before, not_after, serial, &vehicle.to_string());
        let uri = urn.to_string().try_into().map_err(PkiError::Issue)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        request.params = params;
        let certificate = request.signed_by(&self.issuer).map_err(PkiError::Issue)?;
        let record = Certificate {
            fingerprint: fingerprint(certificate.der()),
            vehicle,
            serial: serial_hex,
            not_before,
            not_after,
            revoked_at: None,
        };
        Ok(Issued { pem: certificate.pem(), record })
    }
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
