//! What a car sends while it drives: 20 signals with the noise and resolution of real sensors, from
//! a fixed seed, collected as a car collects them. Used by the size test and by the benches.

use std::sync::Arc;

use campaigns::{Campaign, Collector, Group, How, Permissions, Plan, ReadyBatch, UploadLimits};
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, Purpose, QueueEpoch, Seq, Timestamp};
use signals::{Catalogue, Reading, SignalId, Value};
use wire::{BatchMeta, ClockState};

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;

const PATHS: [&str; 20] = [
    "Vehicle.Speed",
    "Vehicle.Powertrain.CombustionEngine.Speed",
    "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature",
    "Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature",
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    "Vehicle.Powertrain.TractionBattery.CurrentVoltage",
    "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
    "Vehicle.LowVoltageBattery.CurrentVoltage",
    "Vehicle.CurrentLocation.Latitude",
    "Vehicle.CurrentLocation.Longitude",
    "Vehicle.CurrentLocation.Heading",
    "Vehicle.Chassis.SteeringWheel.AngleFine",
    "Vehicle.TraveledDistance",
    "Vehicle.Chassis.Accelerator.PedalPositionFine",
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.PressureFine",
    "Vehicle.Acceleration.Longitudinal",
    "Vehicle.Exterior.AirTemperature",
    "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen",
    "Vehicle.Body.Lights.Brake.IsActive",
    "Vehicle.LowVoltageSystemState",
];

/// A xorshift generator; the same numbers on every machine.
#[derive(Debug)]
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 40).expect("24 bits")) / f64::from(1_u32 << 24)
    }

    /// Gaussian by the sum of twelve.
    fn normal(&mut self, deviation: f64) -> f64 {
        ((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0) * deviation
    }
}

fn at_resolution(value: f64, resolution: f64) -> Value {
    Value::Float((value / resolution).round() * resolution)
}

/// A car under way.
#[derive(Debug)]
struct Drive {
    noise: Noise,
    speed: f64,
    wheel: f64,
    heading: f64,
    position: [f64; 2],
    distance: f64,
    charge: f64,
    coolant: f64,
}

impl Drive {
    fn new(seed: u64) -> Self {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0x1234_5678_9abc_def1));
        // The first numbers of near seeds are alike.
        for _ in 0..8 {
            noise.uniform();
        }
        let speed = 30.0 + 80.0 * noise.uniform();
        let position = [45.0 + noise.uniform(), 7.0 + noise.uniform()];
        let distance = 1e8 * noise.uniform();
        let charge = 20.0 + 60.0 * noise.uniform();
        Self { noise, speed, wheel: 0.0, heading: 200.0, position, distance, charge, coolant: 88.0 }
    }

    /// One second later, as its sensors say it.
    fn second(&mut self) -> [Value; 20] {
        let before = self.speed;
        self.speed = (self.speed + self.noise.normal(1.5)).clamp(0.0, 180.0);
        self.wheel = self.wheel * 0.8 + self.noise.normal(4.0);
        self.heading = (self.heading + self.wheel * 0.1).rem_euclid(360.0);
        let metres = self.speed / 3.6;
        let (sin, cos) = self.heading.to_radians().sin_cos();
        self.position[0] += metres * cos / 111_320.0;
        self.position[1] += metres * sin / 78_000.0;
        self.distance += metres;
        self.charge -= 0.003 + self.noise.normal(0.001);
        self.coolant += self.noise.normal(0.1);
        let acceleration = (self.speed - before) / 3.6;
        let current = acceleration * -120.0 - 40.0;
        let noise = &mut self.noise;
        [
            at_resolution(self.speed + noise.normal(0.05), 0.01),
            at_resolution(self.speed * 28.0 + noise.normal(8.0), 0.25),
            at_resolution(self.coolant, 0.5),
            at_resolution(self.coolant + 7.0 + noise.normal(0.1), 0.5),
            at_resolution(self.charge, 0.01),
            at_resolution(395.0 + current * 0.05 + noise.normal(0.2), 0.1),
            at_resolution(current + noise.normal(1.0), 0.1),
            at_resolution(14.1 + noise.normal(0.02), 0.01),
            at_resolution(self.position[0] + noise.normal(2e-6), 1e-7),
            at_resolution(self.position[1] + noise.normal(2e-6), 1e-7),
            at_resolution(self.heading + noise.normal(0.1), 0.01),
            at_resolution(self.wheel + noise.normal(0.2), 0.1),
            Value::Float(self.distance.round()),
            at_resolution((20.0 + acceleration * 15.0 + noise.normal(1.0)).clamp(0.0, 100.0), 0.4),
            at_resolution(241.0 + noise.normal(0.3), 1.0),
            at_resolution(acceleration + noise.normal(0.05), 0.01),
            at_resolution(17.5 + noise.normal(0.05), 0.5),
            Value::Bool(false),
            Value::from(if acceleration < -0.6 { "ACTIVE" } else { "INACTIVE" }),
            Value::from("ON"),
        ]
    }
}

/// The batches of one car: `batches` of 10 s at 1 Hz.
pub(crate) fn batches(catalogue: &Arc<Catalogue>, seed: u64, batches: usize) -> Vec<ReadyBatch> {
    let ids: Vec<SignalId> =
        PATHS.iter().map(|path| catalogue.require(path).expect("core has it").id).collect();
    let campaign = Campaign {
        id: CampaignId(17),
        version: CampaignVersion(3),
        name: "everything".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![Group {
            signals: ids.clone(),
            lane: Lane::Bulk,
            how: How::Every(Micros::SECOND),
            flush_every: Micros::from_secs(10),
        }],
        limits: UploadLimits::default(),
    };
    let (plan, refused) = Plan::new(vec![campaign], catalogue);
    assert!(refused.is_empty(), "{refused:?}");
    let mut collector = Collector::new(Arc::new(plan), Micros(400_000));
    collector.set_permissions(Permissions::ask(ConsentEpoch(5), |_, _| true));
    let mut drive = Drive::new(seed);
    let mut ready = Vec::new();
    for second in 0.. {
        if ready.len() >= batches {
            break;
        }
        let now = Timestamp(START) + Micros::from_secs(second);
        for (id, value) in ids.iter().zip(drive.second()) {
            collector.handle(now, *id, &Reading::good(value, now));
        }
        ready.extend(collector.poll(now + Micros(400_000)));
    }
    ready
}

/// What the queue says of the batch.
pub(crate) fn meta(batch: &ReadyBatch, seq: u64) -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(seq),
        lane: batch.lane,
        campaign: batch.campaign,
        version: batch.version,
        purpose: batch.purpose,
        consent_epoch: batch.consent_epoch,
        clock: ClockState::Synced,
        dropped: Vec::new(),
    }
}
