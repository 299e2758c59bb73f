//! A proof that one entry is in a log, as a text to hand out
//! ([tlog-proof](https://c2sp.org/tlog-proof)).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Error, Files, Hash, Note, Policy, ProofPlan, SignedCheckpoint,
    checkpoint::parse_decimal,
    evidence::{EVIDENCE_BYTES_MAX, Evidence},
    note::NOTE_BYTES_MAX,
    verify::{self, PROOF_NODES_MAX},
};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Bytes of a proof at most: its evidence in base64, 63 hashes, and the longest note.
pub const PROOF_BYTES_MAX: usize = EVIDENCE_BYTES_MAX * 4 / 3 + 64 * 64 + NOTE_BYTES_MAX;

/// An entry's place in a log, why it is there, and the log's word for it. It can be verified without
/// the log, with a [`Policy`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The entry and what opens its commitments; the proof holds without it, for whoever has the entry.
    pub evidence: Option<Evidence>,
    /// From 0.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub path: Vec<Hash>,
    /// Not verified yet.
    pub checkpoint: Note,
}

impl TlogProof {
    /// The proof of an entry, after the files of [`ProofPlan::inclusion`] were read.
    ///
    /// Fails when the tiles do not lead from the entry to the checkpoint's root: no wrong proof goes out.
    pub fn build(
        evidence: Evidence,
        index: u64,
        checkpoint: &SignedCheckpoint,
        files: &impl Files,
    ) -> Result<Self, Error> {
        let head = checkpoint.head();
        let path = ProofPlan::inclusion(index, head.size)?.prove(files)?;
        verify::inclusion(Hash::of_leaf(evidence.entry()), index, head.size, head.root, &path)?;
        Ok(Self { evidence: Some(evidence), index, path, checkpoint: checkpoint.note().clone() })
    }

    /// Verifies that the evidence's entry is in the log, and that the openings are its own.
    pub fn verify(&self, policy: &Policy) -> Result<SignedCheckpoint, Error> {
        let evidence = self.evidence.as_ref().ok_or(Error::TlogProof("it does not carry the entry"))?;
        evidence.check()?;
        self.verify_entry(evidence.entry(), policy)
    }

    /// Verifies that an entry, known from elsewhere, is in the log.
    pub fn verify_entry(&self, entry: &[u8], policy: &Policy) -> Result<SignedCheckpoint, Error> {
        let checkpoint = policy.verify_note(self.checkpoint.clone())?;
        let head = checkpoint.head();
        verify::inclusion(Hash::of_leaf(entry), self.index, head.size, head.root, &self.path)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(evidence) = &self.evidence {
            writeln!(f, "extra {}", STANDARD.encode(evidence.encode()))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(Error::TlogProof("it is too long"));
        }
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(Error::TlogProof("no blank line stands before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(Error::TlogProof("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next();
        let extra = line.and_then(|line| line.strip_prefix("extra "));
        let evidence = extra.map(parse_extra).transpose()?;
        if evidence.is_some() {
            line = lines.next();
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(Error::TlogProof("no line `index <number>` is where it should be"))?;
        let path: Vec<Hash> = lines.take(PROOF_NODES_MAX + 1).map(str::parse).collect::<Result<_, _>>()?;
        if path.len() > PROOF_NODES_MAX {
            return Err(Error::TlogProof("it has more hashes than a tree has levels"));
        }
        Ok(Self { evidence, index, path, checkpoint: checkpoint.parse()? })
    }
}

fn parse_extra(text: &str) -> Result<Evidence, Error> {
    let bytes = STANDARD.decode(text).map_err(|_| Error::TlogProof("its extra data is not base64"))?;
    Evidence::decode(&bytes)
}

#[cfg(test)]
mod tests;
