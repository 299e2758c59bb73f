//! Subjects: which car a subject is, in which ownership interval. Only SQL knows.

use model::{ConsentEpoch, SubjectId, Timestamp, VehicleId};

use crate::{
    Error, Store,
    sql::{Row, args},
};

/// One car in one ownership interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    pub subject: SubjectId,
    pub vehicle: VehicleId,
    pub began_at: Timestamp,
    pub consent_epoch: ConsentEpoch,
    /// The one that it began with: what was collected under an earlier one is of the owner before.
    pub first_epoch: ConsentEpoch,
}

pub(crate) fn subject(row: &Row) -> Result<Subject, Error> {
    Ok(Subject {
        subject: row.word(0)?,
        vehicle: row.word(1)?,
        began_at: Timestamp(row.int(2)?),
        consent_epoch: ConsentEpoch(row.number(3)?),
        first_epoch: ConsentEpoch(row.number(4)?),
    })
}

impl Store {
    /// The interval that a car is in now.
    pub async fn current_subject(&self, vehicle: VehicleId) -> Result<Subject, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT subject_id, vehicle_id, began_at, consent_epoch, first_epoch FROM subjects \
                 WHERE vehicle_id = $1 AND ended_at IS NULL",
                args![vehicle],
            )
            .await?;
        subject(&row.ok_or(Error::NotFound { what: "vehicle" })?)
    }
}
