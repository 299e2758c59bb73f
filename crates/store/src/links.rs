//! Who is tied to which car, and the codes that cars show to tie somebody.

use model::{Brand, PersonId, Region, Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Row, args, select},
};

/// A person's tie to a car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    pub id: String,
    pub person: PersonId,
    pub function: String,
    pub vehicle: VehicleId,
    /// As it was when the link began.
    pub brand: Brand,
    pub region: Region,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
}

/// A code that a car shows, as its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCodeRow {
    pub vehicle: VehicleId,
    pub kind: String,
    /// In hexadecimal.
    pub hash: String,
    pub shown_at: Timestamp,
    pub until: Timestamp,
}

const LINK: &str =
    "SELECT link_id, person_id, person_function, vehicle_id, brand, region, starts_at, ends_at FROM links";

fn link(row: &Row) -> Result<LinkRow, Error> {
    Ok(LinkRow {
        id: row.text(0)?,
        person: row.word(1)?,
        function: row.text(2)?,
        vehicle: row.word(3)?,
        brand: row.word(4)?,
        region: row.word(5)?,
        starts_at: Timestamp(row.int(6)?),
        ends_at: row.opt_int(7)?.map(Timestamp),
    })
}

impl Store {
    /// The links of a person that are not over, in the order of the cars' ids.
    pub async fn links_of(&self, person: PersonId, now: Timestamp) -> Result<Vec<LinkRow>, Error> {
        let sql = select(
            LINK,
            " WHERE person_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY vehicle_id, link_id",
        );
        self.pool.fetch(sql, args![person, now]).await?.iter().map(link).collect()
    }

    /// The links to a car that are not over, the oldest first.
    pub async fn links_to(&self, vehicle: VehicleId, now: Timestamp) -> Result<Vec<LinkRow>, Error> {
        let sql = select(
            LINK,
            " WHERE vehicle_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY starts_at, link_id",
        );
        self.pool.fetch(sql, args![vehicle, now]).await?.iter().map(link).collect()
    }

    /// The code of this hash that a car shows now.
    pub async fn link_code(&self, hash: &str, now: Timestamp) -> Result<Option<LinkCodeRow>, Error> {
        let sql = "SELECT vehicle_id, kind, code_hash, shown_at, until_at FROM link_codes \
                   WHERE code_hash = $1 AND shown_at <= $2 AND until_at > $2";
        let row = self.pool.fetch_optional(sql, args![hash, now]).await?;
        row.map(|row| {
            Ok(LinkCodeRow {
                vehicle: row.word(0)?,
                kind: row.text(1)?,
                hash: row.text(2)?,
                shown_at: Timestamp(row.int(3)?),
                until: Timestamp(row.int(4)?),
            })
        })
        .transpose()
    }

    /// A car shows this code now, and no other any more.
    pub async fn show_link_code(&self, new: &LinkCodeRow) -> Result<(), Error> {
        let sql = "INSERT INTO link_codes (vehicle_id, kind, code_hash, shown_at, until_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (vehicle_id) DO UPDATE SET kind = excluded.kind, \
                   code_hash = excluded.code_hash, shown_at = excluded.shown_at, until_at = excluded.until_at";
        let args = args![new.vehicle, &new.kind, &new.hash, new.shown_at, new.until];
        self.pool.execute(sql, args).await.map(drop)
    }
}

impl Transaction {
    /// Ties a person to a car. A second owner is a conflict.
    pub async fn add_link(&mut self, new: &LinkRow) -> Result<(), Error> {
        let sql = "INSERT INTO links (link_id, person_id, person_function, vehicle_id, brand, region, starts_at, \
                   ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let args = args![
            &new.id,
            new.person,
            &new.function,
            new.vehicle,
            new.brand,
            &new.region,
            new.starts_at,
            new.ends_at
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Ends a link now; `false` when there is none, or it is over.
    pub async fn end_link(&mut self, vehicle: VehicleId, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE links SET ends_at = $3 WHERE vehicle_id = $1 AND link_id = $2 \
                   AND (ends_at IS NULL OR ends_at > $3)";
        Ok(self.execute(sql, args![vehicle, id, now]).await? == 1)
    }

    /// Takes the code that a car shows; `false` when somebody was faster, or it is not shown any more. It
    /// counts once.
    pub async fn take_link_code(&mut self, code: &LinkCodeRow, now: Timestamp) -> Result<bool, Error> {
        let sql = "DELETE FROM link_codes WHERE vehicle_id = $1 AND code_hash = $2 AND until_at > $3";
        Ok(self.execute(sql, args![code.vehicle, &code.hash, now]).await? == 1)
    }
}
