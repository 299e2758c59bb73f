//! Cars whose identity is in quarantine.

use model::{Brand, Timestamp, VehicleId};

use crate::{
    Error, Page, Store, Transaction,
    page::Cursor,
    sql::{Arg, Row, args, select},
    vehicles::Conditions,
};

/// A car in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    pub vehicle: VehicleId,
    pub since: Timestamp,
    pub reason: String,
    /// Where its two connections came from, if it was they.
    pub networks: Option<(String, String)>,
}

const QUARANTINE: &str = "SELECT q.vehicle_id, q.since, q.reason, q.first_network, q.second_network, v.brand \
                          FROM quarantines q JOIN vehicles v ON v.vehicle_id = q.vehicle_id";

fn quarantine(row: &Row) -> Result<(QuarantineRow, Brand), Error> {
    let known = QuarantineRow {
        vehicle: row.word(0)?,
        since: Timestamp(row.int(1)?),
        reason: row.text(2)?,
        networks: row.opt_text(3)?.zip(row.opt_text(4)?),
    };
    Ok((known, row.word(5)?))
}

impl Store {
    pub async fn quarantine_of(&self, vehicle: VehicleId) -> Result<Option<(QuarantineRow, Brand)>, Error> {
        let sql = select(QUARANTINE, " WHERE q.vehicle_id = $1");
        self.pool.fetch_optional(sql, args![vehicle]).await?.as_ref().map(quarantine).transpose()
    }

    /// All cars in quarantine, in no order: they are few.
    pub async fn all_quarantines(&self) -> Result<Vec<QuarantineRow>, Error> {
        let sql = select(QUARANTINE, "");
        let rows = self.pool.fetch(sql, &[]).await?;
        rows.iter().map(|row| Ok(quarantine(row)?.0)).collect()
    }

    /// One page of the cars of some brands, or of all; those that were quarantined last come first.
    pub async fn quarantines(
        &self,
        brands: Option<&[Brand]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<(QuarantineRow, Brand)>, Error> {
        let mut query = Conditions::new(QUARANTINE);
        if let Some(brands) = brands {
            query.and_in("v.brand", brands.iter().map(|brand| (*brand).into()).collect());
        }
        if let Some(cursor) = after {
            let (since, vehicle) = cursor.key().split_once(' ').ok_or(Error::Cursor)?;
            let since: i64 = since.parse().map_err(|_| Error::Cursor)?;
            query.and_part("(q.since < ").value(since.into()).part(" OR (q.since = ").value(since.into());
            query.part(" AND q.vehicle_id > ").value(vehicle.into()).part("))");
        }
        query.end(" ORDER BY q.since DESC, q.vehicle_id LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(quarantine).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |(item, _)| format!("{} {}", item.since.0, item.vehicle)))
    }
}

impl Transaction {
    /// Puts a car into quarantine; `false` when it is there already.
    pub async fn add_quarantine(&mut self, new: &QuarantineRow) -> Result<bool, Error> {
        let (first, second) = new.networks.as_ref().map(|(one, two)| (one.as_str(), two.as_str())).unzip();
        let added = self
            .execute(
                "INSERT INTO quarantines (vehicle_id, since, reason, first_network, second_network) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (vehicle_id) DO NOTHING",
                args![new.vehicle, new.since, &new.reason, first, second],
            )
            .await?;
        Ok(added == 1)
    }

    /// Takes a car out of quarantine; `false` when it is in none.
    pub async fn remove_quarantine(&mut self, vehicle: VehicleId) -> Result<bool, Error> {
        let sql = "DELETE FROM quarantines WHERE vehicle_id = $1";
        Ok(self.execute(sql, args![vehicle]).await? == 1)
    }

    /// Which of these cars are in quarantine.
    pub async fn quarantined(&mut self, vehicles: &[VehicleId]) -> Result<Vec<VehicleId>, Error> {
        let keys: Vec<Arg<'_>> = vehicles.iter().map(|vehicle| Arg::from(*vehicle)).collect();
        let rows =
            self.fetch_in("SELECT vehicle_id FROM quarantines WHERE vehicle_id", &[], &keys, "").await?;
        rows.iter().map(|row| row.word(0)).collect()
    }
}
