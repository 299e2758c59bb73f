//! What people are told, outside of their cars and in them.

use model::{OrganisationId, PersonId, Timestamp, VehicleId};

use crate::{
    Error, Page, Store, Transaction,
    page::Cursor,
    sql::{Row, args, row, select},
};

/// A notice to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    pub id: String,
    pub person: PersonId,
    pub kind: String,
    pub vehicle: Option<VehicleId>,
    pub organisation: Option<OrganisationId>,
    /// Whose account it is about.
    pub about: Option<PersonId>,
    pub at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
}

/// A notice in a car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessNoticeRow {
    /// Goes up with each notice to the car.
    pub number: u64,
    pub kind: String,
    pub at: Timestamp,
}

const NOTICE: &str = "SELECT notice_id, person_id, kind, vehicle_id, organisation_id, about_person_id, \
                      noticed_at, acknowledged_at FROM notices";

fn notice(row: &Row) -> Result<NoticeRow, Error> {
    Ok(NoticeRow {
        id: row.text(0)?,
        person: row.word(1)?,
        kind: row.text(2)?,
        vehicle: row.opt_word(3)?,
        organisation: row.opt_word(4)?,
        about: row.opt_word(5)?,
        at: Timestamp(row.int(6)?),
        acknowledged_at: row.opt_int(7)?.map(Timestamp),
    })
}

impl Store {
    /// One page of the notices to a person, the newest first.
    pub async fn notices_to(
        &self,
        person: PersonId,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<NoticeRow>, Error> {
        let last = after.map_or(Some((i64::MAX, "")), |cursor| {
            let (at, id) = cursor.key().split_once(' ')?;
            Some((at.parse().ok()?, id))
        });
        let (at, id) = last.ok_or(Error::Cursor)?;
        let sql = select(
            NOTICE,
            " WHERE person_id = $1 AND (noticed_at < $2 OR (noticed_at = $2 AND notice_id > $3)) \
             ORDER BY noticed_at DESC, notice_id LIMIT $4",
        );
        let rows = self.pool.fetch(sql, args![person, at, id, u64::from(limit).saturating_add(1)]).await?;
        let items = rows.iter().map(notice).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| format!("{} {}", item.at.0, item.id)))
    }

    /// Marks a notice as read; `false` when the person has none of this id. It is marked once.
    pub async fn acknowledge_notice(
        &self,
        person: PersonId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "UPDATE notices SET acknowledged_at = COALESCE(acknowledged_at, $3) \
                   WHERE person_id = $1 AND notice_id = $2";
        Ok(self.pool.execute(sql, args![person, id, now]).await? == 1)
    }

    /// Forgets notices from before this time; how many.
    pub async fn forget_notices(&self, before: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM notices WHERE noticed_at < $1", args![before]).await
    }

    /// The newest notices in a car above a number, the oldest of them first.
    pub async fn access_notices(
        &self,
        vehicle: VehicleId,
        above: u64,
        limit: u32,
    ) -> Result<Vec<AccessNoticeRow>, Error> {
        let sql = "SELECT number, kind, noticed_at FROM access_notices WHERE vehicle_id = $1 AND number > $2 \
                   ORDER BY number DESC LIMIT $3";
        let rows = self.pool.fetch(sql, args![vehicle, above, limit]).await?;
        let notice = |row: &Row| {
            Ok(AccessNoticeRow { number: row.number(0)?, kind: row.text(1)?, at: Timestamp(row.int(2)?) })
        };
        rows.iter().rev().map(notice).collect()
    }
}

impl Transaction {
    pub async fn add_notices(&mut self, new: &[NoticeRow]) -> Result<(), Error> {
        let rows: Vec<_> = new
            .iter()
            .map(|notice| {
                let NoticeRow { vehicle, organisation, about, at, .. } = notice;
                row![&notice.id, notice.person, &notice.kind, *vehicle, *organisation, *about, *at]
            })
            .collect();
        let head = "INSERT INTO notices (notice_id, person_id, kind, vehicle_id, organisation_id, \
                    about_person_id, noticed_at)";
        self.insert(head, &rows, "").await.map(drop)
    }

    /// Adds a notice in a car.
    pub async fn add_access_notice(
        &mut self,
        vehicle: VehicleId,
        kind: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO access_notices (vehicle_id, number, kind, noticed_at) \
                   SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3 FROM access_notices WHERE vehicle_id = $1";
        self.execute(sql, args![vehicle, kind, now]).await.map(drop)
    }

    /// Forgets the notices in a car but the newest: they are of its former owner's time.
    pub async fn forget_access_notices(&mut self, vehicle: VehicleId) -> Result<(), Error> {
        let sql = "DELETE FROM access_notices WHERE vehicle_id = $1 \
                   AND number < (SELECT MAX(number) FROM access_notices WHERE vehicle_id = $1)";
        self.execute(sql, args![vehicle]).await.map(drop)
    }
}
