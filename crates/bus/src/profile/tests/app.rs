//! One application, the same code on each architecture.

use std::collections::BTreeMap;

use model::Micros;
use signals::Quality;

use super::*;

/// Range and economy for the driver's screen. It knows VSS and nothing of the car.
#[derive(Default)]
struct EcoApp {
    latest: BTreeMap<String, signals::Reading>,
}

#[derive(Debug, PartialEq)]
struct Advice {
    speed_kmh: Option<f64>,
    energy_percent: Option<f64>,
    door_open: Option<bool>,
    lowest_tyre_kpa: Option<f64>,
    score: u32,
    not_available: Vec<&'static str>,
}

const SPEED: &str = "Vehicle.Speed";
const CHARGE: &str = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current";
const FUEL: &str = "Vehicle.Powertrain.FuelSystem.RelativeLevel";
const DOOR: &str = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen";
const TYRES: [&str; 4] = [
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure",
];

impl EcoApp {
    fn handle(&mut self, path: &str, reading: signals::Reading) {
        self.latest.insert(path.to_owned(), reading);
    }

    fn number(&self, path: &str) -> Option<f64> {
        let reading = self.latest.get(path).filter(|reading| reading.quality == Quality::Good)?;
        reading.value.as_ref()?.as_f64()
    }

    fn advice(&self) -> Advice {
        let speed_kmh = self.number(SPEED);
        let energy_percent = self.number(CHARGE).or_else(|| self.number(FUEL));
        let door_open = self.number(DOOR).map(|open| open != 0.0);
        let tyres: Vec<_> = TYRES.iter().filter_map(|path| self.number(path)).collect();
        let lowest_tyre_kpa = tyres.into_iter().reduce(f64::min);
        let mut score = 100;
        score -= if speed_kmh.is_some_and(|speed| speed > 110.0) { 20 } else { 0 };
        score -= if lowest_tyre_kpa.is_some_and(|pressure| pressure < 200.0) { 30 } else { 0 };
        let wanted = [
            (SPEED, speed_kmh.is_none()),
            (DOOR, door_open.is_none()),
            (TYRES[0], lowest_tyre_kpa.is_none()),
        ];
        let not_available =
            wanted.into_iter().filter(|(_, missing)| *missing).map(|(path, _)| path).collect();
        Advice { speed_kmh, energy_percent, door_open, lowest_tyre_kpa, score, not_available }
    }
}

fn drive(profile: &Arc<Profile>) -> Advice {
    let mut encoder = profile.encoder();
    let mut state = vec![
        (SPEED, Value::Float(120.0)),
        (CHARGE, Value::Float(64.0)),
        (FUEL, Value::Uint(64)),
        ("Vehicle.Powertrain.FuelSystem.RelativeLevelFine", Value::Float(64.0)),
        (DOOR, Value::Bool(false)),
    ];
    // What control units measure, where an architecture says speed and pressure only so.
    for (wheel, pressure) in TYRES.iter().zip([230_u16, 235, 190, 240]) {
        state.push((wheel, Value::Uint(u64::from(pressure))));
    }
    let mut set = |path: &str, value: Value| encoder.set(id(profile, path), Some(value));
    for (path, value) in state {
        set(path, value);
    }
    for (wheel, pressure) in TYRES.iter().zip([230.0, 235.0, 190.0, 240.0]) {
        set(&wheel.replace("Tire.Pressure", "Tire.PressureFine"), Value::Float(pressure));
        set(&wheel.replace("Tire.Pressure", "Speed"), Value::Float(120.0));
    }
    let mut messages = Vec::new();
    encoder.poll(Timestamp(0), Micros::ZERO, &mut |message| messages.push(message));
    let mut app = EcoApp::default();
    for sample in decode(&mut profile.decoder(), &messages) {
        let leaf = profile.catalogue().by_id(sample.signal).unwrap();
        app.handle(&leaf.path, sample.reading);
    }
    app.advice()
}

#[test]
fn one_app_runs_on_every_architecture() {
    for profile in all() {
        let advice = drive(&profile);
        let speed = advice.speed_kmh.unwrap();
        assert!((speed - 120.0).abs() < 0.1, "{}: {speed} km/h", profile.name());
        let energy = advice.energy_percent.unwrap();
        assert!((energy - 64.0).abs() < 1.0, "{}: {energy} %", profile.name());
        let expected_score = if advice.lowest_tyre_kpa.is_some() { 50 } else { 80 };
        assert_eq!(advice.score, expected_score, "{}", profile.name());
    }
}

#[test]
fn signals_that_a_car_lacks_are_not_available_and_no_error() {
    let lacking: Vec<_> =
        all().iter().map(|profile| (profile.name().to_owned(), drive(profile).not_available)).collect();
    for (name, missing) in lacking {
        let expected: &[&str] = if name == "opel-gm-legacy" { &[DOOR, TYRES[0]] } else { &[] };
        assert_eq!(missing, expected, "{name}");
    }
}
