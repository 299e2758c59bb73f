//! What moves the car: forces on it, the engine and the motor, fuel and charge.

use bus::profile::{Powertrain as Kind, VehicleModel};

use crate::noise::Noise;

const GRAVITY: f64 = 9.81;
const AIR_KG_M3: f64 = 1.2;
const ROLLING: f64 = 0.011;
/// Rotating parts add to what must be accelerated.
const ROTATING: f64 = 1.05;
/// kWh in a litre; between petrol and Diesel.
const FUEL_KWH_L: f64 = 9.2;
const ENGINE_EFFICIENCY: f64 = 0.33;
const IDLE_L_H: f64 = 0.7;
const MOTOR_EFFICIENCY: f64 = 0.88;
const REGEN_EFFICIENCY: f64 = 0.68;
const REGEN_KW_MAX: f64 = 60.0;
/// A charger slows down from here on.
const TAPER_FROM_PERCENT: f64 = 80.0;
/// A PHEV drives on its battery above that.
const RESERVE_PERCENT: f64 = 15.0;

/// The powertrain of one car.
#[derive(Debug, Clone)]
pub struct Powertrain {
    pub kind: Kind,
    mass_kg: f64,
    power_w: f64,
    drag_area_m2: f64,
    gears: u8,
    battery_kwh: f64,
    tank_l: f64,
    wheel_m: f64,
    pub charge_percent: f64,
    pub health_percent: f64,
    pub fuel_l: f64,
    pub charge_limit_percent: f64,
    pub charger_kw: f64,
    pub coolant_c: f64,
    pub oil_c: f64,
    pub battery_c: f64,
    pub motor_c: f64,
    pub output: Output,
}

/// What it does now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Output {
    pub acceleration: f64,
    /// At the wheels; negative while the car is slowed by it.
    pub wheel_w: f64,
    /// Slowed by friction brakes, from 0 to 1 of what they can.
    pub friction: f64,
    /// How far the accelerator is pressed, 0 to 1.
    pub pedal: f64,
    pub engine_on: bool,
    pub engine_rpm: f64,
    pub engine_nm: f64,
    pub fuel_l_h: f64,
    pub motor_rpm: f64,
    pub motor_nm: f64,
    /// Positive while the battery takes charge.
    pub battery_w: f64,
    pub battery_v: f64,
    pub gear: i8,
}

impl Powertrain {
    pub fn new(model: &VehicleModel, ambient_c: f64, warm: bool, noise: &mut Noise) -> Self {
        let warm_c = if warm { 88.0 } else { ambient_c };
        let fast = model.battery_kwh > 30.0 && noise.chance(0.35);
        Self {
            kind: model.powertrain,
            // Driver and what the car carries.
            mass_kg: model.mass_kg + noise.between(70.0, 250.0),
            power_w: model.power_kw * 1_000.0,
            drag_area_m2: model.drag_area_m2,
            gears: model.gears,
            battery_kwh: model.battery_kwh,
            tank_l: model.tank_l,
            wheel_m: 1.95 + 0.35 * (model.mass_kg / 3_000.0).min(1.0),
            charge_percent: noise.between(18.0, 92.0),
            health_percent: noise.between(88.0, 100.0),
            fuel_l: model.tank_l * noise.between(0.12, 0.98),
            charge_limit_percent: if noise.chance(0.6) { 80.0 } else { 100.0 },
            charger_kw: if fast { noise.between(50.0, 120.0) } else { noise.between(3.5, 11.0) },
            coolant_c: warm_c,
            oil_c: warm_c,
            battery_c: ambient_c + noise.between(0.0, 8.0),
            motor_c: if warm { 55.0 } else { ambient_c },
            output: Output::default(),
        }
    }

    pub fn fuel_percent(&self) -> f64 {
        if self.tank_l > 0.0 { self.fuel_l / self.tank_l * 100.0 } else { 0.0 }
    }

    pub fn energy_kwh(&self) -> f64 {
        self.battery_kwh * self.charge_percent / 100.0 * self.health_percent / 100.0
    }

    /// What fuel and charge are good for, in kilometres: on fuel, on the battery.
    pub fn range_km(&self) -> (f64, f64) {
        let size = 0.6 + 0.4 * self.mass_kg / 1_500.0;
        let on_fuel = self.fuel_l / (6.2 * size) * 100.0;
        let electric = if self.kind.can_charge() { self.energy_kwh() / (16.5 * size) * 100.0 } else { 0.0 };
        (on_fuel, electric)
    }

    pub fn can_charge(&self) -> bool {
        self.kind.can_charge()
    }

    /// Moves the car for `dt_s`: gives what it can of the acceleration that is asked for.
    pub fn step(
        &mut self,
        dt_s: f64,
        on: bool,
        speed_mps: f64,
        asked: f64,
        grade: f64,
        heat_w: f64,
        ambient_c: f64,
    ) {
        let speed = speed_mps.max(0.0);
        let drag = 0.5 * AIR_KG_M3 * self.drag_area_m2 * speed * speed;
        let slope = self.mass_kg * GRAVITY * grade;
        let rolling = if speed > 0.01 { self.mass_kg * GRAVITY * ROLLING } else { 0.0 };
        let resistance = drag + slope + rolling;
        let inertia = self.mass_kg * ROTATING;
        // Tyres carry about 0.9 g; power is what counts above walking pace.
        let force_max = (self.power_w * 0.92 / speed.max(3.0)).min(self.mass_kg * 4.5);
        let force = (inertia * asked + resistance).min(if on { force_max } else { 0.0 });
        let mut output = Output { acceleration: (force - resistance) / inertia, ..Output::default() };
        // A car that stands stays where it is.
        if speed <= 0.01 && output.acceleration < 0.05 {
            output.acceleration = 0.0;
        }
        output.wheel_w = force * speed;
        output.pedal = (force.max(0.0) / force_max.max(1.0)).clamp(0.0, 1.0);
        let regen_w = if self.kind.has_traction_battery() { REGEN_KW_MAX * 1_000.0 } else { 8_000.0 };
        let braking_w = (-output.wheel_w).max(0.0);
        output.friction =
            if asked < -0.3 { ((braking_w - regen_w).max(0.0) / 250_000.0 + 0.05).min(1.0) } else { 0.0 };
        self.output = output;
        self.share_load(on, speed, braking_w.min(regen_w), heat_w);
        self.consume(dt_s);
        self.warm(dt_s, ambient_c);
    }

    /// Charges for `dt_s`; gives whether the limit is reached.
    pub fn charge(&mut self, dt_s: f64, ambient_c: f64) -> bool {
        let limit = self.charge_limit_percent;
        let taper = ((100.0 - self.charge_percent) / (100.0 - TAPER_FROM_PERCENT)).clamp(0.05, 1.0);
        let power_w = if self.charge_percent < limit { self.charger_kw * 1_000.0 * taper } else { 0.0 };
        self.output = Output { battery_w: power_w, ..Output::default() };
        self.output.battery_v = self.voltage();
        self.consume(dt_s);
        self.warm(dt_s, ambient_c);
        self.charge_percent = self.charge_percent.min(limit.max(self.charge_percent - 0.001));
        self.charge_percent >= limit - 0.01
    }

    fn share_load(&mut self, on: bool, speed: f64, regen_w: f64, heat_w: f64) {
        let drive_w = self.output.wheel_w.max(0.0);
        let electric_only = match self.kind {
            Kind::Ev => true,
            Kind::Ice => false,
            Kind::Phev => self.charge_percent > RESERVE_PERCENT && drive_w < 65_000.0,
            Kind::Hybrid => speed < 7.0 && self.charge_percent > 35.0 && drive_w < 12_000.0,
        };
        let aux_w = if on { 350.0 + heat_w } else { 0.0 };
        let turn_per_s = speed / self.wheel_m;
        let electric_w = if electric_only { drive_w } else { 0.0 };
        if self.kind.has_traction_battery() {
            let top_up_w = match self.kind {
                Kind::Hybrid | Kind::Phev if on && !electric_only && self.charge_percent < 55.0 => 4_000.0,
                Kind::Hybrid | Kind::Phev | Kind::Ice | Kind::Ev => 0.0,
            };
            let aux_w = if electric_only || self.kind == Kind::Ev { aux_w } else { 0.0 };
            self.output.battery_w =
                regen_w * REGEN_EFFICIENCY + top_up_w - electric_w / MOTOR_EFFICIENCY - aux_w;
            self.output.motor_rpm =
                if self.kind == Kind::Ev { turn_per_s * 60.0 * 9.6 } else { turn_per_s * 60.0 * 6.0 };
            let turns = (self.output.motor_rpm / 60.0 * std::f64::consts::TAU).max(1.0);
            self.output.motor_nm = (electric_w - regen_w) / turns;
            self.output.battery_v = self.voltage();
        }
        self.output.gear = self.gear(on, speed);
        if !self.kind.has_engine() {
            return;
        }
        self.output.engine_on = on && !electric_only && self.fuel_l > 0.0;
        if self.output.engine_on {
            let ratio = [16.0, 9.5, 6.4, 4.9, 3.9, 3.3, 2.8, 2.5, 2.2];
            let ratio = ratio[usize::from(self.output.gear.unsigned_abs().clamp(1, 9)) - 1];
            self.output.engine_rpm = (turn_per_s * 60.0 * ratio).clamp(820.0, 6_500.0);
            let turns = self.output.engine_rpm / 60.0 * std::f64::consts::TAU;
            self.output.engine_nm = (self.output.wheel_w / 0.92).max(-30.0 * turns) / turns + 8.0;
            let fuel_w = drive_w / 0.92 / ENGINE_EFFICIENCY + aux_w;
            self.output.fuel_l_h = (fuel_w / 1_000.0 / FUEL_KWH_L).max(IDLE_L_H);
        }
    }

    fn gear(&self, on: bool, speed: f64) -> i8 {
        if !on || speed < 0.2 {
            return 0;
        }
        // Shift points spread over what a motorway needs.
        let step = 34.0 / f64::from(self.gears);
        let mut gear = 1;
        while gear < self.gears && speed > step * (f64::from(gear) + 0.15) {
            gear += 1;
        }
        i8::try_from(gear).unwrap_or(i8::MAX)
    }

    fn voltage(&self) -> f64 {
        let nominal = match self.kind {
            Kind::Ev if self.battery_kwh > 80.0 => 720.0,
            Kind::Ev | Kind::Phev => 360.0,
            Kind::Hybrid => 48.0,
            Kind::Ice => return 0.0,
        };
        let sag = self.output.battery_w / (self.battery_kwh * 1_000.0).max(1.0) * 0.012;
        nominal * (0.9 + 0.2 * self.charge_percent / 100.0 + sag.clamp(-0.1, 0.1))
    }

    fn consume(&mut self, dt_s: f64) {
        if self.battery_kwh > 0.0 {
            let capacity_ws = self.battery_kwh * 3_600_000.0 * self.health_percent / 100.0;
            self.charge_percent += self.output.battery_w * dt_s / capacity_ws * 100.0;
            let (low, high) = if self.kind == Kind::Hybrid { (25.0, 80.0) } else { (2.0, 100.0) };
            self.charge_percent = self.charge_percent.clamp(low, high);
        }
        self.fuel_l -= self.output.fuel_l_h * dt_s / 3_600.0;
        // Nobody runs dry in a simulation: at five percent there was a filling station.
        if self.fuel_l < self.tank_l * 0.05 {
            self.fuel_l = self.tank_l * 0.97;
        }
        if self.kind == Kind::Ev && self.charge_percent < 4.0 {
            self.charge_percent = 70.0;
        }
    }

    fn warm(&mut self, dt_s: f64, ambient_c: f64) {
        let towards =
            |value: f64, goal: f64, seconds: f64| value + (goal - value) * (dt_s / seconds).min(1.0);
        let engine = if self.output.engine_on { 90.0 } else { ambient_c };
        self.coolant_c = towards(self.coolant_c, engine, if self.output.engine_on { 240.0 } else { 4_000.0 });
        let oil = if self.output.engine_on { 92.0 + self.output.fuel_l_h.min(20.0) } else { ambient_c };
        self.oil_c = towards(self.oil_c, oil, if self.output.engine_on { 420.0 } else { 5_000.0 });
        let load = (self.output.battery_w.abs() / 40_000.0).min(2.0);
        self.battery_c = towards(self.battery_c, ambient_c + 6.0 + 12.0 * load, 2_400.0);
        let motor = ambient_c + 20.0 + (self.output.motor_nm.abs() / 4.0).min(60.0);
        self.motor_c = towards(self.motor_c, motor, 600.0);
    }
}
