//! Requests for certificates (PKCS#10, RFC 2986): the key, the proof that the asker has it, and the names.

use model::{VehicleId, VehicleUrn, Vin};
use rcgen::{PublicKeyData as _, SubjectPublicKeyInfo};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    pem::parse_x509_pem,
    prelude::FromDer as _,
    x509::X509Name,
};

use super::{PkiError, fingerprint};

/// How a car's name begins.
const URN: &str = "urn:marque:vehicle:";
const VIN_LETTERS: usize = 17;
const VEHICLE_ID_LETTERS: usize = 32;

/// A request whose signature holds and whose key is of a kind that is accepted.
#[derive(Debug)]
pub struct Request {
    pub(super) key: SubjectPublicKeyInfo,
    key_hash: String,
    /// All texts of its subject and its alternative names. They may be personal: never in a log.
    names: Vec<String>,
}

impl Request {
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| PkiError::Csr)?;
        Self::from_der(&pem.contents)
    }

    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| PkiError::Csr)?;
        let info = &request.certification_request_info;
        let key = SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| PkiError::KeyKind)?;
        let accepted = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
        if !accepted.contains(&key.algorithm()) {
            return Err(PkiError::KeyKind);
        }
        if !rest.is_empty() || request.verify_signature().is_err() {
            return Err(PkiError::Csr);
        }
        let mut names = texts(&info.subject);
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(alternatives) = extension {
                names.extend(alternatives.general_names.iter().flat_map(alternative));
            }
        }
        Ok(Self { key, key_hash: fingerprint(info.subject_pki.raw), names })
    }

    /// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
    pub fn key_hash(&self) -> &str {
        &self.key_hash
    }

    /// Names of other kinds are passed over; one of another car, or a VIN, means that something is wrong.
    pub fn check_names(&self, car: &VehicleUrn) -> Result<(), PkiError> {
        for name in &self.names {
            if has_vin(name, car.vehicle) {
                return Err(PkiError::NamesVin);
            }
            if is_foreign(name, car) {
                return Err(PkiError::NamesOther);
            }
        }
        Ok(())
    }
}

fn texts(name: &X509Name<'_>) -> Vec<String> {
    name.iter_attributes()
        .map(|attribute| match attribute.as_str() {
            Ok(text) => text.to_owned(),
            // UTF-16 and the like: what is not a letter of ours falls out.
            Err(_) => {
                attribute.as_slice().iter().filter(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect()
            }
        })
        .collect()
}

fn alternative(name: &GeneralName<'_>) -> Vec<String> {
    match name {
        GeneralName::URI(text) | GeneralName::DNSName(text) | GeneralName::RFC822Name(text) => {
            vec![(*text).to_owned()]
        }
        GeneralName::DirectoryName(name) => texts(name),
        GeneralName::OtherName(_, bytes) => vec![String::from_utf8_lossy(bytes).into_owned()],
        GeneralName::X400Address(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(_, _) => Vec::new(),
    }
}

/// Whether a VIN stands in the text: as a word, within one, or written in groups.
fn has_vin(text: &str, own: VehicleId) -> bool {
    let own = own.to_string();
    let is_vin = |letters: &str| {
        letters.bytes().any(|b| b.is_ascii_digit()) && letters.to_ascii_uppercase().parse::<Vin>().is_ok()
    };
    let joined: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if joined.len() == VIN_LETTERS && is_vin(&joined) {
        return true;
    }
    words(text).filter(|word| *word != own).any(|word| {
        // Longer words are hashes and ids.
        word.len() < VEHICLE_ID_LETTERS
            && (0..word.len()).filter_map(|from| word.get(from..from + VIN_LETTERS)).any(is_vin)
    })
}

fn is_foreign(text: &str, car: &VehicleUrn) -> bool {
    if text.to_ascii_lowercase().contains(URN) {
        return text != car.to_string();
    }
    let own = car.vehicle.to_string();
    words(text).any(|word| {
        word.len() == VEHICLE_ID_LETTERS
            && word.bytes().all(|b| b.is_ascii_hexdigit())
            && !word.eq_ignore_ascii_case(&own)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vin_is_seen_however_it_is_written() {
        let car = VehicleId::from_bytes([0xab; 16]);
        for text in [
            "VF3CCHMZ0KT000001",
            "vf3cchmz0kt000001",
            "vin-VF3CCHMZ0KT000001",
            "xVF3CCHMZ0KT000001",
            "VF3 CCHMZ0 KT000001",
        ] {
            assert!(has_vin(text, car), "{text}");
        }
        for text in ["", "telematics unit 7", "bodycontrolmodule", &car.to_string(), &"0a".repeat(32)] {
            assert!(!has_vin(text, car), "{text}");
        }
    }

    #[test]
    fn another_car_is_seen_however_it_is_written() {
        let car = VehicleUrn { region: "eu".parse().unwrap(), vehicle: VehicleId::from_bytes([0xab; 16]) };
        let other = "cd".repeat(16);
        for text in [
            format!("urn:marque:vehicle:eu:{other}"),
            format!("urn:marque:vehicle:us:{}", car.vehicle),
            format!("URN:marque:vehicle:eu:{}", car.vehicle),
            other.clone(),
            format!("car {}", other.to_uppercase()),
        ] {
            assert!(is_foreign(&text, &car), "{text}");
        }
        for text in [car.to_string(), car.vehicle.to_string(), "localhost".to_owned(), "ab".repeat(32)] {
            assert!(!is_foreign(&text, &car), "{text}");
        }
    }
}
