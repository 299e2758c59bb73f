//! What can go wrong, and what to do about it.

use crate::{LogPath, ProofError};

/// Bytes, texts or numbers that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a hash is 32 bytes in base64 with padding")]
    Hash,
    #[error(
        "a log's files are `checkpoint`, `tile/<level>/<index>` and `tile/entries/<index>` (c2sp.org/tlog-tiles)"
    )]
    Path,
    #[error("a tree has at most 2^63 - 1 entries")]
    TreeSize,
    #[error("an entry has at most 65,535 bytes; got {bytes}")]
    EntryLength { bytes: usize },
    #[error(
        "a batch has at most {} entries and {} bytes of them; append the rest in another",
        crate::BATCH_ENTRIES_MAX,
        crate::BATCH_BYTES_MAX
    )]
    BatchLength,
    #[error("there is no entry or tree {index} in a tree of {size}")]
    NoSuchEntry { index: u64, size: u64 },
    #[error("{path} is missing; restore it from a copy of the log")]
    Missing { path: LogPath },
    #[error("{path} is damaged; verify the whole log, then restore it from a copy")]
    Malformed { path: LogPath },
    #[error("the files do not lead to the root that was signed for {size} entries; verify the whole log")]
    OtherRoot { size: u64 },
    #[error(transparent)]
    Proof(#[from] ProofError),

    #[error("a key's name is 1 to 255 bytes without spaces, control characters and '+'")]
    KeyName,
    #[error("a verifier key is `<name>+<8 hexadecimal digits>+<base64>` (c2sp.org/signed-note)")]
    VerifierKey,
    #[error("the key's algorithm {algorithm:#04x} is not known here; known are 0x01 and 0x04, both Ed25519")]
    Algorithm { algorithm: u8 },
    #[error("the note is malformed: {0} (c2sp.org/signed-note)")]
    Note(&'static str),
    #[error("the checkpoint is malformed: {0} (c2sp.org/tlog-checkpoint)")]
    Checkpoint(&'static str),
    #[error("the checkpoint is of another log; expected `{expected}`")]
    Origin { expected: String },
    #[error("the signature of `{name}` is wrong: the checkpoint was altered or forged")]
    Signature { name: String },
    #[error("no key of this log signed the checkpoint")]
    Unsigned,
    #[error("{found} known witnesses cosigned the checkpoint, {wanted} are asked for")]
    Witnesses { found: usize, wanted: usize },
    #[error("the signing key did not sign")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the seed of an Ed25519 key is 32 bytes")]
    Seed,
    #[error("the proof is malformed: {0} (c2sp.org/tlog-proof)")]
    TlogProof(&'static str),

    #[error("a slug is 1 to 64 characters of a-z, 0-9, '.', '-' and '_', beginning with a letter")]
    Slug,
    #[error("an identifier is 1 to 128 visible ASCII characters")]
    Word,
    #[error("a vehicle identification number has no place in the log; use the vehicle's id")]
    Vin,
    #[error("the event is malformed: {0}")]
    Event(&'static str),
    #[error("the event has version {version}; this program knows version 1")]
    EventVersion { version: u64 },
    #[error("the opening is malformed: {0}")]
    Opening(&'static str),
    #[error("the opening of {label} does not fit the entry's commitment")]
    OtherOpening { label: &'static str },
    #[error("the auditor waits for no file")]
    NothingToRead,
}
