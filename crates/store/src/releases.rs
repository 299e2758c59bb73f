//! Requests that an owner who sold a car and never let go loses it.

use model::{Brand, PersonId, SubjectId, Timestamp, VehicleId};

use crate::{
    Error, Page, Store, Transaction,
    page::Cursor,
    sql::{Row, args, select},
    vehicles::Conditions,
};

/// A request for release. It is open until it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRow {
    pub id: String,
    pub vehicle: VehicleId,
    /// The ownership that it is against.
    pub subject: SubjectId,
    pub owner: PersonId,
    pub requested_by: PersonId,
    pub state: String,
    pub requested_at: Timestamp,
    pub approved_at: Option<Timestamp>,
    /// When an open one lapses, or takes effect if it was approved.
    pub due_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A request as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRelease {
    pub release: ReleaseRow,
    pub brand: Brand,
    /// The name of whoever asked.
    pub requester: String,
}

/// Which requests to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReleaseFilter<'a> {
    /// Of cars of these brands.
    pub brands: &'a [Brand],
    pub state: Option<&'a str>,
}

const RELEASE: &str = "SELECT r.release_id, r.vehicle_id, r.subject_id, r.owner_id, r.requested_by, r.state, \
                       r.requested_at, r.approved_at, r.due_at, r.ended_at FROM ownership_releases r";

const LISTED: &str = "SELECT r.release_id, r.vehicle_id, r.subject_id, r.owner_id, r.requested_by, r.state, \
                      r.requested_at, r.approved_at, r.due_at, r.ended_at, v.brand, p.username \
                      FROM ownership_releases r JOIN vehicles v ON v.vehicle_id = r.vehicle_id \
                      JOIN people p ON p.person_id = r.requested_by";

fn release(row: &Row) -> Result<ReleaseRow, Error> {
    Ok(ReleaseRow {
        id: row.text(0)?,
        vehicle: row.word(1)?,
        subject: row.word(2)?,
        owner: row.word(3)?,
        requested_by: row.word(4)?,
        state: row.text(5)?,
        requested_at: Timestamp(row.int(6)?),
        approved_at: row.opt_int(7)?.map(Timestamp),
        due_at: Timestamp(row.int(8)?),
        ended_at: row.opt_int(9)?.map(Timestamp),
    })
}

fn listed(row: &Row) -> Result<ListedRelease, Error> {
    Ok(ListedRelease { release: release(row)?, brand: row.word(10)?, requester: row.text(11)? })
}

impl Store {
    pub async fn release(&self, id: &str) -> Result<Option<ListedRelease>, Error> {
        let sql = select(LISTED, " WHERE r.release_id = $1");
        self.pool.fetch_optional(sql, args![id]).await?.as_ref().map(listed).transpose()
    }

    /// One page of requests; those that were made last come first.
    pub async fn releases(
        &self,
        filter: ReleaseFilter<'_>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<ListedRelease>, Error> {
        let mut query = Conditions::new(LISTED);
        query.and_in("v.brand", filter.brands.iter().map(|brand| (*brand).into()).collect());
        if let Some(state) = filter.state {
            query.and("r.state = ", state.into());
        }
        if let Some(cursor) = after {
            let (at, id) = cursor.key().split_once(' ').ok_or(Error::Cursor)?;
            let at: i64 = at.parse().map_err(|_| Error::Cursor)?;
            query.and_part("(r.requested_at < ").value(at.into()).part(" OR (r.requested_at = ");
            query.value(at.into()).part(" AND r.release_id > ").value(id.into()).part("))");
        }
        let limit_and_one = u64::from(limit).saturating_add(1);
        query.end(" ORDER BY r.requested_at DESC, r.release_id LIMIT ", limit_and_one.into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| format!("{} {}", item.release.requested_at.0, item.release.id)))
    }

    /// The open requests about a car, the oldest first.
    pub async fn open_releases(&self, vehicle: VehicleId) -> Result<Vec<ReleaseRow>, Error> {
        let sql = select(
            RELEASE,
            " WHERE r.vehicle_id = $1 AND r.ended_at IS NULL ORDER BY r.requested_at, r.release_id",
        );
        self.pool.fetch(sql, args![vehicle]).await?.iter().map(release).collect()
    }

    /// The open requests whose time is over, those that waited longest first.
    pub async fn due_releases(&self, now: Timestamp, limit: u32) -> Result<Vec<ReleaseRow>, Error> {
        let sql = select(
            RELEASE,
            " WHERE r.due_at <= $1 AND r.ended_at IS NULL ORDER BY r.due_at, r.release_id LIMIT $2",
        );
        self.pool.fetch(sql, args![now, limit]).await?.iter().map(release).collect()
    }

    /// Forgets requests that ended before this time; how many.
    pub async fn forget_releases(&self, before: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM ownership_releases WHERE ended_at < $1", args![before]).await
    }
}

impl Transaction {
    /// A second open one of the same person about the same car is a conflict.
    pub async fn add_release(&mut self, new: &ReleaseRow) -> Result<(), Error> {
        let sql = "INSERT INTO ownership_releases (release_id, vehicle_id, subject_id, owner_id, requested_by, \
                   state, requested_at, approved_at, due_at, ended_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let args = args![
            &new.id,
            new.vehicle,
            new.subject,
            new.owner,
            new.requested_by,
            &new.state,
            new.requested_at,
            new.approved_at,
            new.due_at,
            new.ended_at
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Approves an open request; `false` when it is approved, due or over.
    pub async fn approve_release(
        &mut self,
        id: &str,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "UPDATE ownership_releases SET state = 'approved', approved_at = $3, due_at = $2 \
                   WHERE release_id = $1 AND approved_at IS NULL AND ended_at IS NULL AND due_at > $3";
        Ok(self.execute(sql, args![id, due_at, now]).await? == 1)
    }

    /// The owner objects to an open request; `false` when it is over.
    pub async fn object_to_release(&mut self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE ownership_releases SET state = 'objected', ended_at = $2 \
                   WHERE release_id = $1 AND ended_at IS NULL";
        Ok(self.execute(sql, args![id, now]).await? == 1)
    }

    /// Ends an open request whose time is over; `false` when somebody was faster, or it has more time.
    pub async fn end_due_release(&mut self, id: &str, state: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE ownership_releases SET state = $2, ended_at = $3 \
                   WHERE release_id = $1 AND ended_at IS NULL AND due_at <= $3";
        Ok(self.execute(sql, args![id, state, now]).await? == 1)
    }

    /// All open requests about a car lapse; whose they were.
    pub async fn lapse_releases(
        &mut self,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Vec<PersonId>, Error> {
        let sql = "UPDATE ownership_releases SET state = 'lapsed', ended_at = $2 \
                   WHERE vehicle_id = $1 AND ended_at IS NULL RETURNING requested_by";
        self.fetch(sql, args![vehicle, now]).await?.iter().map(|row| row.word(0)).collect()
    }
}
