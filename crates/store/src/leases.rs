//! Leases: who does what only one may do. Only the database's clock counts, so that nodes need not agree.

use std::sync::Arc;

use model::{Micros, Timestamp};

use crate::{Error, Store, Transaction, sql::args};

/// A role that is held until it expires, and then until somebody else takes it. The epoch grows with every
/// change of the holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub holder: String,
    pub epoch: u64,
    /// By the database's clock; the holder counts by its own monotonic clock from before it asked.
    pub expires_at: Timestamp,
}

/// A role without which no transaction of a store may begin; see [`Store::fenced`].
#[derive(Debug)]
pub(crate) struct Fence {
    name: String,
    holder: String,
    epoch: u64,
}

impl Store {
    /// The same store, whose transactions begin only while nobody else has taken the role since this epoch:
    /// who lost it changes nothing any more, also before they hear of it.
    pub fn fenced(mut self, name: &str, holder: &str, epoch: u64) -> Self {
        let fence = Fence { name: name.to_owned(), holder: holder.to_owned(), epoch };
        self.fence = Some(Arc::new(fence));
        self
    }

    /// Takes or renews a role for `holder`. The answer is whoever holds it now.
    pub async fn acquire_lease(&self, name: &str, holder: &str, ttl: Micros) -> Result<Lease, Error> {
        let mut tx = self.pool.begin().await?;
        let now = tx.database_now().await?;
        tx.execute(
            "INSERT INTO leases (name, holder, epoch, expires_at) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (name) DO UPDATE SET \
             epoch = CASE WHEN leases.holder = excluded.holder THEN leases.epoch ELSE leases.epoch + 1 END, \
             holder = excluded.holder, expires_at = excluded.expires_at \
             WHERE leases.holder = excluded.holder OR leases.expires_at <= $4",
            args![name, holder, now + ttl, now],
        )
        .await?;
        let row = tx
            .fetch_optional("SELECT holder, epoch, expires_at FROM leases WHERE name = $1", args![name])
            .await?
            .ok_or(Error::NotFound { what: "lease" })?;
        tx.commit().await?;
        Ok(Lease { holder: row.text(0)?, epoch: row.count(1)?, expires_at: Timestamp(row.int(2)?) })
    }

    /// Gives a role back at once; nothing happens when somebody else holds it.
    pub async fn release_lease(&self, name: &str, holder: &str, epoch: u64) -> Result<(), Error> {
        self.pool
            .execute(
                "UPDATE leases SET expires_at = 0 WHERE name = $1 AND holder = $2 AND epoch = $3",
                args![name, holder, epoch],
            )
            .await
            .map(drop)
    }
}

impl Transaction {
    pub(crate) async fn check(&mut self, fence: &Fence) -> Result<(), Error> {
        let held = self
            .fetch_optional(
                "SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND epoch = $3",
                args![&fence.name, &fence.holder, fence.epoch],
            )
            .await?;
        held.map(drop).ok_or(Error::Fenced)
    }
}
