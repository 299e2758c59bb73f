//! Which cars a fleet has: brands evenly, each brand's architectures evenly, everything from one seed.

use std::{collections::BTreeMap, sync::Arc};

use bus::profile::{ARCHITECTURES, Market, ModelTable, Profile, VehicleModel};
use model::{Brand, DataCategory, Purpose, Vin};

use crate::{car::Car, noise::Noise};

/// What a fleet is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FleetOptions {
    pub vehicles: usize,
    pub seed: u64,
    /// How many owners of a hundred let the platform know where their car is.
    pub location_percent: f64,
    /// How many grant nothing that tells of a person.
    pub private_percent: f64,
}

impl FleetOptions {
    pub const SEED: u64 = 2_026;

    pub fn new(vehicles: usize) -> Self {
        Self { vehicles, seed: Self::SEED, location_percent: 85.0, private_percent: 4.0 }
    }
}

/// What an owner lets the platform have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    /// All that the car has to say.
    Open,
    /// All but where the car is.
    NoLocation,
    /// Only what tells of the car and not of people.
    Private,
}

/// One car of a fleet.
#[derive(Debug, Clone)]
pub struct CarSpec {
    /// Its place in the fleet, from 0.
    pub index: usize,
    pub seed: u64,
    pub model: &'static VehicleModel,
    pub model_year: u16,
    pub market: Market,
    pub vin: Vin,
    pub persona: Persona,
}

impl CarSpec {
    pub fn brand(&self) -> Brand {
        self.model.brand
    }

    /// What the owner grants: purpose and category.
    pub fn grants(&self) -> Vec<(Purpose, DataCategory)> {
        let purposes = [Purpose::FleetManagement, Purpose::ConnectedServices, Purpose::Maintenance];
        let granted = |category: &DataCategory| match category {
            DataCategory::Location => self.persona == Persona::Open,
            DataCategory::Diagnostics | DataCategory::Equipment | DataCategory::Tyres => true,
            DataCategory::Driving
            | DataCategory::Charging
            | DataCategory::Body
            | DataCategory::Cabin
            | DataCategory::Media
            | DataCategory::Assistance => self.persona != Persona::Private,
            DataCategory::Identity => false,
        };
        let categories: Vec<_> = DataCategory::ALL.into_iter().filter(granted).collect();
        purposes
            .into_iter()
            .flat_map(|purpose| categories.iter().map(move |category| (purpose, *category)))
            .collect()
    }
}

/// The cars of a fleet, and the profiles that they share.
#[derive(Debug)]
pub struct Fleet {
    specs: Vec<CarSpec>,
    profiles: BTreeMap<&'static str, Arc<Profile>>,
}

impl Fleet {
    pub fn new(options: FleetOptions) -> Result<Self, bus::Error> {
        let profiles = ARCHITECTURES.iter().map(|name| Ok((*name, Profile::builtin(name)?)));
        let profiles = profiles.collect::<Result<BTreeMap<_, _>, bus::Error>>()?;
        let line_ups: Vec<_> = Brand::ALL.into_iter().map(line_up).collect();
        let specs = (0..options.vehicles).map(|index| spec(index, &line_ups, options)).collect();
        Ok(Self { specs, profiles })
    }

    pub fn specs(&self) -> &[CarSpec] {
        &self.specs
    }

    pub fn profile(&self, spec: &CarSpec) -> &Arc<Profile> {
        self.profiles
            .get(spec.model.architecture)
            .expect("the model table names architectures that there are")
    }

    pub fn car(&self, spec: &CarSpec) -> Car {
        Car::new(spec.model, spec.market, self.profile(spec), spec.seed)
    }
}

/// A brand's models by architecture, the architectures that few brands have first, so that a small
/// fleet has many.
fn line_up(brand: Brand) -> Vec<Vec<&'static VehicleModel>> {
    let table = ModelTable::builtin();
    let brands_with = |architecture: &str| {
        let has = |brand: &Brand| table.of_brand(*brand).any(|model| model.architecture == architecture);
        Brand::ALL.iter().filter(|brand| has(brand)).count()
    };
    let mut by_architecture: BTreeMap<&str, Vec<&'static VehicleModel>> = BTreeMap::new();
    for model in table.of_brand(brand) {
        by_architecture.entry(model.architecture).or_default().push(model);
    }
    let mut line_up: Vec<_> = by_architecture.into_iter().collect();
    line_up.sort_by_key(|(architecture, _)| (brands_with(architecture), std::cmp::Reverse(*architecture)));
    line_up.into_iter().map(|(_, models)| models).collect()
}

fn spec(index: usize, line_ups: &[Vec<Vec<&'static VehicleModel>>], options: FleetOptions) -> CarSpec {
    let line_up = &line_ups[index % line_ups.len()];
    let turn = index / line_ups.len();
    let models = &line_up[turn % line_up.len()];
    let model = models[turn / line_up.len() % models.len()];
    let place = u64::try_from(index).unwrap_or(u64::MAX);
    let mut noise = Noise::of(options.seed, place);
    let years = model.years.end() - model.years.start() + 1;
    let model_year = model.years.start() + u16::try_from(noise.below(usize::from(years))).unwrap_or_default();
    let market = model.markets[noise.below(model.markets.len())];
    let persona = match noise.between(0.0, 100.0) {
        share if share < options.private_percent => Persona::Private,
        share
            if share
                < options.private_percent
                    + (100.0 - options.private_percent - options.location_percent).max(0.0) =>
        {
            Persona::NoLocation
        }
        _ => Persona::Open,
    };
    let vin = vin(model, model_year, index, &mut noise);
    CarSpec { index, seed: noise.bits(), model, model_year, market, vin, persona }
}

/// ISO 3779: maker, description with the check digit of North America, year, plant and number. The
/// number is the car's place in the fleet, so no two are the same.
fn vin(model: &VehicleModel, year: u16, index: usize, noise: &mut Noise) -> Vin {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
    const YEARS: &[u8] = b"ABCDEFGHJKLMNPRSTVWXY123456789";
    let mut text: Vec<u8> = model.wmi.bytes().take(3).collect();
    text.extend((0..5).map(|_| LETTERS[noise.below(LETTERS.len())]));
    text.push(b'0');
    text.push(YEARS[usize::from(year.saturating_sub(1980)) % YEARS.len()]);
    text.push(LETTERS[noise.below(23)]);
    text.extend(format!("{:06}", index % 1_000_000).bytes());
    text[8] = check_digit(&text);
    let text = String::from_utf8(text).expect("a VIN is ASCII");
    text.parse().expect("the letters above are those of a VIN")
}

fn check_digit(text: &[u8]) -> u8 {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'R' => u32::from(byte - b'J') + 1,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => 0,
    };
    let sum: u32 = text.iter().zip(WEIGHTS).map(|(byte, weight)| value(*byte) * weight).sum();
    match sum % 11 {
        10 => b'X',
        rest => u8::try_from(rest).map_or(b'0', |rest| b'0' + rest),
    }
}

#[cfg(test)]
mod tests;
