//! What the audit log's entries are found by, and what opens their commitments. The log itself is in files.
//!
//! Rows are written before the checkpoint that makes their entries count. Rows at or beyond the log's size
//! are thus of a batch that never was; the next batch, and every start, clears them.

use model::{Brand, SubjectId, Timestamp};

use crate::{
    Cursor, Error, Page, Store, Transaction,
    sql::{Arg, Composed, Row, args, row},
    vehicles::Conditions,
};

/// An entry as it is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the log, from 0.
    pub index: u64,
    pub at: Timestamp,
    pub action: String,
    pub brand: Option<Brand>,
    pub outcome: &'static str,
    pub openings: Vec<AuditOpening>,
}

/// What opens one commitment of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditOpening {
    pub index: u64,
    pub label: String,
    pub salt: Vec<u8>,
    pub value: String,
    /// Of a car: whose it was then.
    pub subject: Option<SubjectId>,
}

impl std::fmt::Debug for AuditOpening {
    /// The value may name a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditOpening")
            .field("index", &self.index)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// Which entries to find; all that is given must match.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub to: Option<Timestamp>,
    pub action: Option<String>,
    /// Of one of these; all, and those of no brand, without it.
    pub brands: Option<Vec<Brand>>,
    pub outcome: Option<String>,
    /// What stands behind a commitment: its label and its value.
    pub opened: Vec<(&'static str, String)>,
}

impl Store {
    /// The places of entries, the newest first.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<u64>, Error> {
        let mut query = Conditions::new("SELECT entry_index FROM audit_entries");
        if let Some(from) = filter.from {
            query.and("at >= ", from.into());
        }
        if let Some(to) = filter.to {
            query.and("at < ", to.into());
        }
        if let Some(action) = &filter.action {
            query.and("action = ", action.into());
        }
        if let Some(brands) = &filter.brands {
            query.and_in("brand", brands.iter().map(|brand| (*brand).into()).collect());
        }
        if let Some(outcome) = &filter.outcome {
            query.and("outcome = ", outcome.into());
        }
        for (label, value) in &filter.opened {
            query.and(
                "entry_index IN (SELECT entry_index FROM audit_openings WHERE label = ",
                (*label).into(),
            );
            query.end(" AND value = ", value.into());
            query.end_part(")");
        }
        if let Some(cursor) = after {
            let before: u64 = cursor.number()?;
            query.and("entry_index < ", before.into());
        }
        query.end(" ORDER BY entry_index DESC LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(|row| row.count(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, ToString::to_string))
    }

    /// The openings of entries that are still there. One page of entries at most.
    pub async fn audit_openings(&self, entries: &[u64]) -> Result<Vec<AuditOpening>, Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Composed::new(
            "SELECT entry_index, label, salt, value, subject_id FROM audit_openings WHERE entry_index IN ",
        );
        sql.params(1, entries.len()).push(" ORDER BY entry_index, label");
        let args: Vec<Arg<'_>> = entries.iter().map(|index| (*index).into()).collect();
        self.pool.fetch(sql, &args).await?.iter().map(opening).collect()
    }

    /// One more than the last entry that was ever written here, whether its checkpoint followed or not.
    pub async fn audit_end(&self) -> Result<u64, Error> {
        let sql = "SELECT COALESCE(MAX(entry_index) + 1, 0) FROM audit_entries";
        self.pool.fetch_optional(sql, &[]).await?.map_or(Ok(0), |row| row.count(0))
    }

    /// Clears what a batch left whose checkpoint was never written; how many entries.
    pub async fn clear_audit_from(&self, size: u64) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        let cleared = tx.clear_audit_from(size).await?;
        tx.commit().await?;
        Ok(cleared)
    }

    /// Forgets whom one entry names, for good. How many openings there were.
    pub async fn forget_audit_openings(&self, entry: u64) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM audit_openings WHERE entry_index = $1", args![entry]).await
    }

    /// Forgets in all entries that they speak of this car or person, for good; in how many.
    pub async fn forget_audit_value(&self, label: &str, value: &str) -> Result<u64, Error> {
        self.pool
            .execute("DELETE FROM audit_openings WHERE label = $1 AND value = $2", args![label, value])
            .await
    }
}

impl Transaction {
    /// Writes a batch's rows, in place of those of a batch that never counted.
    pub async fn add_audit_entries(&mut self, entries: &[AuditEntry]) -> Result<(), Error> {
        let Some(first) = entries.first() else { return Ok(()) };
        self.clear_audit_from(first.index).await?;
        let rows: Vec<Vec<Arg<'_>>> = entries
            .iter()
            .map(|entry| {
                let brand = entry.brand.map(Brand::slug);
                row![entry.index, entry.at, &entry.action, brand, entry.outcome]
            })
            .collect();
        self.insert("INSERT INTO audit_entries (entry_index, at, action, brand, outcome)", &rows, "").await?;
        let rows: Vec<Vec<Arg<'_>>> = entries
            .iter()
            .flat_map(|entry| &entry.openings)
            .map(|opening| {
                let subject = Arg::Text(opening.subject.map(|subject| subject.to_string().into()));
                let mut row = row![opening.index, &opening.label, opening.salt.as_slice(), &opening.value];
                row.push(subject);
                row
            })
            .collect();
        self.insert("INSERT INTO audit_openings (entry_index, label, salt, value, subject_id)", &rows, "")
            .await?;
        Ok(())
    }

    async fn clear_audit_from(&mut self, size: u64) -> Result<u64, Error> {
        self.execute("DELETE FROM audit_openings WHERE entry_index >= $1", args![size]).await?;
        self.execute("DELETE FROM audit_entries WHERE entry_index >= $1", args![size]).await
    }
}

fn opening(row: &Row) -> Result<AuditOpening, Error> {
    let subject = row.opt_text(4)?.map(|text| text.parse());
    Ok(AuditOpening {
        index: row.count(0)?,
        label: row.text(1)?,
        salt: row.bytes(2)?,
        value: row.text(3)?,
        subject: subject.transpose().map_err(|_| Error::Corrupt { column: "subject_id".to_owned() })?,
    })
}
