//! Grants of owners. They belong to a subject: a new owner begins with none.

use consent::{Grant, Grants};
use model::{ConsentEpoch, SubjectId, Timestamp};

use crate::{
    Error, Store, Subject, Transaction,
    sql::{Arg, Row, args, row},
    subjects::subject,
};

fn grant(row: &Row, first: usize) -> Result<Grant, Error> {
    Ok(Grant {
        purpose: row.word(first)?,
        category: row.word(first + 1)?,
        granted: row.flag(first + 2)?,
        at: Timestamp(row.int(first + 3)?),
    })
}

impl Store {
    pub async fn grants(&self, subject: SubjectId) -> Result<Grants, Error> {
        // One statement, so that the epoch belongs to the grants.
        let rows = self
            .pool
            .fetch(
                "SELECT s.consent_epoch, g.purpose, g.category, g.granted, g.said_at \
                 FROM subjects s LEFT JOIN grants g ON g.subject_id = s.subject_id WHERE s.subject_id = $1",
                args![subject],
            )
            .await?;
        let epoch = rows.first().ok_or(Error::NotFound { what: "subject" })?.number(0)?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.opt_text(1)?.is_some() {
                entries.push(grant(row, 1)?);
            }
        }
        Ok(Grants::new(ConsentEpoch(epoch), entries))
    }

    /// All cars in the ownership intervals that they are in now, with what was granted; in pages of the
    /// subjects' order.
    pub async fn all_grants(
        &self,
        after: Option<SubjectId>,
        limit: u32,
    ) -> Result<Vec<(Subject, Grants)>, Error> {
        let after = after.map_or_else(String::new, |subject| subject.to_string());
        let rows = self
            .pool
            .fetch(
                "SELECT s.subject_id, s.vehicle_id, s.began_at, s.consent_epoch, s.first_epoch, \
                 g.purpose, g.category, g.granted, g.said_at \
                 FROM (SELECT subject_id, vehicle_id, began_at, consent_epoch, first_epoch FROM subjects \
                       WHERE subject_id > $1 AND ended_at IS NULL ORDER BY subject_id LIMIT $2) s \
                 LEFT JOIN grants g ON g.subject_id = s.subject_id ORDER BY s.subject_id",
                args![after, limit],
            )
            .await?;
        let mut all: Vec<(Subject, Vec<Grant>)> = Vec::new();
        for row in &rows {
            let subject = subject(row)?;
            if all.last().is_none_or(|(last, _)| last.subject != subject.subject) {
                all.push((subject, Vec::new()));
            }
            if let (Some((_, entries)), Some(_)) = (all.last_mut(), row.opt_text(5)?) {
                entries.push(grant(row, 5)?);
            }
        }
        let grants = |(subject, entries): (Subject, Vec<Grant>)| {
            (subject, Grants::new(subject.consent_epoch, entries))
        };
        Ok(all.into_iter().map(grants).collect())
    }
}

impl Transaction {
    /// Stores grants whose epoch is one above the stored one; otherwise somebody else was faster.
    pub async fn put_grants(&mut self, grants: &[(SubjectId, Grants)]) -> Result<(), Error> {
        for (subject, set) in grants {
            let changed = self
                .execute(
                    "UPDATE subjects SET consent_epoch = $2 WHERE subject_id = $1 AND consent_epoch = $2 - 1",
                    args![*subject, set.epoch().0],
                )
                .await?;
            if changed != 1 {
                return Err(Error::Conflict { what: "the grants were changed meanwhile; read them again" });
            }
        }
        let entries =
            grants.iter().flat_map(|(subject, set)| set.entries().iter().map(|entry| (*subject, entry)));
        let rows: Vec<Vec<Arg<'_>>> = entries
            .map(|(subject, entry)| {
                row![subject, entry.purpose.slug(), entry.category.slug(), entry.granted, entry.at]
            })
            .collect();
        self.insert(
            "INSERT INTO grants (subject_id, purpose, category, granted, said_at)",
            &rows,
            "ON CONFLICT (subject_id, purpose, category) \
             DO UPDATE SET granted = excluded.granted, said_at = excluded.said_at",
        )
        .await?;
        Ok(())
    }
}
