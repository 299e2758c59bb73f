//! Two checkpoints of one log: do they tell the same story?

use crate::{Error, Hash, ProofError, ProofPlan, SignedCheckpoint, verify};

/// What two checkpoints of a log say about each other, the one that was seen first and the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// Same size, same root.
    Same,
    /// Same size, other root: the log showed two faces. Both signed notes together are the evidence.
    SplitView,
    /// The log has fewer entries than it had. Prove that the shorter is the beginning of the longer, the
    /// wrong way round, to tell a lost end from a second face.
    Shorter(ProofPlan),
    /// The log grew; prove it with [`prove_growth`].
    Longer(ProofPlan),
}

/// Compares what was seen first with what is seen now.
///
/// Fails when the checkpoints are of different logs.
pub fn follow(seen: &SignedCheckpoint, now: &SignedCheckpoint) -> Result<Follow, Error> {
    let (first, second) = (seen.head(), now.head());
    if seen.checkpoint().origin() != now.checkpoint().origin() {
        return Err(Error::Origin { expected: seen.checkpoint().origin().to_owned() });
    }
    if first.size == second.size {
        return Ok(if first.root == second.root { Follow::Same } else { Follow::SplitView });
    }
    let plan = ProofPlan::consistency(first.size.min(second.size), first.size.max(second.size))?;
    Ok(if first.size < second.size { Follow::Longer(plan) } else { Follow::Shorter(plan) })
}

/// Proves that the shorter of two checkpoints is the beginning of the longer one; their order does not
/// matter.
///
/// [`ProofError::Inconsistent`] means a split view, or a log that was rewritten: no proof can exist, if
/// this one was made from undamaged tiles.
pub fn prove_growth(
    one: &SignedCheckpoint,
    other: &SignedCheckpoint,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let (one, other) = (one.head(), other.head());
    let (old, new) = if one.size <= other.size { (one, other) } else { (other, one) };
    verify::consistency(old.size, old.root, new.size, new.root, proof)
}

#[cfg(test)]
mod tests;
