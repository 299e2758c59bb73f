//! One-time factory credentials: what lets a car ask for its first certificate.

use model::{Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Row, args},
};

/// A car's newest credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub vehicle: VehicleId,
    /// Names this drawing, too: no two have the same.
    pub salt: String,
    /// In hexadecimal.
    pub secret_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub used: Option<CredentialUse>,
}

/// What a credential was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialUse {
    pub at: Timestamp,
    /// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
    pub key_hash: String,
    /// The certificate that it gave.
    pub fingerprint: String,
}

fn credential(row: &Row) -> Result<Credential, Error> {
    let used = match (row.opt_int(6)?, row.opt_text(7)?, row.opt_text(8)?) {
        (Some(at), Some(key_hash), Some(fingerprint)) => {
            Some(CredentialUse { at: Timestamp(at), key_hash, fingerprint })
        }
        (_, _, _) => None,
    };
    Ok(Credential {
        vehicle: row.word(0)?,
        salt: row.text(1)?,
        secret_hash: row.text(2)?,
        created_at: Timestamp(row.int(3)?),
        expires_at: Timestamp(row.int(4)?),
        revoked_at: row.opt_int(5)?.map(Timestamp),
        used,
    })
}

impl Store {
    pub async fn credential(&self, vehicle: VehicleId) -> Result<Option<Credential>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT vehicle_id, salt, secret_hash, created_at, expires_at, revoked_at, used_at, used_key, \
                 fingerprint FROM enrolment_credentials WHERE vehicle_id = $1",
                args![vehicle],
            )
            .await?;
        row.as_ref().map(credential).transpose()
    }

    /// A certificate's DER, if it was kept and the certificate was not taken back.
    pub async fn certificate_der(&self, fingerprint: &str) -> Result<Option<Vec<u8>>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT der FROM certificates WHERE fingerprint = $1 AND revoked_at IS NULL",
                args![fingerprint],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_bytes(0))
    }
}

impl Transaction {
    /// Keeps a new credential; the one before is no longer.
    pub async fn put_credential(&mut self, new: &Credential) -> Result<(), Error> {
        self.execute(
            "INSERT INTO enrolment_credentials (vehicle_id, salt, secret_hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (vehicle_id) DO UPDATE SET salt = excluded.salt, \
             secret_hash = excluded.secret_hash, created_at = excluded.created_at, \
             expires_at = excluded.expires_at, revoked_at = NULL, used_at = NULL, used_key = NULL, \
             fingerprint = NULL",
            args![new.vehicle, &new.salt, &new.secret_hash, new.created_at, new.expires_at],
        )
        .await
        .map(drop)
    }

    /// Uses a credential up. Of all who try, one hears `true`: this statement decides.
    pub async fn use_credential(
        &mut self,
        vehicle: VehicleId,
        salt: &str,
        used: &CredentialUse,
    ) -> Result<bool, Error> {
        let changed = self
            .execute(
                "UPDATE enrolment_credentials SET used_at = $3, used_key = $4, fingerprint = $5 \
                 WHERE vehicle_id = $1 AND salt = $2 AND used_at IS NULL AND revoked_at IS NULL \
                 AND expires_at > $3",
                args![vehicle, salt, used.at, &used.key_hash, &used.fingerprint],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Voids a car's credential; whether there was one that could be used.
    pub async fn revoke_credential(&mut self, vehicle: VehicleId, now: Timestamp) -> Result<bool, Error> {
        let changed = self
            .execute(
                "UPDATE enrolment_credentials SET revoked_at = $2 \
                 WHERE vehicle_id = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
                args![vehicle, now],
            )
            .await?;
        Ok(changed == 1)
    }
}
