//! Certificates of cars: what was issued and what was taken back.

use model::{Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Arg, Row, args, row},
};

/// An issued certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER, in hexadecimal.
    pub fingerprint: String,
    pub vehicle: VehicleId,
    /// In hexadecimal.
    pub serial: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

fn certificate(row: &Row) -> Result<Certificate, Error> {
    Ok(Certificate {
        fingerprint: row.text(0)?,
        vehicle: row.word(1)?,
        serial: row.text(2)?,
        not_before: Timestamp(row.int(3)?),
        not_after: Timestamp(row.int(4)?),
        revoked_at: row.opt_int(5)?.map(Timestamp),
    })
}

impl Store {
    pub async fn certificate(&self, fingerprint: &str) -> Result<Option<Certificate>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT fingerprint, vehicle_id, serial, not_before, not_after, revoked_at FROM certificates \
                 WHERE fingerprint = $1",
                args![fingerprint],
            )
            .await?;
        row.as_ref().map(certificate).transpose()
    }

    /// The certificate of a car that ends last and was not taken back.
    pub async fn newest_certificate(&self, vehicle: VehicleId) -> Result<Option<Certificate>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT fingerprint, vehicle_id, serial, not_before, not_after, revoked_at FROM certificates \
                 WHERE vehicle_id = $1 AND revoked_at IS NULL ORDER BY not_after DESC LIMIT 1",
                args![vehicle],
            )
            .await?;
        row.as_ref().map(certificate).transpose()
    }

    /// All certificates that have not expired, taken back or not, in pages of the fingerprints' order.
    pub async fn unexpired_certificates(
        &self,
        now: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Certificate>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT fingerprint, vehicle_id, serial, not_before, not_after, revoked_at FROM certificates \
                 WHERE fingerprint > $1 AND not_after > $2 ORDER BY fingerprint LIMIT $3",
                args![after, now, limit],
            )
            .await?;
        rows.iter().map(certificate).collect()
    }
}

impl Transaction {
    pub async fn add_certificates(&mut self, certificates: &[Certificate]) -> Result<(), Error> {
        let rows: Vec<Vec<Arg<'_>>> = certificates
            .iter()
            .map(|new| {
                row![
                    &new.fingerprint,
                    new.vehicle,
                    &new.serial,
                    new.not_before,
                    new.not_after,
                    new.revoked_at,
                ]
            })
            .collect();
        self.insert(
            "INSERT INTO certificates (fingerprint, vehicle_id, serial, not_before, not_after, revoked_at)",
            &rows,
            "",
        )
        .await?;
        Ok(())
    }

    /// Takes all of a car's certificates back; those that were not before.
    pub async fn revoke_certificates(
        &mut self,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Vec<Certificate>, Error> {
        let rows = self
            .fetch(
                "UPDATE certificates SET revoked_at = $2 WHERE vehicle_id = $1 AND revoked_at IS NULL \
                 RETURNING fingerprint, vehicle_id, serial, not_before, not_after, revoked_at",
                args![vehicle, now],
            )
            .await?;
        rows.iter().map(certificate).collect()
    }
}
