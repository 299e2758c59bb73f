//! The registry of vehicles. VINs go in and are compared; no query gives them out.

use model::{Brand, Region, SubjectId, Timestamp, VehicleId, Vin};

use crate::{
    Cursor, Error, Page, Store, Transaction,
    sql::{Arg, Composed, Row, args, row},
};

/// A vehicle to register, with the ids that the caller drew.
#[derive(Debug, Clone)]
pub struct NewVehicle {
    pub vehicle: VehicleId,
    /// Its first ownership interval.
    pub subject: SubjectId,
    pub vin: Vin,
    pub brand: Brand,
    pub model: String,
    pub model_year: u16,
    pub architecture: String,
    pub region: Region,
}

/// A registered vehicle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vehicle {
    pub vehicle: VehicleId,
    pub brand: Brand,
    pub model: String,
    pub model_year: u16,
    pub architecture: String,
    pub region: Region,
    pub created_at: Timestamp,
}

/// Which vehicles to list; all that is given must match.
#[derive(Debug, Clone, Default)]
pub struct VehicleFilter {
    /// All without it.
    pub reach: Option<VehicleReach>,
    pub brand: Option<Brand>,
    pub region: Option<Region>,
    pub model: Option<String>,
    pub architecture: Option<String>,
    /// Found anywhere in id, brand, model and architecture, whatever the case.
    pub text: Option<String>,
}

/// Which vehicles somebody may see at all: those of brands, and some by themselves.
#[derive(Debug, Clone, Default)]
pub struct VehicleReach {
    pub brands: Vec<Brand>,
    pub vehicles: Vec<VehicleId>,
}

/// Registered vehicles of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetCount {
    pub brand: Brand,
    pub model: String,
    pub architecture: String,
    pub vehicles: u64,
}

const COLUMNS: &str =
    "SELECT vehicle_id, brand, model, model_year, architecture, region, created_at FROM vehicles";

fn vehicle(row: &Row) -> Result<Vehicle, Error> {
    Ok(Vehicle {
        vehicle: row.word(0)?,
        brand: row.word(1)?,
        model: row.text(2)?,
        model_year: row.number(3)?,
        architecture: row.text(4)?,
        region: row.word(5)?,
        created_at: Timestamp(row.int(6)?),
    })
}

impl Store {
    pub async fn vehicle(&self, id: VehicleId) -> Result<Vehicle, Error> {
        let mut sql = Composed::new(COLUMNS);
        sql.push(" WHERE vehicle_id = $1");
        let row = self.pool.fetch_optional(sql, args![id]).await?;
        vehicle(&row.ok_or(Error::NotFound { what: "vehicle" })?)
    }

    /// One page in the order of ids.
    pub async fn vehicles(
        &self,
        filter: &VehicleFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Vehicle>, Error> {
        let mut query = Conditions::new(COLUMNS);
        filter.apply(&mut query);
        if let Some(cursor) = after {
            query.and("vehicle_id > ", cursor.key().into());
        }
        query.end(" ORDER BY vehicle_id LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let items = rows.iter().map(vehicle).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(items, limit, |item| item.vehicle.to_string()))
    }

    pub async fn vehicle_by_vin(&self, vin: &Vin) -> Result<Option<Vehicle>, Error> {
        let mut sql = Composed::new(COLUMNS);
        sql.push(" WHERE vin = $1");
        self.pool.fetch_optional(sql, args![vin.reveal()]).await?.as_ref().map(vehicle).transpose()
    }

    /// How many vehicles of each kind there are.
    pub async fn fleet_counts(&self) -> Result<Vec<FleetCount>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT brand, model, architecture, COUNT(*) FROM vehicles \
                 GROUP BY brand, model, architecture ORDER BY brand, model, architecture",
                &[],
            )
            .await?;
        let count = |row: &Row| {
            Ok(FleetCount {
                brand: row.word(0)?,
                model: row.text(1)?,
                architecture: row.text(2)?,
                vehicles: row.count(3)?,
            })
        };
        rows.iter().map(count).collect()
    }
}

impl Transaction {
    /// Registers vehicles, each with its first subject. A VIN that is there already is a conflict, and
    /// nothing is registered.
    pub async fn add_vehicles(&mut self, vehicles: &[NewVehicle], now: Timestamp) -> Result<(), Error> {
        let taken = Error::Conflict {
            what: "the VIN is registered already; POST /v1/vehicles/search finds its vehicle",
        };
        let rows: Vec<_> = vehicles.iter().map(|new| vehicle_row(new, now)).collect();
        let inserted = self
            .insert(
                "INSERT INTO vehicles (vehicle_id, vin, brand, model, model_year, architecture, region, search, \
                 created_at)",
                &rows,
                "ON CONFLICT (vin) DO NOTHING",
            )
            .await?;
        if inserted != u64::try_from(vehicles.len()).unwrap_or(u64::MAX) {
            return Err(taken);
        }
        let rows: Vec<_> = vehicles.iter().map(|new| row![new.subject, new.vehicle, now, 0_i64]).collect();
        self.insert("INSERT INTO subjects (subject_id, vehicle_id, began_at, consent_epoch)", &rows, "")
            .await?;
        Ok(())
    }

    /// The vehicles that these VINs have already, each with the VIN's place in the list.
    pub async fn vehicles_by_vins(&mut self, vins: &[Vin]) -> Result<Vec<(usize, VehicleId)>, Error> {
        let mut found = Vec::new();
        let places: std::collections::HashMap<&str, usize> =
            vins.iter().enumerate().map(|(place, vin)| (vin.reveal(), place)).collect();
        let keys: Vec<Arg<'_>> = vins.iter().map(|vin| vin.reveal().into()).collect();
        let rows = self.fetch_in("SELECT vin, vehicle_id FROM vehicles WHERE vin", &[], &keys, "").await?;
        for row in &rows {
            if let Some(place) = places.get(row.text(0)?.as_str()) {
                found.push((*place, row.word(1)?));
            }
        }
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found)
    }
}

fn vehicle_row(new: &NewVehicle, now: Timestamp) -> Vec<Arg<'_>> {
    let search = format!("{} {} {} {}", new.vehicle, new.brand.slug(), new.model, new.architecture);
    row![
        new.vehicle,
        new.vin.reveal(),
        new.brand,
        &new.model,
        new.model_year,
        &new.architecture,
        new.region.as_str(),
        search.to_lowercase(),
        now,
    ]
}

impl VehicleFilter {
    fn apply<'a>(&'a self, query: &mut Conditions<'a>) {
        if let Some(VehicleReach { brands, vehicles }) = &self.reach {
            let brands = brands.iter().map(|brand| (*brand).into()).collect();
            let vehicles = vehicles.iter().map(|vehicle| (*vehicle).into()).collect();
            query.and_in_either(("brand", brands), ("vehicle_id", vehicles));
        }
        if let Some(brand) = self.brand {
            query.and("brand = ", brand.into());
        }
        if let Some(region) = &self.region {
            query.and("region = ", region.as_str().into());
        }
        if let Some(model) = &self.model {
            query.and("model = ", model.into());
        }
        if let Some(architecture) = &self.architecture {
            query.and("architecture = ", architecture.into());
        }
        if let Some(text) = &self.text {
            query.and("search LIKE ", like(text).into());
            query.end_part(" ESCAPE '!'");
        }
    }
}

/// The text anywhere; what LIKE would read as a pattern is taken literally.
pub(crate) fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// A query with as many conditions as are given.
pub(crate) struct Conditions<'a> {
    pub(crate) sql: Composed,
    pub(crate) args: Vec<Arg<'a>>,
    any: bool,
}

impl<'a> Conditions<'a> {
    pub(crate) fn new(select: &'static str) -> Self {
        Self { sql: Composed::new(select), args: Vec::new(), any: false }
    }

    /// One more condition: `column_and_operator` before the value.
    pub(crate) fn and(&mut self, column_and_operator: &'static str, value: Arg<'a>) {
        self.begin(column_and_operator);
        self.args.push(value);
        self.sql.param(self.args.len());
    }

    /// One more condition: the column is one of the values.
    pub(crate) fn and_in(&mut self, column: &'static str, values: Vec<Arg<'a>>) {
        self.begin(column);
        self.part(" IN ").values(values);
    }

    /// One more condition: one column or the other is one of its values.
    pub(crate) fn and_in_either(
        &mut self,
        one: (&'static str, Vec<Arg<'a>>),
        other: (&'static str, Vec<Arg<'a>>),
    ) {
        self.begin("(1 = 0");
        for (column, values) in [one, other] {
            if !values.is_empty() {
                self.part(" OR ").part(column).part(" IN ").values(values);
            }
        }
        self.sql.push(")");
    }

    /// One more condition of several parts and values, which follow.
    pub(crate) fn and_part(&mut self, part: &'static str) -> &mut Self {
        self.begin(part);
        self
    }

    /// Goes on with a value.
    pub(crate) fn value(&mut self, value: Arg<'a>) -> &mut Self {
        self.args.push(value);
        self.sql.param(self.args.len());
        self
    }

    /// Goes on with values in parentheses.
    pub(crate) fn values(&mut self, values: Vec<Arg<'a>>) -> &mut Self {
        self.sql.params(self.args.len() + 1, values.len());
        self.args.extend(values);
        self
    }

    /// Goes on with text.
    pub(crate) fn part(&mut self, part: &'static str) -> &mut Self {
        self.sql.push(part);
        self
    }

    /// Goes on with whether the column, which has slugs with commas, names one of the brands.
    pub(crate) fn names_one_of(&mut self, column: &'static str, brands: &[Brand]) -> &mut Self {
        self.part("(1 = 0");
        for brand in brands {
            self.part(" OR ',' || ").part(column).part(" || ',' LIKE ");
            self.value(format!("%,{},%", brand.slug()).into());
        }
        self.part(")")
    }

    /// The query's end with its last value.
    pub(crate) fn end(&mut self, part: &'static str, value: Arg<'a>) {
        self.args.push(value);
        self.sql.push(part).param(self.args.len());
    }

    pub(crate) fn end_part(&mut self, part: &'static str) {
        self.sql.push(part);
    }

    fn begin(&mut self, part: &'static str) {
        self.sql.push(if self.any { " AND " } else { " WHERE " }).push(part);
        self.any = true;
    }
}
