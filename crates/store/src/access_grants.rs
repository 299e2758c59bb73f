//! Dealerships' access to cars.

use model::{Brand, DataCategory, OrganisationId, PersonId, Region, Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Row, args, select},
};

/// A dealership's access to a car, for a time and some categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessGrantRow {
    pub id: String,
    pub vehicle: VehicleId,
    pub dealership: OrganisationId,
    /// As it was when it began.
    pub brand: Brand,
    pub region: Region,
    pub categories: Vec<DataCategory>,
    pub given_by: PersonId,
    /// Redeemed by the code shown in the car, not given by its owner.
    pub by_code: bool,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Whose access grants to read.
#[derive(Debug, Clone, Copy)]
pub enum GrantsOf {
    /// Those to a car since its ownership interval began: what was before is its former owner's.
    Vehicle {
        vehicle: VehicleId,
        since: Timestamp,
    },
    Dealership(OrganisationId),
}

const GRANT: &str = "SELECT access_grant_id, vehicle_id, organisation_id, brand, region, categories, given_by, \
                     by_code, starts_at, ends_at FROM access_grants";

fn grant(row: &Row) -> Result<AccessGrantRow, Error> {
    Ok(AccessGrantRow {
        id: row.text(0)?,
        vehicle: row.word(1)?,
        dealership: row.word(2)?,
        brand: row.word(3)?,
        region: row.word(4)?,
        categories: row.categories_of(5, &row.text(5)?)?,
        given_by: row.word(6)?,
        by_code: row.flag(7)?,
        starts_at: Timestamp(row.int(8)?),
        ends_at: Timestamp(row.int(9)?),
    })
}

impl Store {
    /// An access grant to a car that is not over.
    pub async fn access_grant(
        &self,
        vehicle: VehicleId,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<AccessGrantRow>, Error> {
        let sql = select(GRANT, " WHERE vehicle_id = $1 AND access_grant_id = $2 AND ends_at > $3");
        self.pool.fetch_optional(sql, args![vehicle, id, now]).await?.as_ref().map(grant).transpose()
    }

    /// The newest access grants first, also those that are over.
    pub async fn access_grants(&self, of: GrantsOf, limit: u32) -> Result<Vec<AccessGrantRow>, Error> {
        let rows = match of {
            GrantsOf::Vehicle { vehicle, since } => {
                let sql = select(
                    GRANT,
                    " WHERE vehicle_id = $1 AND starts_at >= $2 ORDER BY starts_at DESC, access_grant_id LIMIT $3",
                );
                self.pool.fetch(sql, args![vehicle, since, limit]).await?
            }
            GrantsOf::Dealership(dealership) => {
                let sql = select(
                    GRANT,
                    " WHERE organisation_id = $1 ORDER BY starts_at DESC, access_grant_id LIMIT $2",
                );
                self.pool.fetch(sql, args![dealership, limit]).await?
            }
        };
        rows.iter().map(grant).collect()
    }
}

impl Transaction {
    pub async fn add_access_grant(&mut self, new: &AccessGrantRow) -> Result<(), Error> {
        let categories: Vec<&str> = new.categories.iter().map(|category| category.slug()).collect();
        let sql = "INSERT INTO access_grants (access_grant_id, vehicle_id, organisation_id, brand, region, \
                   categories, given_by, by_code, starts_at, ends_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let args = args![
            &new.id,
            new.vehicle,
            new.dealership,
            new.brand,
            &new.region,
            categories.join(","),
            new.given_by,
            new.by_code,
            new.starts_at,
            new.ends_at
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Ends an access grant to a car; `false` when it is over already.
    pub async fn end_access_grant(
        &mut self,
        vehicle: VehicleId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "UPDATE access_grants SET ends_at = $3 \
                   WHERE vehicle_id = $1 AND access_grant_id = $2 AND ends_at > $3";
        Ok(self.execute(sql, args![vehicle, id, now]).await? == 1)
    }

    /// Ends all access grants to a car; the dealerships that had one.
    pub async fn end_access_grants(
        &mut self,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Vec<OrganisationId>, Error> {
        let sql = "UPDATE access_grants SET ends_at = $2 WHERE vehicle_id = $1 AND ends_at > $2 \
                   RETURNING organisation_id";
        self.fetch(sql, args![vehicle, now]).await?.iter().map(|row| row.word(0)).collect()
    }
}
