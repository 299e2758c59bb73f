//! One-time links by which a person sets a password. Tokens are stored as hashes.

use model::{PersonId, Timestamp};

use crate::{Error, Store, Transaction, sql::args};

/// A link that was not used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialReset {
    pub person: PersonId,
    pub token_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Store {
    /// Whose link this is, while it counts.
    pub async fn credential_reset(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<PersonId>, Error> {
        let sql = "SELECT person_id FROM credential_resets WHERE token_hash = $1 AND expires_at > $2";
        self.pool.fetch_optional(sql, args![token_hash, now]).await?.map(|row| row.word(0)).transpose()
    }

    /// Forgets links that count no more; how many.
    pub async fn forget_credential_resets(&self, now: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM credential_resets WHERE expires_at <= $1", args![now]).await
    }
}

impl Transaction {
    /// Voids password and second factor, ends all sessions, forgets where they were opened, and keeps a new link; the
    /// one before counts no more.
    pub async fn reset_credentials(&mut self, new: &CredentialReset) -> Result<(), Error> {
        self.set_password(new.person, None).await?;
        self.set_totp(new.person, None).await?;
        self.end_sessions(new.person, None).await?;
        self.forget_networks_of(new.person).await?;
        self.execute(
            "INSERT INTO credential_resets (person_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (person_id) DO UPDATE SET token_hash = excluded.token_hash, \
             created_at = excluded.created_at, expires_at = excluded.expires_at",
            args![new.person, &new.token_hash, new.created_at, new.expires_at],
        )
        .await
        .map(drop)
    }

    /// Uses a link up; whose it was. Of two who try, one has it: this statement decides.
    pub async fn take_credential_reset(
        &mut self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<PersonId>, Error> {
        let sql =
            "DELETE FROM credential_resets WHERE token_hash = $1 AND expires_at > $2 RETURNING person_id";
        self.fetch_optional(sql, args![token_hash, now]).await?.map(|row| row.word(0)).transpose()
    }
}
