//! The provable log: who did what, when and what for, in a Merkle tree that nobody alters unseen.
//!
//! - [`Event`] is an entry; what may have to be forgotten stands in it as a commitment, whose
//!   [`Opening`] is kept elsewhere.
//! - [`Tree`] says what to write for a batch of entries: bundles and tiles as in
//!   [tlog-tiles](https://c2sp.org/tlog-tiles). [`Checkpoint`] is what the log signs of itself
//!   ([tlog-checkpoint](https://c2sp.org/tlog-checkpoint), [signed-note](https://c2sp.org/signed-note)).
//! - [`ProofPlan`] says which tiles a proof needs and makes it from them; [`TlogProof`] is an entry's proof
//!   to hand out ([tlog-proof](https://c2sp.org/tlog-proof)); [`verify`] is all that proving it takes.
//! - [`Auditor`] verifies a whole log; [`follow()`] compares two checkpoints and finds a split view.
//!
//! Invariants, as absences: `audit` never reads a clock, a file, a socket or the environment, draws no
//! randomness, and holds no VIN. [`verify`] does not know how proofs are made. No input makes it panic.

mod auditor;
mod bundle;
mod cbor;
mod checkpoint;
mod error;
mod event;
mod evidence;
mod follow;
mod hash;
mod key;
mod note;
mod opening;
mod path;
mod proof;
mod tlog_proof;
mod tree;
pub mod verify;

pub use auditor::{Auditor, FINDINGS_MAX, Finding, OLDER_FORMS_MAX, Report, Walk};
pub use bundle::{ENTRY_BYTES_MAX, entries_of};
pub use checkpoint::{Checkpoint, Policy, SignedCheckpoint};
pub use error::Error;
pub use event::{Actor, EVENT_BYTES_MAX, Event, Field, Outcome, Resource, Slug, Word};
pub use evidence::{EVIDENCE_BYTES_MAX, Evidence};
pub use follow::{Follow, follow, prove_growth};
pub use hash::Hash;
pub use key::{Algorithm, KeyId, KeyName, Signer, SoftwareSigner, VerifierKey, verifier_key};
pub use note::{NOTE_BYTES_MAX, Note, NoteSignature, SIGNATURES_MAX, Signed};
pub use opening::{Commitment, Label, Opening, Salt};
pub use path::{LogPath, TILE_WIDTH, TREE_SIZE_MAX, Width};
pub use proof::ProofPlan;
pub use tlog_proof::{PROOF_BYTES_MAX, TlogProof};
pub use tree::{Append, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Files, Tree, TreeHead, Write};
pub use verify::ProofError;

#[cfg(test)]
mod tests;
