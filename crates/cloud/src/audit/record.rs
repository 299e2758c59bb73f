//! What happened, before salts are drawn: who did what to what.

use ::audit::{Actor, Commitment, Event, Field, Label, Opening, Outcome, Resource, Salt, Slug, Word};
use aws_lc_rs::rand;
use model::{Brand, Purpose, Region, SubjectId, Timestamp};
use store::{AuditEntry, AuditOpening};

use super::AuditError;

/// An identifier in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Stands in the log for ever: it names no person and no car.
    Plain(Word),
    /// Stands there as a commitment and can be forgotten.
    Committed(Word),
}

/// An access to personal data or a privileged act.
#[derive(Debug, Clone)]
pub struct Record {
    pub at: Timestamp,
    pub actor: (Slug, Named),
    pub action: Slug,
    pub resource: (Slug, Named),
    /// Of a car: whose it is now.
    pub subject: Option<SubjectId>,
    pub brand: Option<Brand>,
    pub purpose: Option<Purpose>,
    pub outcome: Outcome,
    pub reason: Option<Slug>,
    pub request: Option<Word>,
    /// A prefix; always a commitment.
    pub address: Option<Word>,
}

/// A name of an action, a kind or a reason.
pub(crate) fn slug(text: &'static str) -> Slug {
    text.parse().expect("names of actions, kinds and reasons are slugs; a test reads all of them")
}

/// What cannot be an id, such as a number that looks like a VIN, is not repeated.
pub(crate) fn word(text: &str) -> Word {
    text.parse().unwrap_or_else(|_| "unnamed".parse().expect("it is visible ASCII and no VIN"))
}

/// The reason of an entry for many, of whom others are told apart already.
pub(crate) const CROWD: &str = "crowd";

/// A reason, and how many there were where one entry stands for several: `second-connection-x17`.
pub(crate) fn counted(reason: &'static str, count: u32) -> Slug {
    let text = if count == 1 { reason.to_owned() } else { format!("{reason}-x{count}") };
    text.parse().expect("reasons are short slugs, and stay ones with a number behind")
}

impl Record {
    /// The entry's bytes, and the row by which it is found.
    pub(super) fn seal(self, region: &Region, index: u64) -> Result<(Vec<u8>, AuditEntry), AuditError> {
        let mut openings = Vec::new();
        let subject = self.subject;
        let mut field = |label: Label, named: Named| match named {
            Named::Plain(word) => Ok(Field::Plain(word)),
            Named::Committed(word) => {
                let opening = Opening::new(label, salt()?, word);
                openings.push(row_of(index, &opening, subject.filter(|_| label == Label::Resource)));
                Ok::<Field, AuditError>(Field::from(&opening))
            }
        };
        let event = Event {
            at: self.at,
            actor: Actor { kind: self.actor.0, id: field(Label::Actor, self.actor.1)? },
            action: self.action,
            resource: Resource { kind: self.resource.0, id: field(Label::Resource, self.resource.1)? },
            region: region.clone(),
            brand: self.brand,
            purpose: self.purpose,
            outcome: self.outcome,
            reason: self.reason,
            request: self.request,
            address: self.address.map(|word| field(Label::Address, Named::Committed(word))).transpose()?,
        };
        let (action, outcome) = (event.action.to_string(), event.outcome.slug());
        let entry = AuditEntry { index, at: event.at, action, brand: event.brand, outcome, openings };
        Ok((event.encode(), entry))
    }
}

fn row_of(index: u64, opening: &Opening, subject: Option<SubjectId>) -> AuditOpening {
    AuditOpening {
        index,
        label: opening.label().slug().to_owned(),
        salt: opening.salt().as_bytes().to_vec(),
        value: opening.value().as_str().to_owned(),
        subject,
    }
}

fn salt() -> Result<Salt, AuditError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| AuditError::Random)?;
    Ok(Salt::from_bytes(bytes))
}

/// A commitment as an API shows it.
pub(crate) fn commitment_hex(commitment: &Commitment) -> String {
    hex::encode(commitment.as_bytes())
}
