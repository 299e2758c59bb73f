//! Which brand and model carries which architecture, and what a simulator must know of it.

use std::{ops::RangeInclusive, sync::LazyLock};

use model::Brand;
use serde::Deserialize;

use super::builtin::{ARCHITECTURES, MODELS};
use crate::Error;

/// What drives a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Powertrain {
    /// A combustion engine.
    Ice,
    /// A combustion engine with a small battery that is never plugged in.
    Hybrid,
    /// A combustion engine and a battery that is plugged in.
    Phev,
    /// A battery alone.
    Ev,
}

impl Powertrain {
    pub const fn has_engine(self) -> bool {
        match self {
            Self::Ice | Self::Hybrid | Self::Phev => true,
            Self::Ev => false,
        }
    }

    pub const fn has_traction_battery(self) -> bool {
        match self {
            Self::Hybrid | Self::Phev | Self::Ev => true,
            Self::Ice => false,
        }
    }

    pub const fn can_charge(self) -> bool {
        match self {
            Self::Phev | Self::Ev => true,
            Self::Ice | Self::Hybrid => false,
        }
    }
}

/// How well a model's architecture is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// A source that NOTICE names says so.
    Documented,
    /// It shares its platform with a documented model.
    Likely,
    /// Nobody has published its buses.
    Assumed,
}

/// Where a model is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Market {
    /// Europe.
    Eu,
    /// North America.
    Na,
    /// Brazil.
    Br,
}

/// A model of a brand.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleModel {
    pub brand: Brand,
    pub name: String,
    /// Model years.
    pub years: RangeInclusive<u16>,
    /// One of [`ARCHITECTURES`].
    pub architecture: &'static str,
    pub certainty: Certainty,
    pub powertrain: Powertrain,
    pub markets: Vec<Market>,
    /// The first three characters of its VIN.
    pub wmi: String,
    pub mass_kg: f64,
    pub power_kw: f64,
    /// Usable; zero without a traction battery.
    pub battery_kwh: f64,
    /// Zero without a combustion engine.
    pub tank_l: f64,
    /// Drag coefficient times frontal area.
    pub drag_area_m2: f64,
    pub gears: u8,
    pub top_speed_kmh: f64,
}

/// All models, by brand.
#[derive(Debug)]
pub struct ModelTable {
    models: Vec<VehicleModel>,
}

static TABLE: LazyLock<ModelTable> =
    LazyLock::new(|| ModelTable::parse(MODELS).expect("the shipped table is checked by the crate's tests"));

impl ModelTable {
    /// The table that ships with Marque.
    pub fn builtin() -> &'static Self {
        &TABLE
    }

    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |problem: String| Error::Profile { profile: "models.toml".to_owned(), problem };
        let file: TableFile = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let models = file.model.into_iter().map(ModelFile::check).collect::<Result<Vec<_>, _>>();
        let mut models = models.map_err(refuse)?;
        models.sort_by(|a, b| (a.brand, &a.name).cmp(&(b.brand, &b.name)));
        Ok(Self { models })
    }

    /// Sorted by brand and name.
    pub fn models(&self) -> &[VehicleModel] {
        &self.models
    }

    pub fn of_brand(&self, brand: Brand) -> impl Iterator<Item = &VehicleModel> {
        self.models.iter().filter(move |model| model.brand == brand)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    model: Vec<ModelFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    brand: String,
    name: String,
    years: [u16; 2],
    architecture: String,
    certainty: Certainty,
    powertrain: Powertrain,
    markets: Vec<Market>,
    wmi: String,
    mass_kg: f64,
    power_kw: f64,
    battery_kwh: f64,
    tank_l: f64,
    drag_area_m2: f64,
    gears: u8,
    top_speed_kmh: f64,
}

impl ModelFile {
    fn check(self) -> Result<VehicleModel, String> {
        let problem = |problem: &str| format!("{} {}: {problem}", self.brand, self.name);
        let brand = self.brand.parse().map_err(|error: model::ParseError| problem(&error.to_string()))?;
        let architecture = ARCHITECTURES.iter().find(|name| **name == self.architecture);
        let architecture = architecture.ok_or_else(|| problem("unknown architecture"))?;
        let positive = [self.mass_kg, self.power_kw, self.drag_area_m2, self.top_speed_kmh];
        if positive.iter().any(|number| !number.is_finite() || *number <= 0.0) || self.gears == 0 {
            return Err(problem("mass, power, drag area, gears and top speed are above zero"));
        }
        if self.powertrain.has_engine() != (self.tank_l > 0.0) {
            return Err(problem("a car has a tank when it has an engine"));
        }
        if self.powertrain.has_traction_battery() != (self.battery_kwh > 0.0) {
            return Err(problem("a car has battery_kwh when it has a traction battery"));
        }
        if self.markets.is_empty() || self.years[0] > self.years[1] || self.wmi.len() != 3 {
            return Err(problem("it has at least one market, years in order and a WMI of 3 characters"));
        }
        Ok(VehicleModel {
            brand,
            years: self.years[0]..=self.years[1],
            architecture,
            name: self.name,
            certainty: self.certainty,
            powertrain: self.powertrain,
            markets: self.markets,
            wmi: self.wmi,
            mass_kg: self.mass_kg,
            power_kw: self.power_kw,
            battery_kwh: self.battery_kwh,
            tank_l: self.tank_l,
            drag_area_m2: self.drag_area_m2,
            gears: self.gears,
            top_speed_kmh: self.top_speed_kmh,
        })
    }
}
