//! Machines of ours and their tokens, which are stored as hashes.

use model::{Brand, Micros, PersonId, Region, ServiceId, Timestamp};

use crate::{
    Error, Page, Store, Transaction,
    page::Cursor,
    sql::{Composed, Row, args, slugs},
    vehicles::Conditions,
};

/// How exactly it is known when a service was last seen: not each request writes.
const SEEN_EVERY: Micros = Micros::MINUTE;

/// A machine of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    pub id: ServiceId,
    pub name: String,
    pub brands: Vec<Brand>,
    pub region: Region,
    pub profiles: Vec<String>,
    pub enabled: bool,
    pub created_at: Timestamp,
    /// None of those that the platform itself made.
    pub created_by: Option<PersonId>,
    pub last_seen_at: Option<Timestamp>,
}

const SERVICE: &str = "SELECT services.service_id, name, brands, region, profiles, enabled, services.created_at, \
                       created_by, last_seen_at FROM services";

fn select(rest: &'static str) -> Composed {
    let mut sql = Composed::new(SERVICE);
    sql.push(rest);
    sql
}

fn service(row: &Row) -> Result<ServiceRow, Error> {
    Ok(ServiceRow {
        id: row.word(0)?,
        name: row.text(1)?,
        brands: row.brands(2)?,
        region: row.word(3)?,
        profiles: row.text(4)?.split(',').map(str::to_owned).collect(),
        enabled: row.flag(5)?,
        created_at: Timestamp(row.int(6)?),
        created_by: row.opt_word(7)?,
        last_seen_at: row.opt_int(8)?.map(Timestamp),
    })
}

impl Store {
    pub async fn service(&self, id: ServiceId) -> Result<Option<ServiceRow>, Error> {
        let sql = select(" WHERE service_id = $1");
        self.pool.fetch_optional(sql, args![id]).await?.as_ref().map(service).transpose()
    }

    /// The enabled service of this name.
    pub async fn service_named(&self, name: &str) -> Result<Option<ServiceRow>, Error> {
        let sql = select(" WHERE name = $1 AND enabled = 1");
        self.pool.fetch_optional(sql, args![name]).await?.as_ref().map(service).transpose()
    }

    /// Services of some of these brands, or of all, in the order of ids; also those that were disabled.
    pub async fn services(
        &self,
        brands: Option<&[Brand]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<ServiceRow>, Error> {
        let mut query = Conditions::new(SERVICE);
        if let Some(brands) = brands {
            query.and_part("").names_one_of("brands", brands);
        }
        if let Some(cursor) = after {
            query.and("service_id > ", cursor.key().into());
        }
        query.end(" ORDER BY service_id LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let services = rows.iter().map(service).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(services, limit, |service| service.id.to_string()))
    }

    /// The enabled service that a token is of, while it counts.
    pub async fn service_of_token(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ServiceRow>, Error> {
        let sql = select(
            " JOIN service_tokens ON service_tokens.service_id = services.service_id \
             WHERE token_hash = $1 AND expires_at > $2 AND enabled = 1",
        );
        self.pool.fetch_optional(sql, args![token_hash, now]).await?.as_ref().map(service).transpose()
    }

    /// Notes when a service was last seen, to the minute.
    pub async fn note_seen(&self, service: &ServiceRow, now: Timestamp) -> Result<(), Error> {
        if service.last_seen_at.is_some_and(|seen| now.since(seen) < SEEN_EVERY) {
            return Ok(());
        }
        let sql = "UPDATE services SET last_seen_at = $2 WHERE service_id = $1";
        self.pool.execute(sql, args![service.id, now]).await.map(drop)
    }

    /// Forgets tokens that count no more; how many.
    pub async fn forget_service_tokens(&self, now: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM service_tokens WHERE expires_at <= $1", args![now]).await
    }
}

impl Transaction {
    /// Adds a service; `false` when an enabled one has the name.
    pub async fn add_service(&mut self, new: &ServiceRow) -> Result<bool, Error> {
        let added = self
            .execute(
                "INSERT INTO services (service_id, name, brands, region, profiles, enabled, created_at, created_by) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) WHERE enabled = 1 DO NOTHING",
                args![
                    new.id,
                    &new.name,
                    slugs(&new.brands),
                    &new.region,
                    new.profiles.join(","),
                    new.enabled,
                    new.created_at,
                    new.created_by
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// Gives an enabled service a token; those before end at `overlap_ends` at the latest. `false` when there is
    /// no such service.
    pub async fn rotate_service_token(
        &mut self,
        service: ServiceId,
        token_hash: &str,
        now: Timestamp,
        overlap_ends: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        // First the service's row: in PostgreSQL whoever disables it meanwhile waits, or was faster.
        let lock = "UPDATE services SET region = region WHERE service_id = $1 AND enabled = 1";
        if self.execute(lock, args![service]).await? == 0 {
            return Ok(false);
        }
        // Of those before, one is enough: whoever renews without an end has two.
        let sql = "DELETE FROM service_tokens WHERE service_id = $1 AND token_hash NOT IN (SELECT token_hash \
                   FROM service_tokens WHERE service_id = $1 ORDER BY created_at DESC, token_hash LIMIT 1)";
        self.execute(sql, args![service]).await?;
        let sql = "UPDATE service_tokens SET expires_at = $2 WHERE service_id = $1 AND expires_at > $2";
        self.execute(sql, args![service, overlap_ends]).await?;
        let sql = "INSERT INTO service_tokens (token_hash, service_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
        self.execute(sql, args![token_hash, service, now, expires_at]).await?;
        Ok(true)
    }

    /// Disables a service for good, with all its tokens; `false` when it was already.
    pub async fn disable_service(&mut self, service: ServiceId) -> Result<bool, Error> {
        let sql = "UPDATE services SET enabled = 0 WHERE service_id = $1 AND enabled = 1";
        let changed = self.execute(sql, args![service]).await?;
        self.execute("DELETE FROM service_tokens WHERE service_id = $1", args![service]).await?;
        Ok(changed == 1)
    }
}
