use std::collections::BTreeMap;

use proptest::prelude::*;
use signals::Quality;

use super::*;
use crate::{
    fleet::{Fleet, FleetOptions},
    noise::Noise,
    routes::tests::is_on_land,
};

/// 2026-11-23T08:00:00Z.
const START: Timestamp = Timestamp(1_795_420_800_000_000);
const STEP: Micros = Micros::from_millis(500);

fn fleet(vehicles: usize, seed: u64) -> Fleet {
    Fleet::new(FleetOptions { seed, ..FleetOptions::new(vehicles) }).unwrap()
}

fn drive(car: &mut Car, steps: i64, mut emit: impl FnMut(BusMessage), mut look: impl FnMut(&State)) {
    for step in 1..=steps {
        let now = START + Micros(STEP.0 * step);
        look(car.step(now, 0.5));
        car.messages(now, Micros::SECOND, &mut emit);
    }
}

#[test]
fn the_same_seed_sends_the_same_frames() {
    let messages = |seed| {
        let fleet = fleet(28, seed);
        let mut all = Vec::new();
        for spec in fleet.specs() {
            drive(&mut fleet.car(spec), 60, |message| all.push(message), |_| ());
        }
        all
    };
    let first = messages(7);
    assert!(first == messages(7));
    assert!(first != messages(8));
}

#[test]
fn what_a_car_measures_is_decoded_from_its_bus() {
    let fleet = fleet(56, 3);
    for spec in fleet.specs() {
        let profile = fleet.profile(spec);
        let mut car = fleet.car(spec);
        let mut decoder = profile.decoder();
        let mut decoded = BTreeMap::new();
        let mut messages = Vec::new();
        drive(&mut car, 20, |message| messages.push(message), |_| ());
        for message in &messages {
            decoder
                .handle(message, Timestamp::MAX, &mut |sample| {
                    drop(decoded.insert(sample.signal, sample.reading))
                })
                .unwrap();
        }
        for (signal, reading) in decoded {
            let path = &profile.catalogue().by_id(signal).unwrap().path;
            let sane = matches!(reading.quality, Quality::Good | Quality::NotAvailable);
            assert!(sane, "{} {path}: {reading:?}", spec.model.name);
        }
        assert!(messages.len() > 5, "{} is silent", spec.model.name);
    }
}

#[test]
fn a_car_says_nothing_of_what_it_has_not() {
    let fleet = fleet(140, 1);
    let petrol = fleet.specs().iter().find(|spec| spec.model.name == "200").unwrap();
    let profile = fleet.profile(petrol);
    let mut decoder = profile.decoder();
    let battery = "Vehicle.Powertrain.TractionBattery";
    drive(
        &mut fleet.car(petrol),
        20,
        |message| {
            decoder
                .handle(&message, Timestamp::MAX, &mut |sample| {
                    let path = &profile.catalogue().by_id(sample.signal).unwrap().path;
                    let of_battery = path.starts_with(battery) && sample.reading.value.is_some();
                    assert!(!of_battery, "{path}");
                })
                .unwrap();
        },
        |_| (),
    );
}

#[test]
fn a_fleet_drives_parks_and_charges_and_stays_on_land() {
    let fleet = fleet(280, 5);
    let (mut driving, mut parked, mut charging) = (0, 0, 0);
    let mut way_m = 0.0;
    for spec in fleet.specs() {
        let mut car = fleet.car(spec);
        let before = car.state().odometer_m;
        drive(
            &mut car,
            240,
            |_| (),
            |state| {
                let place = state.position.place;
                assert!(is_on_land(place), "{}: {} {}", spec.model.name, place.latitude, place.longitude);
            },
        );
        way_m += car.state().odometer_m - before;
        match car.state().phase {
            Phase::Driving => driving += 1,
            Phase::Charging { .. } => charging += 1,
            Phase::Parked { .. } | Phase::AtTheDoor { .. } => parked += 1,
        }
    }
    assert!(driving > 100 && parked > 20 && charging > 10, "{driving} {parked} {charging}");
    // Two minutes at a mean of 30 to 90 km/h for those that drive.
    let mean_kmh = way_m / f64::from(driving) / 120.0 * 3.6;
    assert!((30.0..110.0).contains(&mean_kmh), "{mean_kmh} km/h");
}

#[test]
fn a_charge_limit_that_comes_over_the_bus_is_kept() {
    let fleet = fleet(280, 5);
    let electric = fleet.specs().iter().find(|spec| spec.model.name == "e-208").unwrap();
    let mut car = fleet.car(electric);
    let catalogue = signals::Catalogue::core();
    let limit = catalogue.by_path("Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit").unwrap().id;
    let command = car.profile().target(limit, &Value::Uint(90), START).unwrap();
    assert_eq!(car.receive(&command), None);
    assert_eq!(car.state().powertrain.charge_limit_percent, 90.0);
}

#[test]
fn a_control_unit_answers_diagnostic_questions() {
    let fleet = fleet(280, 5);
    let electric = fleet.specs().iter().find(|spec| spec.model.name == "e-208").unwrap();
    let mut car = fleet.car(electric);
    let mut poller = bus::profile::DiagnosticPoller::new(Arc::clone(car.profile()), START);
    let mut answers = Vec::new();
    while let Some(question) = poller.poll(START) {
        if let Some(BusMessage::Can(answer)) = car.receive(&BusMessage::Can(question)) {
            poller.handle_frame(&answer, &mut |sample| answers.push(sample));
        }
    }
    let charge = car.state().powertrain.charge_percent;
    let told = answers[0].reading.value.as_ref().unwrap().as_f64().unwrap();
    assert!((told - charge).abs() < 0.01, "{told} instead of {charge}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_driver_breaks_the_laws_of_physics(seed in any::<u64>(), index in 0_usize..140) {
        let fleet = fleet(140, seed);
        let spec = &fleet.specs()[index];
        let mut car = fleet.car(spec);
        let mut speed_before = None;
        let mut noise = Noise::new(seed);
        let mut now = START;
        for _ in 0..400 {
            // A busy machine steps late now and then.
            let dt_s = if noise.chance(0.02) { 3.0 } else { 0.5 };
            #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
            let span = Micros((dt_s * 1e6) as i64);
            now = now + span;
            let state = car.step(now, dt_s);
            let powertrain = &state.powertrain;
            prop_assert!(state.speed_kmh >= 0.0 && state.speed_kmh < spec.model.top_speed_kmh * 1.05 + 5.0);
            prop_assert!((0.0..=100.0).contains(&powertrain.charge_percent), "{}", powertrain.charge_percent);
            prop_assert!((0.0..=100.0).contains(&powertrain.fuel_percent()), "{}", powertrain.fuel_percent());
            prop_assert!((0.0..=100.0).contains(&state.pedal_percent));
            prop_assert!(state.acceleration.abs() < 12.0, "{} m/s²", state.acceleration);
            prop_assert!(powertrain.output.engine_rpm <= 6_500.0);
            prop_assert!((-40.0..150.0).contains(&powertrain.coolant_c));
            prop_assert!(state.body.tyre_kpa.iter().all(|kpa| (80.0..400.0).contains(kpa)));
            if let Some(before) = speed_before {
                let change: f64 = state.speed_kmh - before;
                prop_assert!(change.abs() <= 12.0 * 3.6 * dt_s + 1.0, "{change} km/h in {dt_s} s");
            }
            if !state.on && speed_before == Some(0.0) {
                prop_assert_eq!(state.speed_kmh, 0.0);
            }
            speed_before = Some(state.speed_kmh);
        }
    }
}
