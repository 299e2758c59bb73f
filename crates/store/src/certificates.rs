//! Certificates of cars: what was issued and what was taken back.

use model::{Brand, Timestamp, VehicleId};

use crate::{
    Cursor, Error, Page, Store, Transaction,
    sql::{Arg, Row, args, row},
    vehicles::Conditions,
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

/// Which certificates to list; all that is given must match.
#[derive(Debug, Clone, Default)]
pub struct CertificateFilter {
    /// Of cars of one of these; all without it.
    pub brands: Option<Vec<Brand>>,
    pub state: Option<CertificateState>,
}

/// Whether a certificate lets its car in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// It does; one that is not valid yet counts as valid.
    Valid,
    /// It has ended, and was not taken back before.
    Expired,
    Revoked,
}

impl Certificate {
    pub fn state(&self, now: Timestamp) -> CertificateState {
        if self.revoked_at.is_some() {
            CertificateState::Revoked
        } else if self.not_after <= now {
            CertificateState::Expired
        } else {
            CertificateState::Valid
        }
    }
}

/// One that is to be kept.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    pub record: Certificate,
    /// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
    pub key_hash: String,
    pub der: Vec<u8>,
}

/// What a key was certified for.
#[derive(Debug, Clone)]
pub struct KeyUse {
    pub vehicle: VehicleId,
    pub key_hash: String,
    pub not_after: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub der: Option<Vec<u8>>,
}

fn key_use(row: &Row) -> Result<KeyUse, Error> {
    Ok(KeyUse {
        vehicle: row.word(0)?,
        key_hash: row.text(1)?,
        not_after: Timestamp(row.int(2)?),
        revoked_at: row.opt_int(3)?.map(Timestamp),
        der: row.opt_bytes(4)?,
    })
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

    /// The certificates of a car, the newest first.
    pub async fn certificates_of(&self, vehicle: VehicleId, limit: u32) -> Result<Vec<Certificate>, Error> {
        let sql = "SELECT fingerprint, vehicle_id, serial, not_before, not_after, revoked_at FROM certificates \
                   WHERE vehicle_id = $1 ORDER BY not_before DESC, fingerprint LIMIT $2";
        self.pool.fetch(sql, args![vehicle, limit]).await?.iter().map(certificate).collect()
    }

    /// One page of certificates with their cars' brands, in the fingerprints' order.
    pub async fn certificates(
        &self,
        filter: &CertificateFilter,
        now: Timestamp,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<(Certificate, Brand)>, Error> {
        let mut query = Conditions::new(
            "SELECT c.fingerprint, c.vehicle_id, c.serial, c.not_before, c.not_after, c.revoked_at, v.brand \
             FROM certificates c JOIN vehicles v ON v.vehicle_id = c.vehicle_id",
        );
        if let Some(brands) = &filter.brands {
            query.and_in("v.brand", brands.iter().map(|brand| (*brand).into()).collect());
        }
        match filter.state {
            None => {}
            Some(CertificateState::Valid) => {
                query.and("c.revoked_at IS NULL AND c.not_after > ", now.into());
            }
            Some(CertificateState::Expired) => {
                query.and("c.revoked_at IS NULL AND c.not_after <= ", now.into());
            }
            Some(CertificateState::Revoked) => query.and("c.revoked_at <= ", now.into()),
        }
        if let Some(cursor) = after {
            query.and("c.fingerprint > ", cursor.key().into());
        }
        query.end(" ORDER BY c.fingerprint LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let item = |row: &Row| Ok((certificate(row)?, row.word(6)?));
        let items = rows.iter().map(item).collect::<Result<Vec<_>, Error>>()?;
        Ok(Page::cut(items, limit, |(certificate, _)| certificate.fingerprint.clone()))
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
    pub async fn add_certificates(&mut self, certificates: &[NewCertificate]) -> Result<(), Error> {
        let rows: Vec<Vec<Arg<'_>>> = certificates
            .iter()
            .map(|NewCertificate { record, key_hash, der }| {
                row![
                    &record.fingerprint,
                    record.vehicle,
                    &record.serial,
                    record.not_before,
                    record.not_after,
                    record.revoked_at,
                    key_hash,
                    der.as_slice(),
                ]
            })
            .collect();
        self.insert(
            "INSERT INTO certificates \
             (fingerprint, vehicle_id, serial, not_before, not_after, revoked_at, key_hash, der)",
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

    /// Keeps others from certifying these cars until the end of this transaction.
    pub async fn lock_vehicles(&mut self, vehicles: &[VehicleId]) -> Result<(), Error> {
        let mut keys: Vec<VehicleId> = vehicles.to_vec();
        keys.sort_unstable();
        // One transaction at a time writes in SQLite; in PostgreSQL a row that was updated is locked.
        for vehicle in keys {
            self.execute("UPDATE vehicles SET region = region WHERE vehicle_id = $1", args![vehicle]).await?;
        }
        Ok(())
    }

    /// Whether a certificate was issued, has not ended and was not taken back.
    pub async fn certificate_stands(&mut self, fingerprint: &str, now: Timestamp) -> Result<bool, Error> {
        let row = self
            .fetch_optional(
                "SELECT 1 FROM certificates WHERE fingerprint = $1 AND revoked_at IS NULL AND not_after > $2",
                args![fingerprint, now],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Which of these cars have or had a certificate.
    pub async fn ever_certified(&mut self, vehicles: &[VehicleId]) -> Result<Vec<VehicleId>, Error> {
        let keys: Vec<Arg<'_>> = vehicles.iter().map(|vehicle| Arg::from(*vehicle)).collect();
        let rows = self
            .fetch_in("SELECT DISTINCT vehicle_id FROM certificates WHERE vehicle_id", &[], &keys, "")
            .await?;
        rows.iter().map(|row| row.word(0)).collect()
    }

    /// What these keys were certified for.
    pub async fn uses_of_keys(&mut self, key_hashes: &[&str]) -> Result<Vec<KeyUse>, Error> {
        let keys: Vec<Arg<'_>> = key_hashes.iter().map(|key| Arg::from(*key)).collect();
        let rows = self
            .fetch_in(
                "SELECT vehicle_id, key_hash, not_after, revoked_at, der FROM certificates \
                 WHERE key_hash",
                &[],
                &keys,
                "",
            )
            .await?;
        rows.iter().map(key_use).collect()
    }
}
