//! Facts that a region's cell fixes when it is created, such as its name and its number of shards.

use crate::{Error, Store, sql::args};

impl Store {
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let row = self.pool.fetch_optional("SELECT value FROM settings WHERE name = $1", args![name]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Fixes a setting unless it is fixed already; what it is now.
    pub async fn fix_setting(&self, name: &str, value: &str) -> Result<String, Error> {
        self.pool
            .execute(
                "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                args![name, value],
            )
            .await?;
        Ok(self.setting(name).await?.unwrap_or_else(|| value.to_owned()))
    }
}
