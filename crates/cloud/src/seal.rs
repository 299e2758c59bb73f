//! Secrets that the platform has to read again are kept sealed: AES-256-GCM under a key of the region's folder.
//!
//! Invariants, as absences: no sealed text opens for another use or another owner than it was sealed for.

use std::{fmt, fs, io, path::Path, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};

/// In the region's folder of keys, in hexadecimal.
const FILE: &str = "seal-key";
const KEY_BYTES: usize = 32;

/// Why secrets cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("cannot read or write the key of sealed secrets {path}; check the folder's owner and free space")]
    File { path: String, source: io::Error },
    #[error("the key of sealed secrets {path} is damaged; restore it from a backup")]
    Damaged { path: String },
    #[error("the system gives no random numbers")]
    Random,
    #[error("what was sealed does not open; was the folder of keys exchanged?")]
    Closed,
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<RandomizedNonceKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// Loads the key of a folder, or makes it.
    pub fn open(folder: &Path) -> Result<Self, SealError> {
        let path = folder.join(FILE);
        let place = || path.display().to_string();
        let mut key = [0; KEY_BYTES];
        match fs::read_to_string(&path) {
            Ok(text) => hex::decode_to_slice(text.trim(), &mut key)
                .map_err(|_| SealError::Damaged { path: place() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                rand::fill(&mut key).map_err(|_| SealError::Random)?;
                crate::pki::write_secret_file(&path, &hex::encode(key))
                    .map_err(|source| SealError::File { path: place(), source })?;
            }
            Err(source) => return Err(SealError::File { path: place(), source }),
        }
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key);
        Ok(Self(Arc::new(key.map_err(|_| SealError::Damaged { path: place() })?)))
    }

    /// `use_of` says what for and whose; it must be the same when it is opened.
    pub fn seal(&self, use_of: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(use_of), &mut sealed);
        let nonce = nonce.map_err(|_| SealError::Random)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    pub fn unseal(&self, use_of: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Closed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Closed)?;
        let mut secret = sealed.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(use_of), &mut secret);
        let length = opened.map_err(|_| SealError::Closed)?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_use_only_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(folder.path()).unwrap();
        let sealed = sealer.seal("totp/1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, sealer.seal("totp/1", b"secret").unwrap());
        let again = Sealer::open(folder.path()).unwrap();
        assert_eq!(again.unseal("totp/1", &sealed).unwrap(), b"secret");
        assert!(again.unseal("totp/2", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(again.unseal("totp/1", &changed).is_err());
            assert!(again.unseal("totp/1", &sealed[..place]).is_err());
        }
        let other = Sealer::open(tempfile::tempdir().unwrap().path()).unwrap();
        assert!(other.unseal("totp/1", &sealed).is_err());
    }
}
