use std::collections::BTreeMap;

use bus::profile::Profile;
use model::{DataCategory, Micros};
use signals::{Quality, Reading, Value};
use tempfile::TempDir;
use wire::{ColumnData, encode_campaigns, encode_consent};

use super::*;
use crate::testcloud::{TestCloud, VEHICLE, campaign, consent, signal, still_clock};

struct Car {
    dir: TempDir,
    cloud: TestCloud,
    core: Core,
    now: Timestamp,
}

impl Car {
    fn new() -> Self {
        let (dir, cloud) = (TempDir::new().unwrap(), TestCloud::new());
        let core = open(&dir, &cloud);
        Self { dir, cloud, core, now: still_clock() }
    }

    fn restart(self) -> Self {
        let Self { dir, cloud, core, now } = self;
        drop(core);
        let core = open(&dir, &cloud);
        Self { dir, cloud, core, now }
    }

    fn with(mut self, categories: &[DataCategory]) -> Self {
        self.want(Kind::Campaigns, 1, encode_campaigns(&[campaign()]));
        self.grant(1, categories);
        self
    }

    fn want(&mut self, kind: Kind, version: u64, payload: Vec<u8>) -> Change {
        let envelope = self.cloud.envelope(kind, version, payload);
        self.core.take_document(kind, &envelope, self.now)
    }

    fn grant(&mut self, version: u32, categories: &[DataCategory]) {
        let document = encode_consent(&consent(version, categories));
        assert_eq!(self.want(Kind::Consent, u64::from(version), document), Change::Consent);
    }

    /// Drives for some seconds, saying each second what is said.
    fn drive(&mut self, seconds: i64, say: impl Fn(i64) -> Vec<(&'static str, Value)>) {
        for second in 0..seconds {
            self.now = self.now + Micros::SECOND;
            let samples = say(second).into_iter().map(|(path, value)| Sample {
                signal: signal(path),
                reading: Reading::good(value, self.now - Micros::MILLISECOND),
            });
            self.core.handle(Input { time: self.now, what: What::Samples(samples.collect()) });
            self.core.poll(self.now);
        }
    }

    /// The good numbers that wait to be sent, by signal and in the order of their times.
    fn numbers(&mut self) -> BTreeMap<String, Vec<f64>> {
        let mut numbers: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let catalogue = Arc::clone(self.core.broker().catalogue());
        while let Some(batch) = self.core.queue_mut().next_outgoing() {
            let (header, body) = wire::parse_header(&batch.payload).unwrap();
            assert_eq!((header.meta.epoch, header.meta.seq), (batch.key.epoch, batch.key.seq));
            let decoded = wire::decode_columns(&header, body, &catalogue).unwrap();
            assert_eq!(decoded.bad_columns, []);
            for column in decoded.groups.into_iter().flat_map(|group| group.columns) {
                let leaf = catalogue.by_id(column.signal).unwrap();
                let ColumnData::Fixed(mantissas) = column.data else { continue };
                let values = mantissas.into_iter().map(|mantissa| leaf.scale.number(mantissa));
                numbers.entry(format!("{} {}", batch.key.lane, leaf.path)).or_default().extend(values);
            }
        }
        numbers
    }
}

fn open(dir: &TempDir, cloud: &TestCloud) -> Core {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut config = Config::new(VEHICLE, dir.path().to_owned(), Arc::clone(profile.catalogue()));
    config.keys = cloud.keys();
    config.clock = still_clock;
    config.phase = Micros::ZERO;
    Core::open(&config.with_profile(profile)).unwrap()
}

fn speed_and_place(second: i64) -> Vec<(&'static str, Value)> {
    let speed = Value::Float(second as f64 + 0.25);
    vec![("Vehicle.Speed", speed), ("Vehicle.CurrentLocation.Latitude", Value::Float(48.5))]
}

#[test]
fn what_is_said_and_granted_is_queued_with_its_values() {
    let mut car = Car::new().with(&[DataCategory::Driving, DataCategory::Location]);
    car.drive(12, speed_and_place);
    car.core.flush(car.now);
    let numbers = car.numbers();
    let expected: Vec<_> = (0..11).map(|second| f64::from(second) + 0.25).collect();
    assert_eq!(numbers["live Vehicle.Speed"][..11], expected);
    assert_eq!(numbers["bulk Vehicle.Speed"][..11], expected);
    assert!(numbers["live Vehicle.CurrentLocation.Latitude"].iter().all(|latitude| *latitude == 48.5));
}

#[test]
fn without_a_grant_nothing_is_queued() {
    let mut car = Car::new().with(&[]);
    car.drive(20, speed_and_place);
    car.core.flush(car.now);
    assert!(car.core.queue().is_empty());
    assert!(car.core.shared().stats.snapshot().readings_withheld > 0);
}

#[test]
fn readings_of_a_clock_that_was_never_set_are_counted() {
    let mut car = Car::new().with(&[DataCategory::Driving]);
    let sample = |source_time| Sample {
        signal: signal("Vehicle.Speed"),
        reading: Reading::good(Value::Float(1.0), source_time),
    };
    let samples = [sample(Timestamp(-1)), sample(car.now), sample(car.now)];
    for sample in samples {
        car.core.handle(Input { time: car.now, what: What::Samples(vec![sample]) });
        car.core.poll(car.now);
    }
    let stats = car.core.shared().stats.snapshot();
    // Two groups ask for the speed.
    assert_eq!((stats.readings_out_of_time, stats.readings_not_newer), (2, 2));
}

#[test]
fn location_stays_in_the_car_without_its_own_grant() {
    let mut car = Car::new().with(&[DataCategory::Driving]);
    car.drive(5, speed_and_place);
    let numbers = car.numbers();
    assert!(numbers.contains_key("live Vehicle.Speed"));
    assert!(!numbers.contains_key("live Vehicle.CurrentLocation.Latitude"));
}

#[test]
fn frames_of_the_cars_bus_become_signals_in_the_queue() {
    let mut car = Car::new().with(&[DataCategory::Driving, DataCategory::Location]);
    let mut units = Profile::builtin("psa-aee2010").unwrap().encoder();
    assert!(units.set(signal("Vehicle.Speed"), Some(Value::Float(87.0))));
    for _ in 0..50 {
        car.now = car.now + Micros::from_millis(100);
        let mut frames = Vec::new();
        units.poll(car.now, Micros::from_millis(100), &mut |frame| frames.push(frame));
        frames.iter().for_each(|frame| car.core.handle_bus(frame, car.now));
        car.core.poll(car.now);
    }
    let speeds = &car.numbers()["live Vehicle.Speed"];
    assert!(speeds.len() >= 3 && speeds.iter().all(|speed| (speed - 87.0).abs() < 0.05), "{speeds:?}");
}

#[test]
fn a_silent_bus_makes_its_signals_stale() {
    let mut car = Car::new();
    let mut units = Profile::builtin("psa-aee2010").unwrap().encoder();
    units.set(signal("Vehicle.Speed"), Some(Value::Float(87.0)));
    units.poll(car.now, Micros::ZERO, &mut |frame| car.core.handle_bus(&frame, car.now));
    let quality = |core: &Core| core.broker().current_by_path("Vehicle.Speed").unwrap().quality;
    assert_eq!(quality(&car.core), Quality::Good);
    let deadline = car.core.next_deadline().unwrap();
    car.core.poll(deadline + Micros::MINUTE);
    assert_eq!(quality(&car.core), Quality::Stale);
}

#[test]
fn an_ended_source_leaves_its_values_stale_and_the_batches_queued() {
    let mut car = Car::new().with(&[DataCategory::Driving]);
    car.drive(3, speed_and_place);
    car.core.source_ended(car.now);
    assert_eq!(car.core.broker().current_by_path("Vehicle.Speed").unwrap().quality, Quality::Stale);
    assert!(car.numbers().contains_key("bulk Vehicle.Speed"));
}

#[test]
fn a_target_goes_to_the_cars_network() {
    let profile = Profile::builtin("zonal").unwrap();
    let (dir, cloud) = (TempDir::new().unwrap(), TestCloud::new());
    let mut config = Config::new(VEHICLE, dir.path().to_owned(), Arc::clone(profile.catalogue()));
    config.keys = cloud.keys();
    let mut core = Core::open(&config.with_profile(Arc::clone(&profile))).unwrap();
    let actuator = profile.actuators().find(|leaf| &*leaf.data_type.to_string() == "boolean").unwrap();
    core.broker().set_target(actuator.id, Value::Bool(true), still_clock()).unwrap();
    let message = core.poll_bus(still_clock()).unwrap();
    let mut asked = Vec::new();
    profile.read_targets(&message, &mut |sample| asked.push((sample.signal, sample.reading.value))).unwrap();
    assert_eq!(asked, [(actuator.id, Some(Value::Bool(true)))]);
    assert_eq!(core.poll_bus(still_clock()), None);
}

#[test]
fn desired_state_is_in_force_again_after_a_restart() {
    let mut car = Car::new().with(&[DataCategory::Driving]).restart();
    assert_eq!(car.core.desired().have(), [(Kind::Campaigns, 1), (Kind::Consent, 1)]);
    car.drive(5, speed_and_place);
    assert!(car.numbers().contains_key("live Vehicle.Speed"));
}

#[test]
fn a_document_of_a_stranger_is_refused_and_changes_nothing() {
    let mut car = Car::new().with(&[DataCategory::Driving]);
    let mut forged = car.cloud.envelope(Kind::Consent, 2, encode_consent(&consent(2, &DataCategory::ALL)));
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(car.core.take_document(Kind::Consent, &forged, car.now), Change::Refused);
    let consent = car.core.report(car.now).applied.into_iter().find(|applied| applied.kind == Kind::Consent);
    let consent = consent.unwrap();
    assert_eq!(consent.version, 1);
    assert!(consent.error.unwrap().contains("signature"));
    car.drive(5, speed_and_place);
    assert!(!car.numbers().contains_key("live Vehicle.CurrentLocation.Latitude"));
}

#[test]
fn an_older_or_equal_document_changes_nothing() {
    let mut car = Car::new().with(&[DataCategory::Driving]);
    let again = encode_consent(&consent(1, &DataCategory::ALL));
    assert_eq!(car.want(Kind::Consent, 1, again), Change::Nothing);
    assert!(!car.core.permissions().allows(model::Purpose::FleetManagement, DataCategory::Location));
}

#[test]
fn a_campaign_that_cannot_be_used_costs_only_itself() {
    let mut car = Car::new();
    let mut bad = campaign();
    bad.id = model::CampaignId(8);
    bad.groups[0].signals = vec![signal("Vehicle.VehicleIdentification.VIN")];
    car.want(Kind::Campaigns, 1, encode_campaigns(&[bad, campaign()]));
    car.grant(1, &[DataCategory::Driving]);
    car.drive(5, speed_and_place);
    assert!(car.numbers().contains_key("live Vehicle.Speed"));
    let applied = car.core.report(car.now).applied;
    assert!(applied[0].error.as_ref().unwrap().contains("VIN"), "{applied:?}");
}

#[test]
fn the_drivers_mode_wins_over_grants_and_outlives_a_restart() {
    let mut car = Car::new().with(&[DataCategory::Driving, DataCategory::Location]);
    car.core.set_mode(DriverMode::NoLocation);
    let mut car = car.restart();
    assert_eq!(car.core.mode(), DriverMode::NoLocation);
    car.drive(5, speed_and_place);
    let numbers = car.numbers();
    assert!(numbers.contains_key("live Vehicle.Speed"));
    assert!(!numbers.contains_key("live Vehicle.CurrentLocation.Latitude"));
}

#[test]
fn the_report_names_what_a_campaign_asks_for_and_the_car_lacks() {
    let mut car = Car::new();
    let mut wanting = campaign();
    let lacking = "Vehicle.Cabin.Seat.Row1.DriverSide.Massage.Level";
    wanting.groups[1].signals.push(signal(lacking));
    car.want(Kind::Campaigns, 1, encode_campaigns(&[wanting]));
    let report = car.core.report(car.now);
    assert!(report.not_available.iter().any(|path| path == lacking), "{:?}", report.not_available);
    assert!(!report.not_available.iter().any(|path| path == "Vehicle.Speed"));
}

#[test]
fn a_mode_that_cannot_be_read_is_the_most_private_one() {
    let car = Car::new();
    std::fs::write(car.dir.path().join("driver-mode"), "no-loc").unwrap();
    assert_eq!(car.restart().core.mode(), DriverMode::AllPrivate);
}

#[test]
fn a_mode_that_cannot_be_kept_is_told_and_kept_later() {
    let mut car = Car::new();
    let file = car.dir.path().join("driver-mode");
    std::fs::create_dir(&file).unwrap();
    assert!(!car.core.set_mode(DriverMode::NoLocation));
    assert_eq!(car.core.mode(), DriverMode::NoLocation);
    std::fs::remove_dir(&file).unwrap();
    car.core.poll(car.now + Micros::MINUTE);
    assert_eq!(car.restart().core.mode(), DriverMode::NoLocation);
}

#[test]
fn a_source_time_from_the_future_does_not_hide_what_follows() {
    let mut car = Car::new();
    let say = |car: &mut Car, value, source_time| {
        let reading = Reading::good(Value::Float(value), source_time);
        let samples = vec![Sample { signal: signal("Vehicle.Speed"), reading }];
        car.core.handle(Input { time: car.now, what: What::Samples(samples) });
        car.core.broker().current_by_path("Vehicle.Speed").unwrap().value
    };
    let century = Micros(36_500 * Micros::DAY.0);
    let future = car.now + century;
    assert_eq!(say(&mut car, 1.0, future), Some(Value::Float(1.0)));
    car.now = car.now + Micros::SECOND;
    let now = car.now;
    assert_eq!(say(&mut car, 2.0, now), Some(Value::Float(2.0)));
    // The same when the clock itself was wrong.
    car.now = future;
    say(&mut car, 3.0, future);
    car.core.poll(future);
    car.now = now + Micros::SECOND;
    car.core.poll(car.now);
    let now = car.now + Micros::SECOND;
    assert_eq!(say(&mut car, 4.0, now), Some(Value::Float(4.0)));
}

#[test]
fn signals_grow_stale_again_after_the_clock_went_back() {
    let mut car = Car::new();
    let mut units = Profile::builtin("psa-aee2010").unwrap().encoder();
    units.set(signal("Vehicle.Speed"), Some(Value::Float(87.0)));
    let future = car.now + Micros(1_000 * Micros::DAY.0);
    units.poll(future, Micros::ZERO, &mut |frame| car.core.handle_bus(&frame, future));
    car.core.poll(future);
    car.core.poll(car.now);
    let deadline = car.core.next_deadline().unwrap();
    assert!(deadline <= car.now + Micros::MINUTE);
    car.core.poll(car.now + Micros::MINUTE);
    let speed = car.core.broker().current_by_path("Vehicle.Speed").unwrap();
    assert_eq!(speed.quality, Quality::Stale);
}

#[test]
fn a_new_document_collects_no_reading_again() {
    let mut car = Car::new();
    let mut every = campaign();
    every.groups.truncate(1);
    every.groups[0].how = campaigns::How::OnChange { min_interval: Micros::ZERO, min_delta: 0.0 };
    let mut other = campaign();
    other.id = model::CampaignId(8);
    car.want(Kind::Campaigns, 1, encode_campaigns(&[every.clone()]));
    car.grant(1, &[DataCategory::Driving]);
    car.drive(3, speed_and_place);
    car.want(Kind::Campaigns, 2, encode_campaigns(&[other, every]));
    car.core.flush(car.now + Micros::SECOND);
    assert_eq!(car.numbers()["live Vehicle.Speed"], [0.25, 1.25, 2.25]);
}
