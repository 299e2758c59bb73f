//! Who is tied to which car, and the codes that cars show to tie somebody.

use model::{Brand, DataCategory, PersonId, Region, Timestamp, VehicleId};

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
    /// What of the car's data an access grant names; none for other links.
    pub categories: Option<Vec<DataCategory>>,
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

const LINK: &str = "SELECT link_id, person_id, person_function, vehicle_id, brand, region, starts_at, ends_at, NULL FROM links";

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
        categories: row.opt_text(8)?.map(|slugs| row.categories_of(8, &slugs)).transpose()?,
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

    /// The links that a person has through the fleet or the dealership that the account belongs to, by the
    /// function that makes use of them.
    pub async fn links_by_organisation(
        &self,
        person: PersonId,
        now: Timestamp,
    ) -> Result<Vec<LinkRow>, Error> {
        let sql = "SELECT l.membership_id, m.person_id, 'fleet-customer', l.vehicle_id, l.brand, l.region, \
                   l.starts_at, l.ends_at, NULL FROM members m \
                   JOIN organisations o ON o.organisation_id = m.organisation_id AND o.enabled = 1 \
                   JOIN fleet_memberships l ON l.organisation_id = m.organisation_id \
                   WHERE m.person_id = $1 AND (l.ends_at IS NULL OR l.ends_at > $2) \
                   UNION ALL \
                   SELECT l.access_grant_id, m.person_id, 'dealer', l.vehicle_id, l.brand, l.region, \
                   l.starts_at, l.ends_at, l.categories FROM members m \
                   JOIN organisations o ON o.organisation_id = m.organisation_id AND o.enabled = 1 \
                   JOIN access_grants l ON l.organisation_id = m.organisation_id \
                   WHERE m.person_id = $1 AND l.ends_at > $2";
        self.pool.fetch(sql, args![person, now]).await?.iter().map(link).collect()
    }

    /// Counts a guess at what else a code could do; it ends with the last that is allowed.
    pub async fn count_wrong_try(&self, code: &LinkCodeRow, tries_max: u8) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql =
            "UPDATE link_codes SET wrong_tries = wrong_tries + 1 WHERE vehicle_id = $1 AND code_hash = $2";
        tx.execute(sql, args![code.vehicle, &code.hash]).await?;
        let sql = "DELETE FROM link_codes WHERE vehicle_id = $1 AND wrong_tries >= $2";
        tx.execute(sql, args![code.vehicle, tries_max]).await?;
        tx.commit().await
    }

    /// A car shows this code now, and no other any more. Two cars that show the same code prove nothing: then
    /// neither counts, and the answer is `false`.
    pub async fn show_link_code(&self, new: &LinkCodeRow) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let sql =
            "DELETE FROM link_codes WHERE vehicle_id = $1 OR code_hash = $2 RETURNING vehicle_id, until_at";
        let mut is_alone = true;
        for row in tx.fetch(sql, args![new.vehicle, &new.hash]).await? {
            is_alone &= row.word::<VehicleId>(0)? == new.vehicle || row.int(1)? <= new.shown_at.0;
        }
        if is_alone {
            let sql = "INSERT INTO link_codes (vehicle_id, kind, code_hash, shown_at, until_at) \
                       VALUES ($1, $2, $3, $4, $5)";
            tx.execute(sql, args![new.vehicle, &new.kind, &new.hash, new.shown_at, new.until]).await?;
        }
        tx.commit().await?;
        Ok(is_alone)
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

    /// Ends all links of a function to a car; whose they were.
    pub async fn end_links(
        &mut self,
        vehicle: VehicleId,
        function: &str,
        now: Timestamp,
    ) -> Result<Vec<PersonId>, Error> {
        let sql = "UPDATE links SET ends_at = $3 WHERE vehicle_id = $1 AND person_function = $2 \
                   AND (ends_at IS NULL OR ends_at > $3) RETURNING person_id";
        self.fetch(sql, args![vehicle, function, now]).await?.iter().map(|row| row.word(0)).collect()
    }

    /// The car shows no code any more.
    pub async fn forget_link_code(&mut self, vehicle: VehicleId) -> Result<(), Error> {
        self.execute("DELETE FROM link_codes WHERE vehicle_id = $1", args![vehicle]).await.map(drop)
    }
}
