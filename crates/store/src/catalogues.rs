//! Catalogues of signals, each by its hash, with the source that it was made from.

use model::{CatalogueHash, Timestamp};

use crate::{
    Cursor, Error, Page, Store,
    sql::{Row, args},
    vehicles::Conditions,
};

/// A catalogue in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRow {
    pub hash: CatalogueHash,
    pub leaf_count: u32,
    pub created_at: Timestamp,
}

fn catalogue(row: &Row) -> Result<CatalogueRow, Error> {
    Ok(CatalogueRow { hash: row.word(0)?, leaf_count: row.number(1)?, created_at: Timestamp(row.int(2)?) })
}

impl Store {
    /// One page, in the order of hashes.
    pub async fn catalogues(&self, after: Option<&Cursor>, limit: u32) -> Result<Page<CatalogueRow>, Error> {
        let mut query = Conditions::new("SELECT hash, leaf_count, created_at FROM catalogues");
        if let Some(cursor) = after {
            query.and("hash > ", cursor.key().into());
        }
        query.end(" ORDER BY hash LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(catalogue).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| item.hash.to_string()))
    }

    pub async fn catalogue(&self, hash: CatalogueHash) -> Result<CatalogueRow, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT hash, leaf_count, created_at FROM catalogues WHERE hash = $1",
                args![hash],
            )
            .await?;
        catalogue(&row.ok_or(Error::NotFound { what: "catalogue" })?)
    }

    /// The bytes that the catalogue was made from.
    pub async fn catalogue_source(&self, hash: CatalogueHash) -> Result<Vec<u8>, Error> {
        let row =
            self.pool.fetch_optional("SELECT source FROM catalogues WHERE hash = $1", args![hash]).await?;
        row.ok_or(Error::NotFound { what: "catalogue" })?.bytes(0)
    }

    /// Stores a catalogue; `false` when it was there already.
    pub async fn add_catalogue(
        &self,
        hash: CatalogueHash,
        leaf_count: u32,
        source: &[u8],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let added = self
            .pool
            .execute(
                "INSERT INTO catalogues (hash, leaf_count, source, created_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (hash) DO NOTHING",
                args![hash, leaf_count, source, now],
            )
            .await?;
        Ok(added == 1)
    }
}
