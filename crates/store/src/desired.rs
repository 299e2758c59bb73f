//! What the platform wants of cars (signed envelopes, by kind), and what cars report.

use std::collections::HashMap;

use model::{Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Arg, Row, args, row},
};

/// An envelope to store; its version is one above the stored one.
#[derive(Debug, Clone)]
pub struct NewDesired {
    pub vehicle: VehicleId,
    pub version: u64,
    pub envelope: Vec<u8>,
}

/// The newest envelope of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRow {
    pub kind: String,
    pub version: u64,
    pub created_at: Timestamp,
}

/// What a car says that it has of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRow {
    pub kind: String,
    pub version: u64,
    /// Why the car could not apply the version.
    pub problem: Option<String>,
    pub reported_at: Timestamp,
}

impl Store {
    /// The newest version and envelope of a kind.
    pub async fn desired_envelope(
        &self,
        vehicle: VehicleId,
        kind: &str,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT version, envelope FROM desired WHERE vehicle_id = $1 AND kind = $2",
                args![vehicle, kind],
            )
            .await?;
        row.map(|row| Ok((row.count(0)?, row.bytes(1)?))).transpose()
    }

    pub async fn desired(&self, vehicle: VehicleId) -> Result<Vec<DesiredRow>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT kind, version, created_at FROM desired WHERE vehicle_id = $1 ORDER BY kind",
                args![vehicle],
            )
            .await?;
        let desired = |row: &Row| {
            Ok(DesiredRow { kind: row.text(0)?, version: row.count(1)?, created_at: Timestamp(row.int(2)?) })
        };
        rows.iter().map(desired).collect()
    }

    pub async fn reported(&self, vehicle: VehicleId) -> Result<Vec<ReportedRow>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT kind, version, problem, reported_at FROM reported WHERE vehicle_id = $1 ORDER BY kind",
                args![vehicle],
            )
            .await?;
        let reported = |row: &Row| {
            Ok(ReportedRow {
                kind: row.text(0)?,
                version: row.count(1)?,
                problem: row.opt_text(2)?,
                reported_at: Timestamp(row.int(3)?),
            })
        };
        rows.iter().map(reported).collect()
    }

    /// The bytes of a car's newest report.
    pub async fn report(&self, vehicle: VehicleId) -> Result<Option<(Vec<u8>, Timestamp)>, Error> {
        let row = self
            .pool
            .fetch_optional("SELECT report, reported_at FROM reports WHERE vehicle_id = $1", args![vehicle])
            .await?;
        row.map(|row| Ok((row.bytes(0)?, Timestamp(row.int(1)?)))).transpose()
    }
}

impl Transaction {
    /// The stored versions of a kind, for vehicles that have it.
    pub async fn desired_versions(
        &mut self,
        kind: &str,
        vehicles: &[VehicleId],
    ) -> Result<HashMap<VehicleId, u64>, Error> {
        let keys: Vec<Arg<'_>> = vehicles.iter().map(|vehicle| (*vehicle).into()).collect();
        let rows = self
            .fetch_in(
                "SELECT vehicle_id, version FROM desired WHERE kind = $1 AND vehicle_id",
                args![kind],
                &keys,
                "",
            )
            .await?;
        rows.iter().map(|row| Ok((row.word(0)?, row.count(1)?))).collect()
    }

    /// Stores envelopes of a kind in place of the older ones.
    pub async fn put_desired(
        &mut self,
        kind: &str,
        envelopes: &[NewDesired],
        now: Timestamp,
    ) -> Result<(), Error> {
        let rows: Vec<Vec<Arg<'_>>> = envelopes
            .iter()
            .map(|new| row![new.vehicle, kind, new.version, new.envelope.as_slice(), now])
            .collect();
        let changed = self
            .insert(
                "INSERT INTO desired (vehicle_id, kind, version, envelope, created_at)",
                &rows,
                "ON CONFLICT (vehicle_id, kind) DO UPDATE SET version = excluded.version, \
                 envelope = excluded.envelope, created_at = excluded.created_at \
                 WHERE desired.version < excluded.version",
            )
            .await?;
        if changed == u64::try_from(envelopes.len()).unwrap_or(u64::MAX) {
            Ok(())
        } else {
            Err(Error::Conflict { what: "the desired state was changed meanwhile; try again" })
        }
    }

    /// Stores what a car says that it has, and the report that says it.
    pub async fn put_report(
        &mut self,
        vehicle: VehicleId,
        applied: &[ReportedRow],
        report: &[u8],
        now: Timestamp,
    ) -> Result<(), Error> {
        let rows: Vec<Vec<Arg<'_>>> = applied
            .iter()
            .map(|row| row![vehicle, &row.kind, row.version, row.problem.as_deref(), row.reported_at])
            .collect();
        self.insert(
            "INSERT INTO reported (vehicle_id, kind, version, problem, reported_at)",
            &rows,
            "ON CONFLICT (vehicle_id, kind) DO UPDATE SET version = excluded.version, \
             problem = excluded.problem, reported_at = excluded.reported_at",
        )
        .await?;
        self.execute(
            "INSERT INTO reports (vehicle_id, report, reported_at) VALUES ($1, $2, $3) \
             ON CONFLICT (vehicle_id) DO UPDATE SET report = excluded.report, \
             reported_at = excluded.reported_at",
            args![vehicle, report, now],
        )
        .await
        .map(drop)
    }
}
