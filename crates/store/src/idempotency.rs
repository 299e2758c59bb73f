//! Answers of creates, kept for a day, so that a repeated request does nothing twice.

use model::Timestamp;

use crate::{Error, Store, sql::args};

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is new: do the work, then store the answer or release the key.
    New,
    /// The same request was answered before.
    Answered(StoredAnswer),
    /// The same request was claimed and has no answer: it is being worked on, or whoever worked on it died.
    Unanswered { since: Timestamp },
    /// The key was used for another request.
    Reused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Store {
    /// Claims a key for a request with this hash.
    pub async fn claim_key(
        &self,
        username: &str,
        key: &str,
        request_hash: &str,
        now: Timestamp,
    ) -> Result<Claim, Error> {
        let added = self
            .pool
            .execute(
                "INSERT INTO idempotency (username, idempotency_key, request_hash, created_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (username, idempotency_key) DO NOTHING",
                args![username, key, request_hash, now],
            )
            .await?;
        if added == 1 {
            return Ok(Claim::New);
        }
        let row = self
            .pool
            .fetch_optional(
                "SELECT request_hash, status, location, body, created_at FROM idempotency \
                 WHERE username = $1 AND idempotency_key = $2",
                args![username, key],
            )
            .await?;
        // Released between the two statements: the next attempt claims it.
        let Some(row) = row else {
            return Ok(Claim::Unanswered { since: now });
        };
        if row.text(0)? != request_hash {
            return Ok(Claim::Reused);
        }
        match (row.opt_int(1)?, row.opt_bytes(3)?) {
            (Some(_), Some(body)) => {
                Ok(Claim::Answered(StoredAnswer { status: row.number(1)?, location: row.opt_text(2)?, body }))
            }
            (Some(_) | None, _) => Ok(Claim::Unanswered { since: Timestamp(row.int(4)?) }),
        }
    }

    pub async fn store_answer(&self, username: &str, key: &str, answer: &StoredAnswer) -> Result<(), Error> {
        self.pool
            .execute(
                "UPDATE idempotency SET status = $3, location = $4, body = $5 \
                 WHERE username = $1 AND idempotency_key = $2",
                args![username, key, answer.status, answer.location.as_deref(), answer.body.as_slice()],
            )
            .await
            .map(drop)
    }

    /// Gives a key back whose request did nothing, so that it can be tried again.
    pub async fn release_key(&self, username: &str, key: &str) -> Result<(), Error> {
        self.pool
            .execute(
                "DELETE FROM idempotency WHERE username = $1 AND idempotency_key = $2 AND status IS NULL",
                args![username, key],
            )
            .await
            .map(drop)
    }

    /// Forgets keys that are older than `before`, and those that a crash left without an answer.
    pub async fn forget_keys(&self, before: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM idempotency WHERE created_at < $1", args![before]).await
    }
}
