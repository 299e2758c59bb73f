//! Campaigns, their versions, and which vehicles have them. Documents are texts that the API reads.

use std::collections::HashSet;

use model::{Brand, CampaignId, CampaignVersion, Purpose, Region, Timestamp, VehicleId};

use crate::{
    Cursor, Error, Page, Store, Transaction,
    sql::{Arg, Row, args, row, slugs},
    vehicles::Conditions,
};

mod choice;

/// A campaign's new document, and what lists show of it.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    /// As the API speaks it.
    pub document: String,
    pub name: String,
    pub purpose: Purpose,
    /// How many signals it collects.
    pub signals: u32,
}

/// A campaign in a list: a page of whole documents could have 150 MB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignSummary {
    pub id: CampaignId,
    pub version: CampaignVersion,
    pub name: String,
    pub purpose: Purpose,
    pub signals: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Vehicles of the brands asked for that it is assigned to.
    pub assigned: u64,
    /// Whose vehicles may have it.
    pub brands: Vec<Brand>,
    /// Since when no car collects for it.
    pub ended_at: Option<Timestamp>,
}

/// A campaign as those see it who look at one of its vehicles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignName {
    pub id: CampaignId,
    pub version: CampaignVersion,
    pub name: String,
}

/// A campaign in its newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRow {
    pub id: CampaignId,
    pub version: CampaignVersion,
    pub document: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Vehicles of the brands asked for that it is assigned to.
    pub assigned: u64,
    /// Whose vehicles may have it.
    pub brands: Vec<Brand>,
    /// Since when no car collects for it.
    pub ended_at: Option<Timestamp>,
}

/// Which vehicles: those that match every list that is not empty. All lists empty is no vehicle.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    pub brands: Vec<Brand>,
    pub regions: Vec<Region>,
    pub models: Vec<String>,
    pub vehicles: Vec<VehicleId>,
}

/// What an assignment did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub matched: u64,
    /// Vehicles that did not have the campaign before.
    pub added: Vec<VehicleId>,
}

/// What taking vehicles out of a campaign did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unassignment {
    pub matched: u64,
    /// Vehicles that had the campaign until now.
    pub removed: Vec<VehicleId>,
}

/// A campaign that a vehicle has, or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCampaign {
    pub id: CampaignId,
    /// Since when the vehicle shall not collect for it any more.
    pub ended_at: Option<Timestamp>,
}

/// How far the vehicles of a campaign are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusCounts {
    pub assigned: u64,
    /// They report that they run what they shall.
    pub applied: u64,
    /// They report an error about what they shall run.
    pub failed: u64,
}

fn campaign(row: &Row) -> Result<CampaignRow, Error> {
    Ok(CampaignRow {
        id: CampaignId(row.number(0)?),
        version: CampaignVersion(row.number(1)?),
        document: row.text(2)?,
        created_at: Timestamp(row.int(3)?),
        updated_at: Timestamp(row.int(4)?),
        assigned: row.count(5)?,
        brands: row.brands(6)?,
        ended_at: row.opt_int(7)?.map(Timestamp),
    })
}

fn summary(row: &Row) -> Result<CampaignSummary, Error> {
    Ok(CampaignSummary {
        id: CampaignId(row.number(0)?),
        version: CampaignVersion(row.number(1)?),
        name: row.text(2)?,
        purpose: row.word(3)?,
        signals: row.number(4)?,
        created_at: Timestamp(row.int(5)?),
        updated_at: Timestamp(row.int(6)?),
        assigned: row.count(7)?,
        brands: row.brands(8)?,
        ended_at: row.opt_int(9)?.map(Timestamp),
    })
}

const SUMMARIES: &str =
    "SELECT c.campaign_id, c.version, v.name, v.purpose, v.signals, c.created_at, c.updated_at";
const WHOLE: &str = "SELECT c.campaign_id, c.version, v.document, c.created_at, c.updated_at";

/// These columns, how many vehicles of the brands have the campaign, its brands and its end. All brands without any.
fn campaigns_in<'a>(columns: &'static str, brands: Option<&[Brand]>) -> Conditions<'a> {
    let mut query = Conditions::new(columns);
    query.part(", (SELECT COUNT(*) FROM assignments a");
    of_brands(&mut query, brands);
    query.part(
        " WHERE a.campaign_id = c.campaign_id AND a.ended_at IS NULL), c.brands, c.ended_at FROM campaigns c \
         JOIN campaign_versions v ON v.campaign_id = c.campaign_id AND v.version = c.version",
    );
    query
}

/// Only assignments of vehicles of the brands.
fn of_brands(query: &mut Conditions<'_>, brands: Option<&[Brand]>) {
    if let Some(brands) = brands {
        query.part(" JOIN vehicles ON vehicles.vehicle_id = a.vehicle_id AND vehicles.brand IN ");
        query.values(brands.iter().map(|brand| (*brand).into()).collect());
    }
}

impl Store {
    /// Its vehicles are counted in these brands, or in all.
    pub async fn campaign(&self, id: CampaignId, brands: Option<&[Brand]>) -> Result<CampaignRow, Error> {
        let mut query = campaigns_in(WHOLE, brands);
        query.and("c.campaign_id = ", id.0.into());
        let row = self.pool.fetch_optional(query.sql, &query.args).await?;
        campaign(&row.ok_or(Error::NotFound { what: "campaign" })?)
    }

    /// One page, the newest first, of campaigns that have one of the brands. Vehicles are counted in these.
    pub async fn campaigns(
        &self,
        brands: Option<&[Brand]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CampaignSummary>, Error> {
        let mut query = campaigns_in(SUMMARIES, brands);
        if let Some(brands) = brands {
            query.and_part("").names_one_of("c.brands", brands);
        }
        if let Some(cursor) = after {
            query.and("c.campaign_id < ", cursor.number::<i64>()?.into());
        }
        query.end(" ORDER BY c.campaign_id DESC LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| item.id.to_string()))
    }

    /// The campaigns of a vehicle, by their numbers. How many other vehicles have them is not counted: the page
    /// of a vehicle is read often.
    pub async fn campaigns_of_vehicle(&self, vehicle: VehicleId) -> Result<Vec<CampaignName>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT c.campaign_id, c.version, v.name FROM assignments a \
                 JOIN campaigns c ON c.campaign_id = a.campaign_id \
                 JOIN campaign_versions v ON v.campaign_id = c.campaign_id AND v.version = c.version \
                 WHERE a.vehicle_id = $1 AND a.ended_at IS NULL ORDER BY c.campaign_id",
                args![vehicle],
            )
            .await?;
        let name = |row: &Row| {
            Ok(CampaignName {
                id: CampaignId(row.number(0)?),
                version: CampaignVersion(row.number(1)?),
                name: row.text(2)?,
            })
        };
        rows.iter().map(name).collect()
    }

    /// A version's document; `None` when there is no such version.
    pub async fn campaign_document(
        &self,
        id: CampaignId,
        version: CampaignVersion,
    ) -> Result<Option<String>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT document FROM campaign_versions WHERE campaign_id = $1 AND version = $2",
                args![id.0, version.0],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// How far the campaign's vehicles of these brands, or of all, are; `kind` is the desired state that carries
    /// campaigns.
    pub async fn campaign_status(
        &self,
        id: CampaignId,
        brands: Option<&[Brand]>,
        kind: &str,
    ) -> Result<StatusCounts, Error> {
        let mut query = Conditions::new(
            "SELECT COUNT(*), \
             COALESCE(SUM(CASE WHEN r.version = d.version AND r.problem IS NULL THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN r.version = d.version AND r.problem IS NOT NULL THEN 1 ELSE 0 END), 0) \
             FROM assignments a",
        );
        of_brands(&mut query, brands);
        query.part(" LEFT JOIN desired d ON d.vehicle_id = a.vehicle_id AND d.kind = ").value(kind.into());
        query.part(" LEFT JOIN reported r ON r.vehicle_id = a.vehicle_id AND r.kind = ").value(kind.into());
        query.and("a.campaign_id = ", id.0.into());
        query.end_part(" AND a.ended_at IS NULL");
        let row = self.pool.fetch_optional(query.sql, &query.args).await?;
        let row = row.ok_or(Error::NotFound { what: "campaign" })?;
        Ok(StatusCounts { assigned: row.count(0)?, applied: row.count(1)?, failed: row.count(2)? })
    }
}

impl Transaction {
    /// Only vehicles of these brands may have it.
    pub async fn add_campaign(
        &mut self,
        new: &NewCampaign,
        brands: &[Brand],
        now: Timestamp,
    ) -> Result<CampaignId, Error> {
        let row = self
            .fetch_optional(
                "UPDATE counters SET value = value + 1 WHERE name = 'campaign' RETURNING value",
                &[],
            )
            .await?;
        let id = CampaignId(row.ok_or(Error::NotFound { what: "counter of campaigns" })?.number(0)?);
        self.execute(
            "INSERT INTO campaigns (campaign_id, version, created_at, updated_at, brands) VALUES ($1, 1, $2, $2, $3)",
            args![id.0, now, slugs(brands)],
        )
        .await?;
        self.add_version(id, CampaignVersion(1), new, now).await?;
        Ok(id)
    }

    /// Gives a campaign its next version. `expected` is the version that the caller has read.
    pub async fn change_campaign(
        &mut self,
        id: CampaignId,
        expected: CampaignVersion,
        new: &NewCampaign,
        now: Timestamp,
    ) -> Result<CampaignVersion, Error> {
        let changed = self
            .execute(
                "UPDATE campaigns SET version = version + 1, updated_at = $3 \
                 WHERE campaign_id = $1 AND version = $2 AND ended_at IS NULL",
                args![id.0, expected.0, now],
            )
            .await?;
        if changed != 1 {
            // One that runs has another version.
            self.check_runs(id).await?;
            return Err(Error::Conflict { what: "the campaign was changed meanwhile; read it again" });
        }
        let version = CampaignVersion(expected.0 + 1);
        self.add_version(id, version, new, now).await?;
        Ok(version)
    }

    async fn add_version(
        &mut self,
        id: CampaignId,
        version: CampaignVersion,
        new: &NewCampaign,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.execute(
            "INSERT INTO campaign_versions (campaign_id, version, document, name, purpose, signals, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![
                id.0,
                version.0,
                new.document.as_str(),
                new.name.as_str(),
                new.purpose.slug(),
                new.signals,
                now
            ],
        )
        .await
        .map(drop)
    }

    /// Assigns a campaign to all vehicles that the selector matches.
    pub async fn assign(
        &mut self,
        id: CampaignId,
        selector: &Selector,
        now: Timestamp,
    ) -> Result<Assignment, Error> {
        self.hold(id).await?;
        let matched = self.matching(selector).await?;
        let have: HashSet<VehicleId> = self.assigned_vehicles(id).await?.into_iter().collect();
        let added: Vec<VehicleId> =
            matched.iter().copied().filter(|vehicle| !have.contains(vehicle)).collect();
        let rows: Vec<Vec<Arg<'_>>> = added.iter().map(|vehicle| row![id.0, *vehicle, now]).collect();
        self.insert(
            "INSERT INTO assignments (campaign_id, vehicle_id, assigned_at)",
            &rows,
            "ON CONFLICT (campaign_id, vehicle_id) DO UPDATE SET assigned_at = excluded.assigned_at, \
             ended_at = NULL",
        )
        .await?;
        Ok(Assignment { matched: u64::try_from(matched.len()).unwrap_or(u64::MAX), added })
    }

    /// Takes all vehicles that the selector matches out of a campaign.
    pub async fn unassign(
        &mut self,
        id: CampaignId,
        selector: &Selector,
        now: Timestamp,
    ) -> Result<Unassignment, Error> {
        self.hold(id).await?;
        let matched = self.matching(selector).await?;
        let mut removed = self.assigned_vehicles(id).await?;
        let wanted: HashSet<VehicleId> = matched.iter().copied().collect();
        removed.retain(|vehicle| wanted.contains(vehicle));
        let keys: Vec<Arg<'_>> = removed.iter().map(|vehicle| (*vehicle).into()).collect();
        self.execute_in(
            "UPDATE assignments SET ended_at = $2 WHERE campaign_id = $1 AND vehicle_id",
            args![id.0, now],
            &keys,
        )
        .await?;
        Ok(Unassignment { matched: u64::try_from(matched.len()).unwrap_or(u64::MAX), removed })
    }

    /// Ends a campaign for good, and says which vehicles had it until now; none if it has ended before.
    pub async fn end_campaign(&mut self, id: CampaignId, now: Timestamp) -> Result<Vec<VehicleId>, Error> {
        let known = self
            .execute(
                "UPDATE campaigns SET ended_at = COALESCE(ended_at, $2) WHERE campaign_id = $1",
                args![id.0, now],
            )
            .await?;
        if known == 0 {
            return Err(Error::NotFound { what: "campaign" });
        }
        let vehicles = self.assigned_vehicles(id).await?;
        self.execute(
            "UPDATE assignments SET ended_at = $2 WHERE campaign_id = $1 AND ended_at IS NULL",
            args![id.0, now],
        )
        .await?;
        Ok(vehicles)
    }

    /// Lets nobody else change the campaign before this transaction is over. One that has ended is a conflict.
    async fn hold(&mut self, id: CampaignId) -> Result<(), Error> {
        let held = self
            .execute(
                "UPDATE campaigns SET updated_at = updated_at WHERE campaign_id = $1 AND ended_at IS NULL",
                args![id.0],
            )
            .await?;
        if held == 1 { Ok(()) } else { self.check_runs(id).await }
    }

    async fn check_runs(&mut self, id: CampaignId) -> Result<(), Error> {
        let row = self
            .fetch_optional("SELECT ended_at FROM campaigns WHERE campaign_id = $1", args![id.0])
            .await?
            .ok_or(Error::NotFound { what: "campaign" })?;
        match row.opt_int(0)? {
            Some(_) => Err(Error::Conflict { what: "the campaign has ended; create another one" }),
            None => Ok(()),
        }
    }

    /// The vehicles that have a campaign.
    pub async fn assigned_vehicles(&mut self, id: CampaignId) -> Result<Vec<VehicleId>, Error> {
        let rows = self
            .fetch(
                "SELECT vehicle_id FROM assignments WHERE campaign_id = $1 AND ended_at IS NULL \
                 ORDER BY vehicle_id",
                args![id.0],
            )
            .await?;
        rows.iter().map(|row| row.word(0)).collect()
    }

    /// Each vehicle's campaigns, for vehicles that have any; by vehicle and campaign.
    pub async fn campaigns_of(
        &mut self,
        vehicles: &[VehicleId],
    ) -> Result<Vec<(VehicleId, Vec<CampaignId>)>, Error> {
        let select = "SELECT vehicle_id, campaign_id FROM assignments WHERE ended_at IS NULL AND vehicle_id";
        self.campaign_sets(select, vehicles, |row| Ok(CampaignId(row.number(1)?))).await
    }

    /// The same with the campaigns that vehicles had once: what they queued for these may still come.
    pub async fn campaigns_ever_of(
        &mut self,
        vehicles: &[VehicleId],
    ) -> Result<Vec<(VehicleId, Vec<HeldCampaign>)>, Error> {
        let select = "SELECT vehicle_id, campaign_id, ended_at FROM assignments WHERE vehicle_id";
        let held = |row: &Row| {
            let ended_at = row.opt_int(2)?.map(Timestamp);
            Ok(HeldCampaign { id: CampaignId(row.number(1)?), ended_at })
        };
        self.campaign_sets(select, vehicles, held).await
    }

    async fn campaign_sets<T>(
        &mut self,
        select: &'static str,
        vehicles: &[VehicleId],
        read: fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<(VehicleId, Vec<T>)>, Error> {
        let keys: Vec<Arg<'_>> = vehicles.iter().map(|vehicle| (*vehicle).into()).collect();
        let rows = self.fetch_in(select, &[], &keys, "ORDER BY vehicle_id, campaign_id").await?;
        let mut sets: Vec<(VehicleId, Vec<T>)> = Vec::new();
        for row in &rows {
            let (vehicle, campaign) = (row.word(0)?, read(row)?);
            match sets.last_mut() {
                Some((last, campaigns)) if *last == vehicle => campaigns.push(campaign),
                Some(_) | None => sets.push((vehicle, vec![campaign])),
            }
        }
        Ok(sets)
    }

    /// The newest documents of these campaigns.
    pub async fn campaign_documents(
        &mut self,
        ids: &[CampaignId],
    ) -> Result<Vec<(CampaignId, CampaignVersion, String)>, Error> {
        let keys: Vec<Arg<'_>> = ids.iter().map(|id| id.0.into()).collect();
        let rows = self
            .fetch_in(
                "SELECT c.campaign_id, c.version, v.document FROM campaigns c \
                 JOIN campaign_versions v ON v.campaign_id = c.campaign_id AND v.version = c.version \
                 WHERE c.campaign_id",
                &[],
                &keys,
                "ORDER BY c.campaign_id",
            )
            .await?;
        let document =
            |row: &Row| Ok((CampaignId(row.number(0)?), CampaignVersion(row.number(1)?), row.text(2)?));
        rows.iter().map(document).collect()
    }
}
