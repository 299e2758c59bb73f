//! The car's private keys: made in the car, used there, and never given out.
//!
//! [`KeyStore`] asks for no more than a TPM or a PKCS#11 token has: make a key pair on P-256, find one again by
//! its public key, sign, forget. [`SoftKeyStore`] is for cars without one.

use std::{
    fmt, fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::{SignatureAlgorithm, SignatureScheme, sign::Signer, sign::SigningKey};

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot {action} {}; check the folder's owner and free space", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the key in {} cannot be read; enrol the car again", path.display())]
    Damaged { path: PathBuf },
    #[error("the key store makes no key or no signature")]
    Failed,
}

/// A key pair on P-256.
pub trait Key: fmt::Debug + Send + Sync + 'static {
    /// The uncompressed point, 65 bytes (SEC 1, 2.3.3).
    fn public_key(&self) -> &[u8];

    /// ECDSA with SHA-256, DER.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// Where the car's keys are.
pub trait KeyStore: fmt::Debug + Send + Sync + 'static {
    /// Makes a key that is there after a crash, too.
    fn generate(&self) -> Result<Arc<dyn Key>, KeyError>;

    /// The key of this point; `None` when it is not here.
    fn open(&self, public_key: &[u8]) -> Result<Option<Arc<dyn Key>>, KeyError>;

    /// Forgets all other keys.
    fn retain(&self, public_keys: &[&[u8]]) -> Result<(), KeyError>;
}

/// Keys in files that only their owner reads.
#[derive(Debug)]
pub struct SoftKeyStore {
    folder: PathBuf,
}

struct SoftKey(EcdsaKeyPair);

impl fmt::Debug for SoftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftKey(..)")
    }
}

impl Key for SoftKey {
    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.0.sign(&SystemRandom::new(), message).map_err(|_| KeyError::Failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl SoftKeyStore {
    pub fn open(folder: PathBuf) -> Result<Self, KeyError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(failed("create", &folder))?;
        Ok(Self { folder })
    }

    fn path(&self, public_key: &[u8]) -> PathBuf {
        self.folder.join(file_name(public_key))
    }
}

impl KeyStore for SoftKeyStore {
    fn generate(&self) -> Result<Arc<dyn Key>, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyError::Failed)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError::Failed)?;
        let path = self.path(pair.public_key().as_ref());
        write_whole(&path, document.as_ref(), 0o600).map_err(failed("write", &path))?;
        Ok(Arc::new(SoftKey(pair)))
    }

    fn open(&self, public_key: &[u8]) -> Result<Option<Arc<dyn Key>>, KeyError> {
        let path = self.path(public_key);
        let document = match fs::read(&path) {
            Ok(document) => document,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &document);
        match pair {
            Ok(pair) if pair.public_key().as_ref() == public_key => Ok(Some(Arc::new(SoftKey(pair)))),
            Ok(_) | Err(_) => Err(KeyError::Damaged { path }),
        }
    }

    fn retain(&self, public_keys: &[&[u8]]) -> Result<(), KeyError> {
        let kept: Vec<String> = public_keys.iter().map(|key| file_name(key)).collect();
        let entries = fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?;
        for entry in entries {
            let entry = entry.map_err(failed("read", &self.folder))?;
            if !kept.iter().any(|name| entry.file_name() == name.as_str()) {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

fn file_name(public_key: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, public_key);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.p8")
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> KeyError + use<'a> {
    move |source| KeyError::File { action, path: path.to_owned(), source }
}

/// Beside, synced, then renamed: after a crash there is the old file or the new one, and it stays.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A key of a store, as rustls signs with it.
#[derive(Debug)]
pub(crate) struct TlsKey(pub(crate) Arc<dyn Key>);

#[derive(Debug)]
struct TlsSigner(Arc<dyn Key>);

impl SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let can = offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        can.then(|| Box::new(TlsSigner(Arc::clone(&self.0))) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.0.sign(message).map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_found_again_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = SoftKeyStore::open(folder.path().join("keys")).unwrap();
        let (first, second) = (store.generate().unwrap(), store.generate().unwrap());
        for key in [&first, &second] {
            assert_eq!(store.open(key.public_key()).unwrap().unwrap().public_key(), key.public_key());
            let mode = fs::metadata(store.path(key.public_key())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.retain(&[second.public_key()]).unwrap();
        assert!(store.open(first.public_key()).unwrap().is_none());
        fs::write(store.path(second.public_key()), b"x").unwrap();
        assert!(matches!(store.open(second.public_key()), Err(KeyError::Damaged { .. })));
    }
}
