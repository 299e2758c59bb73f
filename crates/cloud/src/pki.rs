//! The region's keys: a CA for cars and servers, the server's certificate, and the key that signs desired
//! state. Made at the first start; separate roots, so that losing one loses one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
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

pub(crate) use files::write_secret_file;

/// A car's certificate. Cars rotate long before; a stolen key is worth a season at most.
const CAR_VALIDITY: Micros = Micros(90 * Micros::DAY.0);
/// The server's certificate is made anew when less than a third of it is left.
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
    issuer: Issuer<'static, KeyPair>,
    ca_pem: String,
    server_chain_pem: String,
    server_key_pem: String,
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
        let (server_pem, server_key_pem) = open_server(folder, &issuer, hostnames, now)?;
        let desired = open_desired(folder)?;
        Ok(Self {
            region: region.clone(),
            server_chain_pem: format!("{server_pem}{ca_pem}"),
            issuer,
            ca_pem,
            server_key_pem,
            desired,
        })
    }

    /// The CA's certificate, which cars and clients trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's certificate with its CA, leaf first.
    pub fn server_chain_pem(&self) -> &str {
        &self.server_chain_pem
    }

    pub fn server_key_pem(&self) -> &str {
        &self.server_key_pem
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
    if let (Some(key), Some(pem)) = (files::read(&key_path)?, files::read(&path)?) {
        let key = KeyPair::from_pem(&key).map_err(|_| PkiError::Damaged { path: key_path })?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|_| PkiError::Damaged { path })?;
        return Ok((issuer, pem));
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(PkiError::Issue)?;
    let mut params = CertificateParams::default();
    params.not_before = date(now - BACKDATE);
    params.not_after = date(now + CA_VALIDITY);
    params.serial_number = Some(serial()?.0);
    params.distinguished_name = name(&format!("Marque {region} CA"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = params.self_signed(&key).map_err(PkiError::Issue)?.pem();
    files::write_secret(&key_path, &key.serialize_pem())?;
    files::write_public(&path, &pem)?;
    tracing::info!(%region, "made the region's CA");
    Ok((Issuer::new(params, key), pem))
}

fn open_server(
    folder: &Path,
    issuer: &Issuer<'static, KeyPair>,
    hostnames: &[String],
    now: Timestamp,
) -> Result<(String, String), PkiError> {
    let (key_path, path) = (folder.join("server-key.pem"), folder.join("server.pem"));
    let names = server_names(hostnames)?;
    if let (Some(key), Some(pem)) = (files::read(&key_path)?, files::read(&path)?) {
        let fresh = now + Micros(SERVER_VALIDITY.0 / 3);
        if files::still_good(&pem, &names, fresh).ok_or_else(|| PkiError::Damaged { path: path.clone() })? {
            return Ok((pem, key));
        }
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(PkiError::Issue)?;
    let mut params = leaf(now - BACKDATE, now + SERVER_VALIDITY, serial()?.0, "Marque");
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pem = params.signed_by(&key, issuer).map_err(PkiError::Issue)?.pem();
    files::write_secret(&key_path, &key.serialize_pem())?;
    files::write_public(&path, &pem)?;
    Ok((pem, key.serialize_pem()))
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

/// This machine and whatever else it is called.
fn server_names(hostnames: &[String]) -> Result<Vec<SanType>, PkiError> {
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
