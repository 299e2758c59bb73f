//! Names and keys of those who sign notes ([signed-note](https://c2sp.org/signed-note)).

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Error, Hash};

/// Bytes of a key's name at most; names are host names with a path.
const NAME_BYTES_MAX: usize = 255;

/// Characters of a verifier key at most: the longest name, and an ML-DSA-44 key in base64, which is read only
/// to say that it is not known here.
const VERIFIER_KEY_BYTES_MAX: usize = 2_048;

/// The name of a key, such as `example.com/log42`. The log's own is also its checkpoints' origin.
///
/// 1 to 255 bytes of UTF-8 without Unicode spaces, control characters and `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let valid = (1..=NAME_BYTES_MAX).contains(&text.len())
            && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if valid { Ok(Self(text.to_owned())) } else { Err(Error::KeyName) }
    }
}

/// The first four bytes of `SHA-256(name || 0x0A || algorithm || public key)`; finds a key, proves
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// How a signature is made. Both are Ed25519 (RFC 8032), over different messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 0x01: over the text of the note.
    Ed25519,
    /// 0x04: by a witness, over a time and the text
    /// ([tlog-cosignature](https://c2sp.org/tlog-cosignature)).
    Cosignature,
}

impl Algorithm {
    /// The byte that stands for it in keys and key ids.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn from_code(code: u8) -> Result<Self, Error> {
        let known = [Self::Ed25519, Self::Cosignature].into_iter().find(|known| known.code() == code);
        known.ok_or(Error::Algorithm { algorithm: code })
    }
}

/// A public key with its name, as it is handed to those who verify.
///
/// Written `<name>+<key id>+<base64 of algorithm and key>` (signed-note, "Verifier keys").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    algorithm: Algorithm,
    public_key: [u8; 32],
    id: KeyId,
}

impl VerifierKey {
    pub fn new(name: KeyName, algorithm: Algorithm, public_key: [u8; 32]) -> Self {
        let hash = Hash::of(&[name.0.as_bytes(), &[b'\n', algorithm.code()], &public_key]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Self { name, algorithm, public_key, id: KeyId([a, b, c, d]) }
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    pub fn id(&self) -> KeyId {
        self.id
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the key made the signature over exactly these bytes.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_key).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.algorithm.code()];
        bytes.extend_from_slice(&self.public_key);
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    /// Refuses a key whose id is not the hash of the rest: it was mistyped.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > VERIFIER_KEY_BYTES_MAX {
            return Err(Error::VerifierKey);
        }
        // The name holds no '+', but base64 does.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::VerifierKey);
        };
        // A key of another algorithm may be long; ours are 33 bytes.
        let bytes = STANDARD.decode(key).map_err(|_| Error::VerifierKey)?;
        let (algorithm, public_key) = bytes.split_first().ok_or(Error::VerifierKey)?;
        let algorithm = Algorithm::from_code(*algorithm)?;
        let public_key = public_key.try_into().map_err(|_| Error::VerifierKey)?;
        let key = Self::new(name.parse()?, algorithm, public_key);
        if key.to_string() == text { Ok(key) } else { Err(Error::VerifierKey) }
    }
}

/// Who can sign for a log: a key in memory, or one that never leaves an HSM (PKCS#11 `CKM_EDDSA`).
pub trait Signer: Send + Sync {
    /// The name that signatures carry.
    fn name(&self) -> &KeyName;

    /// The public half, 32 bytes as in RFC 8032.
    fn public_key(&self) -> [u8; 32];

    /// An Ed25519 signature over the message. It may take long; call it where waiting is allowed.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Error>;
}

/// The key by which a signer's notes are verified.
pub fn verifier_key(signer: &dyn Signer, algorithm: Algorithm) -> VerifierKey {
    VerifierKey::new(signer.name().clone(), algorithm, signer.public_key())
}

/// A signing key in memory.
pub struct SoftwareSigner {
    name: KeyName,
    pair: Ed25519KeyPair,
}

impl SoftwareSigner {
    /// From the 32 random bytes of an Ed25519 private key (RFC 8032 section 5.1.5), drawn and kept by
    /// the caller.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Seed)?;
        Ok(Self { name, pair })
    }
}

impl fmt::Debug for SoftwareSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareSigner({})", verifier_key(self, Algorithm::Ed25519))
    }
}

impl Signer for SoftwareSigner {
    fn name(&self) -> &KeyName {
        &self.name
    }

    fn public_key(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        bytes
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
