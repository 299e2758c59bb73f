//! One car: driver, powertrain and body, and what its control units send on its bus.

use std::sync::Arc;

use bus::{
    BusMessage,
    profile::{Market, Profile, ProfileEncoder, VehicleModel},
};
use model::{Micros, Timestamp};
use signals::{Sample, Value};

use crate::{
    body::{Body, CORNERS, Weather},
    driver::{Driver, Phase},
    noise::Noise,
    powertrain::Powertrain,
    sensors::{self, Sensor},
    track::Position,
};

/// A car that is off says what it has to say less often.
const OFF_INTERVAL: Micros = Micros::from_secs(5);

/// What the car's sensors measure.
#[derive(Debug, Clone)]
pub struct State {
    pub phase: Phase,
    pub on: bool,
    pub speed_kmh: f64,
    pub wheels_kmh: [f64; CORNERS],
    pub acceleration: f64,
    pub lateral: f64,
    pub yaw_deg_s: f64,
    pub steering_deg: f64,
    pub steering_deg_s: f64,
    pub pedal_percent: f64,
    pub brake_percent: f64,
    pub cruise: bool,
    pub cruise_kmh: f64,
    pub position: Position,
    pub accuracy_m: f64,
    pub odometer_m: f64,
    pub trip_m: f64,
    pub weather: Weather,
    pub powertrain: Powertrain,
    pub body: Body,
}

/// A simulated car. It knows no clock: it is told how time goes on.
#[derive(Debug)]
pub struct Car {
    driver: Driver,
    state: State,
    speed_mps: f64,
    encoder: ProfileEncoder,
    /// Of all sensors, those that this architecture sends and this car has.
    sensors: Vec<&'static Sensor>,
    noise: Noise,
}

impl Car {
    /// A car of a model somewhere in a market. The seed decides everything else.
    pub fn new(model: &VehicleModel, market: Market, profile: &Arc<Profile>, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let driver = Driver::new(market, model.powertrain.can_charge(), Noise::of(seed, 1));
        let position = driver.position();
        let weather = Weather::at(position.place, &mut noise);
        let warm = driver.phase() == Phase::Driving;
        let powertrain = Powertrain::new(model, weather.ambient_c, warm, &mut noise);
        let body = Body::new(weather, &mut noise);
        let encoder = profile.encoder();
        let has = |sensor: &&Sensor| encoder.knows(sensor.id()) && sensor.fits(&powertrain);
        let sensors = sensors::all().iter().filter(has).collect();
        let speed_mps = if warm { noise.between(4.0, 12.0) } else { 0.0 };
        let state = State {
            phase: driver.phase(),
            on: warm,
            speed_kmh: 0.0,
            wheels_kmh: [0.0; CORNERS],
            acceleration: 0.0,
            lateral: 0.0,
            yaw_deg_s: 0.0,
            steering_deg: 0.0,
            steering_deg_s: 0.0,
            pedal_percent: 0.0,
            brake_percent: 0.0,
            cruise: false,
            cruise_kmh: 0.0,
            position,
            accuracy_m: 3.0,
            odometer_m: noise.between(50.0, 180_000.0) * 1_000.0,
            trip_m: 0.0,
            weather,
            powertrain,
            body,
        };
        Self { driver, state, speed_mps, encoder, sensors, noise }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn profile(&self) -> &Arc<Profile> {
        self.encoder.profile()
    }

    /// Lets time go on by `dt_s` seconds, up to `now`.
    pub fn step(&mut self, now: Timestamp, dt_s: f64) -> &State {
        let state = &mut self.state;
        let charge = state.powertrain.can_charge().then_some(state.powertrain.charge_percent);
        let demand = self.driver.step(dt_s, self.speed_mps, charge);
        let was_on = state.on;
        state.phase = self.driver.phase();
        state.on = Body::is_on(state.phase);
        if state.on && !was_on {
            state.trip_m = 0.0;
        }
        let here = self.driver.position();
        let ambient_c = state.weather.ambient_c;
        if let Phase::Charging { .. } = state.phase {
            self.speed_mps = 0.0;
            if state.powertrain.charge(dt_s, ambient_c) {
                self.driver.charged();
            }
        } else {
            let heat_w = state.body.climate_w();
            let asked = if state.on { demand.acceleration } else { -2.0 };
            state.powertrain.step(dt_s, state.on, self.speed_mps, asked, here.grade, heat_w, ambient_c);
        }
        let before_mps = self.speed_mps;
        let after_mps = (before_mps + state.powertrain.output.acceleration * dt_s).max(0.0);
        self.speed_mps = if state.on || after_mps > 0.0 { after_mps } else { 0.0 };
        let way_m = (before_mps + self.speed_mps) / 2.0 * dt_s;
        self.driver.moved(way_m);
        state.odometer_m += way_m;
        state.trip_m += way_m;
        state.body.service_km -= way_m / 1_000.0;
        state.cruise = demand.cruise;
        state.cruise_kmh = (demand.limit_mps * 3.6 / 5.0).round() * 5.0;
        let weather = state.weather;
        state.body.step(dt_s, now, here.place, weather, state.phase, demand, self.speed_mps, &mut self.noise);
        self.measure(dt_s, before_mps);
        &self.state
    }

    /// Hands each message to `emit` that the car's control units send now. None comes more often
    /// than every `interval_min`.
    pub fn messages(&mut self, now: Timestamp, interval_min: Micros, emit: &mut impl FnMut(BusMessage)) {
        for sensor in &self.sensors {
            self.encoder.set(sensor.id(), sensor.read(&self.state));
        }
        let interval = if self.state.on { interval_min } else { interval_min.max(OFF_INTERVAL) };
        self.encoder.poll(now, interval, emit);
    }

    /// What a control unit makes of a message that was put on the bus: it answers a diagnostic
    /// question, or brings an actuator to its target.
    pub fn receive(&mut self, message: &BusMessage) -> Option<BusMessage> {
        let profile = Arc::clone(self.encoder.profile());
        let mut targets = Vec::new();
        // What cannot be read is noise on the bus to a control unit.
        profile.read_targets(message, &mut |sample| targets.push(sample)).ok()?;
        for target in targets {
            self.obey(&target);
        }
        let BusMessage::Can(frame) = message else { return None };
        let value_of = |leaf: &signals::Leaf| {
            let sensor = sensors::all().iter().find(|sensor| sensor.id() == leaf.id)?;
            sensor.fits(&self.state.powertrain).then(|| sensor.read(&self.state))?
        };
        profile.answer(frame, value_of).map(BusMessage::Can)
    }

    fn obey(&mut self, target: &Sample) {
        let Some(leaf) = self.encoder.profile().catalogue().by_id(target.signal) else { return };
        let Some(value) = &target.reading.value else { return };
        let body = &mut self.state.body;
        match (&*leaf.path, value) {
            ("Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit", value) => {
                let percent = value.as_f64().unwrap_or(100.0);
                self.state.powertrain.charge_limit_percent = percent.clamp(20.0, 100.0);
            }
            ("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", Value::Float(celsius)) => {
                body.setpoint_c = *celsius
            }
            ("Vehicle.Cabin.Infotainment.Media.Volume", value) => {
                body.volume_percent = value.as_f64().unwrap_or_default();
            }
            ("Vehicle.Body.Lights.Hazard.IsSignaling", Value::Bool(on)) => body.hazard = *on,
            // Other actuators follow the driver again at the next step.
            _ => {}
        }
    }

    /// Sensors see the car through their noise.
    fn measure(&mut self, dt_s: f64, before_mps: f64) {
        let (state, noise) = (&mut self.state, &mut self.noise);
        let speed = self.speed_mps;
        let moving = if speed > 0.05 { 1.0 } else { 0.0 };
        state.speed_kmh = (speed * 3.6 + noise.bell(0.04) * moving).max(0.0);
        state.position = self.driver.position();
        let curvature = state.position.curvature_per_m;
        for (corner, wheel) in state.wheels_kmh.iter_mut().enumerate() {
            // The outer wheels go a longer way: half of a track of 1.55 m.
            let side = if corner % 2 == 0 { -0.775 } else { 0.775 };
            *wheel = (speed * (1.0 + curvature * side) * 3.6 + noise.bell(0.06) * moving).max(0.0);
        }
        state.acceleration = (speed - before_mps) / dt_s.max(1e-3) + noise.bell(0.03) * moving;
        state.lateral = speed * speed * curvature + noise.bell(0.03) * moving;
        state.yaw_deg_s = (speed * curvature).to_degrees() + noise.bell(0.05) * moving;
        // Wheelbase 2.7 m, steering ratio 15, a touch of understeer.
        let wheel_rad = 2.7 * curvature * (1.0 + speed * speed / 900.0);
        let steering = (wheel_rad * 15.0).to_degrees() + noise.bell(0.4) * moving;
        state.steering_deg_s = ((steering - state.steering_deg) / dt_s.max(1e-3)).clamp(-500.0, 500.0);
        state.steering_deg = steering;
        let output = state.powertrain.output;
        state.pedal_percent = output.pedal * 100.0;
        state.brake_percent = output.friction * 100.0;
        state.accuracy_m = 2.5 + noise.share() * 2.0;
        // GNSS errs by metres, and its error wanders little within a second; north and east alike.
        let (north, east) = (noise.bell(0.8), noise.bell(0.8));
        state.position.place = crate::track::offset(state.position.place, north, east);
        state.position.altitude_m += noise.bell(1.5);
    }
}

#[cfg(test)]
mod tests;
