//! One-time passwords by time (RFC 6238): SHA-1, 30 seconds, 6 digits, as every authenticator app has them.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use model::{Micros, Timestamp};

/// How long a password is valid.
pub const STEP: Micros = Micros::from_secs(30);
/// How many steps a clock may be off, to either side.
pub const DRIFT_STEPS_MAX: u64 = 1;
const DIGITS: usize = 6;

/// The shared secret: 160 random bits, the length of the hash (RFC 4226 section 4, R6).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 20]);

/// Which 30 seconds since 1970 a password was for. The last one that counted is kept with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub u64);

impl Secret {
    /// Takes 160 random bits, drawn by the caller.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// For the store, which keeps it encrypted.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// What a person types into an app that reads no picture: 32 characters of base32 (RFC 4648).
    pub fn base32(&self) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let groups = self.0.chunks_exact(5);
        let bits = groups.map(|group| group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)));
        bits.flat_map(|bits| (0..8).rev().map(move |place| bits >> (5 * place) & 31))
            .map(|index| char::from(ALPHABET[usize::try_from(index).expect("five bits")]))
            .collect()
    }

    /// The URI that a QR code for authenticator apps holds.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (escaped(issuer), escaped(account));
        let secret = self.base32();
        format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The password of a step: 6 digits with leading zeros.
    pub fn password(&self, step: Step) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.0.to_be_bytes());
        let tag = tag.as_ref();
        // Dynamic truncation (RFC 4226 section 5.3).
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let bits = tag[offset..offset + 4].iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        format!("{:0DIGITS$}", (bits & 0x7fff_ffff) % 1_000_000)
    }

    /// The step that a given password counts for; nothing when it is wrong.
    ///
    /// `last` is the step that counted last: neither it nor an earlier one counts again. The caller
    /// keeps the answer as the new `last` before it lets anybody in.
    pub fn verify(&self, given: &str, last: Option<Step>, now: Timestamp) -> Option<Step> {
        let current = Step::at(now).0;
        let steps = current.saturating_sub(DRIFT_STEPS_MAX)..=current + DRIFT_STEPS_MAX;
        let mut found = None;
        // All steps are tried, whichever fits: the time says nothing.
        for step in steps.map(Step) {
            let fits =
                constant_time::verify_slices_are_equal(self.password(step).as_bytes(), given.as_bytes())
                    .is_ok();
            let is_new = last.is_none_or(|last| step > last);
            if fits && is_new && found.is_none() {
                found = Some(step);
            }
        }
        found
    }
}

impl Step {
    pub fn at(now: Timestamp) -> Self {
        Self(u64::try_from(now.0.div_euclid(STEP.0)).unwrap_or_default())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
