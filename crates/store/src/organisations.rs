//! Fleets and dealerships, and who belongs to them.

use std::collections::HashMap;

use model::{Brand, OrganisationId, PersonId, Region, Timestamp};

use crate::{
    Error, Page, Store, Transaction,
    page::Cursor,
    sql::{Row, args, select, slugs},
    vehicles::Conditions,
};

/// A fleet or a dealership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganisationRow {
    pub id: OrganisationId,
    pub kind: String,
    pub name: String,
    pub brands: Vec<Brand>,
    pub region: Region,
    pub enabled: bool,
    pub created_at: Timestamp,
    pub created_by: PersonId,
}

const ORGANISATION: &str = "SELECT organisation_id, kind, name, brands, region, enabled, created_at, created_by \
                            FROM organisations";

fn organisation(row: &Row) -> Result<OrganisationRow, Error> {
    Ok(OrganisationRow {
        id: row.word(0)?,
        kind: row.text(1)?,
        name: row.text(2)?,
        brands: row.brands(3)?,
        region: row.word(4)?,
        enabled: row.flag(5)?,
        created_at: Timestamp(row.int(6)?),
        created_by: row.word(7)?,
    })
}

impl Store {
    pub async fn organisation(&self, id: OrganisationId) -> Result<Option<OrganisationRow>, Error> {
        let sql = select(ORGANISATION, " WHERE organisation_id = $1");
        self.pool.fetch_optional(sql, args![id]).await?.as_ref().map(organisation).transpose()
    }

    /// One page in the order of ids, of those that have one of the brands: all, or those of a kind that are enabled.
    pub async fn organisations(
        &self,
        brands: Option<&[Brand]>,
        enabled_kind: Option<&str>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<OrganisationRow>, Error> {
        let mut query = Conditions::new(ORGANISATION);
        if let Some(brands) = brands {
            query.and_part("").names_one_of("brands", brands);
        }
        if let Some(kind) = enabled_kind {
            query.and("kind = ", kind.into());
            query.and("enabled = ", true.into());
        }
        if let Some(cursor) = after {
            query.and("organisation_id > ", cursor.key().into());
        }
        query.end(" ORDER BY organisation_id LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(organisation).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| item.id.to_string()))
    }

    /// The organisations that accounts belong to, also those that are disabled.
    pub async fn memberships(&self, people: &[PersonId]) -> Result<HashMap<PersonId, OrganisationId>, Error> {
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = Conditions::new("SELECT person_id, organisation_id FROM members");
        query.and_in("person_id", people.iter().map(|person| (*person).into()).collect());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        rows.iter().map(|row| Ok((row.word(0)?, row.word(1)?))).collect()
    }

    /// The organisation that an account belongs to, unless it is disabled.
    pub async fn organisation_of(&self, person: PersonId) -> Result<Option<OrganisationRow>, Error> {
        let sql = select(
            ORGANISATION,
            " WHERE enabled = 1 AND organisation_id = (SELECT organisation_id FROM members WHERE person_id = $1)",
        );
        self.pool.fetch_optional(sql, args![person]).await?.as_ref().map(organisation).transpose()
    }
}

impl Transaction {
    pub async fn add_organisation(&mut self, new: &OrganisationRow) -> Result<(), Error> {
        let sql = "INSERT INTO organisations (organisation_id, kind, name, brands, region, enabled, created_at, \
                   created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let args = args![
            new.id,
            &new.kind,
            &new.name,
            slugs(&new.brands),
            &new.region,
            new.enabled,
            new.created_at,
            new.created_by
        ];
        self.execute(sql, args).await.map(drop)
    }

    /// Disables an organisation: its access to cars and its cars' memberships end. `false` when there is no
    /// such, or it is disabled already.
    pub async fn disable_organisation(&mut self, id: OrganisationId, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE organisations SET enabled = 0 WHERE organisation_id = $1 AND enabled = 1";
        if self.execute(sql, args![id]).await? == 0 {
            return Ok(false);
        }
        let sql = "UPDATE access_grants SET ends_at = $2 WHERE organisation_id = $1 AND ends_at > $2";
        self.execute(sql, args![id, now]).await?;
        let sql = "UPDATE fleet_memberships SET ends_at = $2 WHERE organisation_id = $1 AND ends_at IS NULL";
        self.execute(sql, args![id, now]).await?;
        Ok(true)
    }

    /// The account belongs to this organisation from now on.
    pub async fn join_organisation(
        &mut self,
        person: PersonId,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO members (person_id, organisation_id, joined_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (person_id) DO UPDATE SET organisation_id = excluded.organisation_id, \
                   joined_at = excluded.joined_at";
        self.execute(sql, args![person, organisation, now]).await.map(drop)
    }

    /// The account belongs to no organisation any more.
    pub async fn leave_organisation(&mut self, person: PersonId) -> Result<(), Error> {
        self.execute("DELETE FROM members WHERE person_id = $1", args![person]).await.map(drop)
    }

    /// Who belongs to an organisation.
    pub async fn members_of(&mut self, organisation: OrganisationId) -> Result<Vec<PersonId>, Error> {
        let sql = "SELECT person_id FROM members WHERE organisation_id = $1 ORDER BY person_id";
        self.fetch(sql, args![organisation]).await?.iter().map(|row| row.word(0)).collect()
    }
}
