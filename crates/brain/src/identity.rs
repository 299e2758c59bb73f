//! Who the car is, and whom it obeys: read from files that enrolment left in the car.

use model::VehicleUrn;
use wire::VerifyingKeys;

use crate::Error;

/// How the name begins in a certificate.
const URN: &[u8] = b"urn:marque:vehicle:";

/// The car's name in its own certificate (DER).
///
/// The text is looked up, not parsed: the car trusts its own file, and the platform checks it.
pub fn vehicle_urn(certificate: &[u8]) -> Result<VehicleUrn, Error> {
    let start = certificate.windows(URN.len()).position(|window| window == URN).ok_or(Error::Identity)?;
    // A SAN URI stands behind its DER length in one byte (RFC 5280, X.690).
    let length = start.checked_sub(1).and_then(|at| certificate.get(at)).copied().ok_or(Error::Identity)?;
    let text = certificate.get(start..start + usize::from(length)).ok_or(Error::Identity)?;
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Error::Identity)
}

/// The keys whose signatures on desired state count: a line of 64 hexadecimal digits for each.
/// Empty lines and those that begin with `#` are passed over.
pub fn desired_keys(text: &str) -> Result<VerifyingKeys, Error> {
    let lines = text.lines().map(str::trim).enumerate();
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let keys: Result<Vec<_>, _> =
        keys.map(|(index, line)| desired_key(line).ok_or(Error::DesiredKey { line: index + 1 })).collect();
    Ok(VerifyingKeys::new(keys?))
}

/// One such key: 64 hexadecimal digits.
pub fn desired_key(line: &str) -> Option<[u8; 32]> {
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_in_a_certificate() {
        let urn = "urn:marque:vehicle:eu:0123456789abcdef0123456789abcdef";
        let length = u8::try_from(urn.len()).unwrap();
        let der = [&[0x30, 0x10, 0x86, length][..], urn.as_bytes(), &[0x05, 0x00]].concat();
        assert_eq!(vehicle_urn(&der).unwrap().to_string(), urn);
        assert!(vehicle_urn(&der[..20]).is_err());
        assert!(vehicle_urn(b"").is_err());
    }

    #[test]
    fn keys_are_read_by_line_and_a_bad_line_is_named() {
        let good = format!("# signing keys\n\n{}\n", "ab".repeat(32));
        assert!(desired_keys(&good).is_ok());
        let bad = format!("{}\nnonsense\n", "ab".repeat(32));
        let error = desired_keys(&bad).unwrap_err();
        assert!(matches!(error, Error::DesiredKey { line: 2 }), "{error}");
    }
}
