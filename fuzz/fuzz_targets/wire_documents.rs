//! Documents, messages and envelopes of any bytes are read or refused, and what was read is written
//! and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{Timestamp, VehicleId};
use wire::{Expected, Kind, VerifyingKeys};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(campaigns) = wire::decode_campaigns(bytes) {
        // A NaN for `min_delta` is not equal to itself, so that lengths must do.
        let again = wire::decode_campaigns(&wire::encode_campaigns(&campaigns));
        assert_eq!(again.map(|again| again.len()), Ok(campaigns.len()));
    }
    if let Ok(consent) = wire::decode_consent(bytes) {
        assert_eq!(wire::decode_consent(&wire::encode_consent(&consent)), Ok(consent));
    }
    if let Ok(report) = wire::decode_report(bytes) {
        assert_eq!(wire::decode_report(&wire::encode_report(&report)), Ok(report));
    }
    if let Ok(fetch) = wire::decode_fetch(bytes) {
        assert_eq!(wire::decode_fetch(&wire::encode_fetch(&fetch)), Ok(fetch));
    }
    if let Ok(notice) = wire::decode_notice(bytes) {
        assert_eq!(wire::decode_notice(&wire::encode_notice(&notice)), Ok(notice));
    }
    if let Ok(code) = wire::decode_link_code(bytes) {
        assert_eq!(wire::decode_link_code(&wire::encode_link_code(&code)), Ok(code));
    }
    if let Ok(notices) = wire::decode_access_notices(bytes) {
        assert_eq!(wire::decode_access_notices(&wire::encode_access_notices(&notices)), Ok(notices));
    }
    let expected = Expected {
        kind: Kind::Consent,
        vehicle: VehicleId::from_bytes([7; 16]),
        have: 0,
        now: Timestamp(0),
    };
    assert!(VerifyingKeys::new([[1; 32]]).open(bytes, &expected).is_err());
});
