//! What a stranger sends as EST's messages is read or refused, and what was read is written again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use link::est;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(der) = est::from_body(bytes) {
        assert!(der.len() <= est::BODY_BYTES_MAX);
        assert_eq!(est::from_body(est::to_body(&der).as_bytes()), Ok(der));
    }
    if let Ok(certificates) = est::certificates_of(bytes) {
        assert!(!certificates.is_empty());
        let again = est::certs_only(&certificates);
        assert_eq!(est::certificates_of(&again).as_ref(), Ok(&certificates));
    }
    if let Ok(facts) = est::facts(bytes) {
        assert!(bytes.windows(facts.public_key.len()).any(|part| part == facts.public_key));
    }
});
