//! Chance, as bytes, as names and as secrets.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::pki::PkiError;

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], PkiError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    Ok(bytes)
}

/// A name that nobody guesses, and that is no secret.
pub(crate) fn name() -> Result<String, PkiError> {
    Ok(hex::encode(bytes::<16>()?))
}

/// 192 bits of chance as text that people can paste.
pub(crate) fn secret() -> Result<String, PkiError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<24>()?))
}
