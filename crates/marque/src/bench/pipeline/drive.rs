//! A car under way: 20 signals with the noise and resolution of real sensors, from a fixed seed.

/// What the car says each second.
pub(super) const PATHS: [&str; SIGNALS] = [
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
    "Vehicle.Acceleration.Lateral",
    "Vehicle.AngularVelocity.Yaw",
    "Vehicle.Powertrain.FuelSystem.AbsoluteLevel",
];

pub(super) const SIGNALS: usize = 20;

/// The car's state between two seconds.
#[derive(Debug, Clone)]
pub(super) struct Drive {
    noise: Noise,
    speed: f64,
    wheel: f64,
    heading: f64,
    position: [f64; 2],
    distance: f64,
    charge: f64,
    fuel: f64,
    coolant: f64,
}

impl Drive {
    /// The same car for the same seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let speed = 30.0 + 80.0 * noise.uniform();
        let position = [45.0 + noise.uniform(), 7.0 + noise.uniform()];
        let distance = 1e8 * noise.uniform();
        let charge = 20.0 + 60.0 * noise.uniform();
        let fuel = 15.0 + 30.0 * noise.uniform();
        Self { noise, speed, wheel: 0.0, heading: 200.0, position, distance, charge, fuel, coolant: 88.0 }
    }

    /// One second later, in the order of [`PATHS`].
    pub(super) fn second(&mut self) -> [f64; SIGNALS] {
        let before = self.speed;
        self.speed = (self.speed + self.noise.normal(1.5)).clamp(0.0, 180.0);
        self.wheel = self.wheel * 0.8 + self.noise.normal(4.0);
        self.heading = (self.heading + self.wheel * 0.1).rem_euclid(360.0);
        let metres = self.speed / 3.6;
        let (sin, cos) = self.heading.to_radians().sin_cos();
        self.position[0] += metres * cos / 111_320.0;
        self.position[1] += metres * sin / 78_000.0;
        self.distance += metres;
        self.charge = (self.charge - 0.003 + self.noise.normal(0.001)).clamp(0.0, 100.0);
        self.fuel = (self.fuel - 0.002).max(0.0);
        self.coolant += self.noise.normal(0.1);
        let acceleration = (self.speed - before) / 3.6;
        let current = acceleration * -120.0 - 40.0;
        let noise = &mut self.noise;
        [
            at_resolution((self.speed + noise.normal(0.05)).max(0.0), 0.01),
            at_resolution((self.speed * 28.0 + noise.normal(8.0)).max(0.0), 0.25),
            at_resolution(self.coolant, 0.5),
            at_resolution(self.coolant + 7.0 + noise.normal(0.1), 0.5),
            at_resolution(self.charge, 0.01),
            at_resolution(395.0 + current * 0.05 + noise.normal(0.2), 0.1),
            at_resolution(current + noise.normal(1.0), 0.1),
            at_resolution(14.1 + noise.normal(0.02), 0.01),
            at_resolution(self.position[0] + noise.normal(2e-6), 1e-7),
            at_resolution(self.position[1] + noise.normal(2e-6), 1e-7),
            at_resolution((self.heading + noise.normal(0.1)).clamp(0.0, 360.0), 0.01),
            at_resolution(self.wheel + noise.normal(0.2), 0.1),
            self.distance.round(),
            at_resolution((20.0 + acceleration * 15.0 + noise.normal(1.0)).clamp(0.0, 100.0), 0.4),
            at_resolution(241.0 + noise.normal(0.3), 1.0),
            at_resolution(acceleration + noise.normal(0.05), 0.01),
            at_resolution(17.5 + noise.normal(0.05), 0.5),
            at_resolution(self.wheel * 0.02 + noise.normal(0.05), 0.01),
            at_resolution(self.wheel * 0.1 + noise.normal(0.1), 0.01),
            at_resolution(self.fuel + noise.normal(0.05), 0.1),
        ]
    }
}

fn at_resolution(value: f64, resolution: f64) -> f64 {
    (value / resolution).round() * resolution
}

/// A xorshift generator; the same numbers on every machine.
#[derive(Debug, Clone)]
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        let mut noise = Self(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0x1234_5678_9abc_def1));
        // The first numbers of near seeds are alike.
        for _ in 0..8 {
            noise.uniform();
        }
        noise
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 40).expect("24 bits")) / f64::from(1_u32 << 24)
    }

    /// Nearly Gaussian, by the sum of four.
    fn normal(&mut self, deviation: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3_f64.sqrt() * deviation
    }
}
