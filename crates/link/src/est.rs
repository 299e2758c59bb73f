//! What cars and platform say to each other in EST (RFC 7030 as clarified by RFC 8951): certificates in a
//! PKCS#7 message without a signer (RFC 5652), requests (RFC 2986), and the attributes that requests should have.
//!
//! Invariants, as absences: nothing here checks a signature, reads a clock or holds a private key.

use base64::{Engine as _, alphabet, engine::GeneralPurpose, engine::general_purpose::PAD};
use model::{Micros, Timestamp};
use rustls::pki_types::CertificateDer;

use der::{Reader, context, element};

mod der;

/// Where EST lives on a host.
pub const PATH: &str = "/.well-known/est";
/// The type of a request's body.
pub const PKCS10: &str = "application/pkcs10";
/// The type of an answer with the authorities' certificates.
pub const PKCS7: &str = "application/pkcs7-mime";
/// The type of an answer with a car's certificate.
pub const CERTS_ONLY: &str = "application/pkcs7-mime; smime-type=certs-only";
/// The type of an answer with the attributes that requests should have.
pub const CSR_ATTRIBUTES: &str = "application/csrattrs";
/// The most that a body may have: a request or a chain of certificates of our key kinds takes 2 kB.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Certificates of one message; an authority has as many while it rolls over.
const CERTIFICATES_MAX: usize = 8;
/// RFC 7468, 2.
const PEM_LINE_BYTES: usize = 64;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PAD);

/// A message that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is not as RFC 7030 has it")]
pub struct Malformed;

/// What a car needs to know of its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The SubjectPublicKeyInfo (RFC 5280), DER.
    pub public_key: &'a [u8],
}

impl Facts<'_> {
    /// When two thirds of the certificate's time are over: the car asks for its next one.
    pub fn renew_at(&self) -> Timestamp {
        self.not_before + Micros(self.not_after.since(self.not_before).0 / 3 * 2)
    }
}

/// Base64 on one line, as bodies travel: not every client puts lines together again.
pub fn to_body(der: &[u8]) -> String {
    let mut body = BASE64.encode(der);
    body.push('\n');
    body
}

/// A certificate as text (RFC 7468).
pub fn to_pem(certificate: &[u8]) -> String {
    let text = BASE64.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % PEM_LINE_BYTES == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

/// The bytes of such a body. Line breaks and blanks between the letters are passed over (RFC 8951, 3.1).
pub fn from_body(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let letters: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if letters.is_empty() || body.len() > BODY_BYTES_MAX {
        return Err(Malformed);
    }
    BASE64.decode(letters).map_err(|_| Malformed)
}

/// A certs-only message: SignedData without content, signers and revocation lists (RFC 5272, 4.1).
pub fn certs_only(certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    let all: Vec<&[u8]> = certificates.iter().map(AsRef::as_ref).collect();
    let signed = element(
        der::SEQUENCE,
        &[
            &element(der::INTEGER, &[&[1]]),
            &element(der::SET, &[]),
            &element(der::SEQUENCE, &[&element(der::OID, &[DATA])]),
            &element(context(0), &all),
            &element(der::SET, &[]),
        ],
    );
    element(der::SEQUENCE, &[&element(der::OID, &[SIGNED_DATA]), &element(context(0), &[&signed])])
}

/// The certificates of a certs-only message, at least one.
pub fn certificates_of(message: &[u8]) -> Result<Vec<CertificateDer<'static>>, Malformed> {
    let mut outer = Reader::new(message);
    let mut info = Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    if info.expect(der::OID)? != SIGNED_DATA {
        return Err(Malformed);
    }
    let mut content = Reader::new(info.expect(context(0))?);
    let mut signed = Reader::new(content.expect(der::SEQUENCE)?);
    signed.expect(der::INTEGER)?;
    signed.expect(der::SET)?;
    signed.expect(der::SEQUENCE)?;
    let mut set = Reader::new(signed.expect(context(0))?);
    let mut certificates = Vec::new();
    while !set.is_empty() {
        let found = set.next()?;
        if found.tag != der::SEQUENCE || certificates.len() == CERTIFICATES_MAX {
            return Err(Malformed);
        }
        certificates.push(CertificateDer::from(found.whole.to_vec()));
    }
    if certificates.is_empty() { Err(Malformed) } else { Ok(certificates) }
}

/// What a request should have: a key on P-256, and a signature by ECDSA with SHA-256 (RFC 7030, 4.5.2).
pub fn csr_attributes() -> Vec<u8> {
    let curve = element(der::SET, &[&element(der::OID, &[P256])]);
    let key = element(der::SEQUENCE, &[&element(der::OID, &[EC_PUBLIC_KEY]), &curve]);
    element(der::SEQUENCE, &[&key, &element(der::OID, &[ECDSA_SHA256])])
}

/// The SubjectPublicKeyInfo of a point on P-256 (uncompressed, RFC 5480).
pub fn p256_public_key(point: &[u8]) -> Vec<u8> {
    let algorithm =
        element(der::SEQUENCE, &[&element(der::OID, &[EC_PUBLIC_KEY]), &element(der::OID, &[P256])]);
    element(der::SEQUENCE, &[&algorithm, &element(der::BIT_STRING, &[&[0], point])])
}

/// A request (PKCS#10) for a key on P-256. It names nobody: the platform knows who asks. `sign` gives the
/// signature by ECDSA with SHA-256, DER.
pub fn request<E>(point: &[u8], sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let info = element(
        der::SEQUENCE,
        &[
            &element(der::INTEGER, &[&[0]]),
            &element(der::SEQUENCE, &[]),
            &p256_public_key(point),
            &element(context(0), &[]),
        ],
    );
    let signature = sign(&info)?;
    let algorithm = element(der::SEQUENCE, &[&element(der::OID, &[ECDSA_SHA256])]);
    Ok(element(der::SEQUENCE, &[&info, &algorithm, &element(der::BIT_STRING, &[&[0], &signature])]))
}

/// Validity and key of a certificate (RFC 5280, 4.1).
pub fn facts(certificate: &[u8]) -> Result<Facts<'_>, Malformed> {
    let mut outer = Reader::new(certificate);
    let mut parts = Reader::new(outer.expect(der::SEQUENCE)?);
    outer.end()?;
    let mut fields = Reader::new(parts.expect(der::SEQUENCE)?);
    if fields.peek() == Some(context(0)) {
        fields.next()?;
    }
    fields.expect(der::INTEGER)?;
    fields.expect(der::SEQUENCE)?;
    fields.expect(der::SEQUENCE)?;
    let mut validity = Reader::new(fields.expect(der::SEQUENCE)?);
    let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
    fields.expect(der::SEQUENCE)?;
    let key = fields.next()?;
    if key.tag != der::SEQUENCE {
        return Err(Malformed);
    }
    Ok(Facts { not_before, not_after, public_key: key.whole })
}

/// UTCTime or GeneralizedTime, in UTC and to the second (RFC 5280, 4.1.2.5).
fn time(element: der::Element<'_>) -> Result<Timestamp, Malformed> {
    let year_digits = match element.tag {
        der::UTC_TIME => 2,
        der::GENERALIZED_TIME => 4,
        _ => return Err(Malformed),
    };
    let digits = element.content.strip_suffix(b"Z").ok_or(Malformed)?;
    if digits.len() != year_digits + 10 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let number = |from: usize, count: usize| {
        let digits = digits.get(from..from + count).unwrap_or_default();
        digits.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let mut year = number(0, year_digits);
    if year_digits == 2 {
        year += if year < 50 { 2_000 } else { 1_900 };
    }
    let part = |place: usize| number(year_digits + 2 * place, 2);
    let (month, day) = (part(0), part(1));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(Malformed);
    }
    // Days since 1970 in the proleptic Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
        - 1
        - 719_468;
    Ok(Timestamp((days * 86_400 + part(2) * 3_600 + part(3) * 60 + part(4)) * 1_000_000))
}

#[cfg(test)]
mod tests;
