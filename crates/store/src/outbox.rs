//! What has to reach people outside of the platform: kept until a transport has taken it.

use model::{PersonId, Timestamp};

use crate::{
    Error, Store, Transaction,
    sql::{Row, args},
};

/// Something that was not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: String,
    pub kind: String,
    pub person: PersonId,
    /// As the caller sealed it.
    pub payload: Vec<u8>,
    pub created_at: Timestamp,
}

/// Whom a letter goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub person: PersonId,
    pub username: String,
    pub address: Option<String>,
}

fn letter(row: &Row) -> Result<OutboxRow, Error> {
    Ok(OutboxRow {
        id: row.text(0)?,
        kind: row.text(1)?,
        person: row.word(2)?,
        payload: row.bytes(3)?,
        created_at: Timestamp(row.int(4)?),
    })
}

impl Store {
    /// What waits to be sent, the oldest first, behind one that was looked at.
    pub async fn unsent(&self, after: Option<&OutboxRow>, limit: u32) -> Result<Vec<OutboxRow>, Error> {
        let sql = "SELECT outbox_id, kind, person_id, payload, created_at FROM outbox \
                   WHERE sent_at IS NULL AND (created_at > $1 OR (created_at = $1 AND outbox_id > $2)) \
                   ORDER BY created_at, outbox_id LIMIT $3";
        let (at, id) = after.map_or((Timestamp::MIN, ""), |row| (row.created_at, row.id.as_str()));
        self.pool.fetch(sql, args![at, id, limit]).await?.iter().map(letter).collect()
    }

    /// A transport has taken it; the payload is forgotten.
    pub async fn note_sent(&self, id: &str, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE outbox SET sent_at = $2, payload = NULL WHERE outbox_id = $1";
        self.pool.execute(sql, args![id, now]).await.map(drop)
    }

    /// What was sent before a time, the oldest first.
    pub async fn sent_before(&self, before: Timestamp, limit: u32) -> Result<Vec<String>, Error> {
        let sql = "SELECT outbox_id FROM outbox WHERE sent_at < $1 ORDER BY sent_at, outbox_id LIMIT $2";
        self.pool.fetch(sql, args![before, limit]).await?.iter().map(|row| row.text(0)).collect()
    }

    pub async fn forget_sent(&self, id: &str) -> Result<(), Error> {
        self.pool.execute("DELETE FROM outbox WHERE outbox_id = $1", args![id]).await.map(drop)
    }
}

impl Transaction {
    /// Where letters to a person go.
    pub async fn recipient(&mut self, person: PersonId) -> Result<Recipient, Error> {
        let sql = "SELECT username, address FROM people WHERE person_id = $1";
        let row = self.fetch_optional(sql, args![person]).await?;
        let row = row.ok_or(Error::NotFound { what: "person" })?;
        Ok(Recipient { person, username: row.text(0)?, address: row.opt_text(1)? })
    }

    pub async fn add_to_outbox(&mut self, new: &OutboxRow) -> Result<(), Error> {
        self.execute(
            "INSERT INTO outbox (outbox_id, kind, person_id, payload, created_at) VALUES ($1, $2, $3, $4, $5)",
            args![&new.id, &new.kind, new.person, new.payload.as_slice(), new.created_at],
        )
        .await
        .map(drop)
    }
}
