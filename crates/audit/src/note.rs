//! Signed notes: a text, and who signed it ([signed-note](https://c2sp.org/signed-note)).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Error,
    key::{Algorithm, KeyId, KeyName, Signer, VerifierKey, verifier_key},
};

/// Bytes of a note at most: 16 signatures must be taken, and post-quantum ones are up to 5 kB each.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// Signatures of a note at most: a log's, during a rotation two, and those of its witnesses.
pub const SIGNATURES_MAX: usize = 64;

/// A text with signatures that nobody checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A line of a note: whose key, and what it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: KeyName,
    pub id: KeyId,
    /// Its shape is the algorithm's: 64 bytes, or for a cosignature 8 bytes of time before them.
    pub bytes: Vec<u8>,
}

/// A signature that a known key made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub key: VerifierKey,
    /// Seconds since 1970 at which a witness cosigned.
    pub cosigned_at_s: Option<u64>,
}

impl Note {
    /// A note that nobody signed yet. The text ends with a newline and has no other control character.
    pub fn new(text: String) -> Result<Self, Error> {
        check_text(&text)?;
        Ok(Self { text, signatures: Vec::new() })
    }

    /// With its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature of the text.
    ///
    /// What the signer made is verified before it is used: a broken token, or the wrong one, signs
    /// nothing here.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(), Error> {
        let key = verifier_key(signer, Algorithm::Ed25519);
        let signature = signed(signer, &key, self.text.as_bytes())?;
        self.push(&key, signature.to_vec())
    }

    /// Adds a witness's word that it saw this text at `at_s`, in seconds since 1970.
    pub fn cosign(&mut self, signer: &dyn Signer, at_s: u64) -> Result<(), Error> {
        let key = verifier_key(signer, Algorithm::Cosignature);
        let signature = signed(signer, &key, cosigned_message(at_s, &self.text).as_bytes())?;
        let mut bytes = at_s.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signature);
        self.push(&key, bytes)
    }

    /// The known keys that signed, one each. Signatures of unknown keys are passed over, as the
    /// specification asks.
    ///
    /// Fails when a signature of a known key is wrong.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Signed>, Error> {
        let mut found: Vec<Signed> = Vec::new();
        for signature in &self.signatures {
            let known = keys.iter().find(|key| *key.name() == signature.name && key.id() == signature.id);
            let Some(key) = known else { continue };
            let cosigned_at_s = self
                .verify_one(key, &signature.bytes)
                .ok_or_else(|| Error::Signature { name: key.name().to_string() })?;
            if found.iter().all(|signed| signed.key != *key) {
                found.push(Signed { key: key.clone(), cosigned_at_s });
            }
        }
        Ok(found)
    }

    /// The time of a cosignature, or none of a plain one; nothing when it is wrong.
    fn verify_one(&self, key: &VerifierKey, bytes: &[u8]) -> Option<Option<u64>> {
        match key.algorithm() {
            Algorithm::Ed25519 => key.verifies(self.text.as_bytes(), bytes).then_some(None),
            Algorithm::Cosignature => {
                let (time, signature) = bytes.split_first_chunk()?;
                let at_s = u64::from_be_bytes(*time);
                let message = cosigned_message(at_s, &self.text);
                key.verifies(message.as_bytes(), signature).then_some(Some(at_s))
            }
        }
    }

    fn push(&mut self, key: &VerifierKey, bytes: Vec<u8>) -> Result<(), Error> {
        if self.signatures.len() == SIGNATURES_MAX {
            return Err(Error::Note("it has too many signatures"));
        }
        self.signatures.push(NoteSignature { name: key.name().clone(), id: key.id(), bytes });
        Ok(())
    }
}

fn signed(signer: &dyn Signer, key: &VerifierKey, message: &[u8]) -> Result<[u8; 64], Error> {
    let signature = signer.sign(message)?;
    let fits = key.verifies(message, &signature);
    if fits { Ok(signature) } else { Err(Error::Signature { name: key.name().to_string() }) }
}

fn cosigned_message(at_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {at_s}\n{text}")
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(Error::Note("it is longer than 128 KiB"));
    }
    if !text.ends_with('\n') {
        return Err(Error::Note("its text does not end with a newline"));
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(Error::Note("it holds control characters"));
    }
    Ok(())
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| {
            let bytes = [&signature.id.0[..], &signature.bytes].concat();
            writeln!(f, "— {} {}", signature.name, STANDARD.encode(bytes))
        })
    }
}

impl FromStr for Note {
    type Err = Error;

    /// Takes only what [`fmt::Display`] writes, byte for byte.
    fn from_str(text: &str) -> Result<Self, Error> {
        check_text(text)?;
        let (body, lines) = text.rsplit_once("\n\n").ok_or(Error::Note("no blank line ends its text"))?;
        let mut note = Self::new(format!("{body}\n"))?;
        for line in lines.split_terminator('\n') {
            if note.signatures.len() == SIGNATURES_MAX {
                return Err(Error::Note("it has too many signatures"));
            }
            note.signatures.push(parse_signature(line)?);
        }
        if note.signatures.is_empty() {
            return Err(Error::Note("it has no signature"));
        }
        Ok(note)
    }
}

fn parse_signature(line: &str) -> Result<NoteSignature, Error> {
    const MALFORMED: Error = Error::Note("a signature is `— <name> <base64>`");
    let (name, blob) = line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or(MALFORMED)?;
    let blob = STANDARD.decode(blob).map_err(|_| MALFORMED)?;
    let (id, bytes) = blob.split_first_chunk().ok_or(MALFORMED)?;
    if bytes.is_empty() {
        return Err(MALFORMED);
    }
    Ok(NoteSignature { name: name.parse()?, id: KeyId(*id), bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests;
