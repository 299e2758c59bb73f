//! Which vehicles a selector chooses.

use model::VehicleId;

use super::Selector;
use crate::{Error, Transaction, sql::Arg, vehicles::Conditions};

impl Transaction {
    /// In the order of their ids.
    pub(super) async fn matching(&mut self, selector: &Selector) -> Result<Vec<VehicleId>, Error> {
        let Selector { brands, regions, models, vehicles } = selector;
        if brands.is_empty() && regions.is_empty() && models.is_empty() && vehicles.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Conditions::new("SELECT vehicle_id FROM vehicles");
        if !brands.is_empty() {
            query.and_in("brand", brands.iter().map(|brand| (*brand).into()).collect());
        }
        if !regions.is_empty() {
            query.and_in("region", regions.iter().map(|region| region.as_str().into()).collect());
        }
        if !models.is_empty() {
            query.and_in("model", models.iter().map(Arg::from).collect());
        }
        if !vehicles.is_empty() {
            query.and_in("vehicle_id", vehicles.iter().map(|id| (*id).into()).collect());
        }
        query.end_part(" ORDER BY vehicle_id");
        let rows = self.fetch(query.sql, &query.args).await?;
        rows.iter().map(|row| row.word(0)).collect()
    }
}
