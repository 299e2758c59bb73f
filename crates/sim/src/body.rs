//! The rest of the car: doors, lights, tyres, climate, sound, the 12 V battery, the service book.

use model::Timestamp;

use crate::{
    driver::{Demand, Indicate, Phase},
    noise::Noise,
    routes::Place,
};

/// What the public calls cold: tyres are filled to that.
const TYRE_KPA: f64 = 240.0;

/// Which end of the car, and which side: front left, front right, rear left, rear right.
pub(crate) const CORNERS: usize = 4;

/// Weather at one place, the same for as long as the fleet runs.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub ambient_c: f64,
    pub rain: bool,
}

impl Weather {
    pub fn at(place: Place, noise: &mut Noise) -> Self {
        // Colder away from the equator; nobody's forecast.
        let ambient_c = 29.0 - (place.latitude.abs() - 15.0).max(0.0) * 0.42 + noise.bell(4.0);
        Self { ambient_c, rain: noise.chance(0.15) }
    }
}

/// Whether the sun is down where the car is.
pub(crate) fn is_dark(now: Timestamp, place: Place) -> bool {
    let seconds = now.0.div_euclid(1_000_000) as f64 + place.longitude / 15.0 * 3_600.0;
    let hour = seconds.rem_euclid(86_400.0) / 3_600.0;
    !(7.0..19.5).contains(&hour)
}

#[derive(Debug, Clone)]
pub struct Body {
    pub doors_open: [bool; CORNERS],
    pub trunk_open: bool,
    pub locked: bool,
    pub belted: [bool; 2],
    pub indicate: Indicate,
    pub hazard: bool,
    pub dark: bool,
    pub wiping: bool,
    pub tyre_kpa: [f64; CORNERS],
    pub tyre_c: [f64; CORNERS],
    pub setpoint_c: f64,
    pub fan_percent: f64,
    pub cooling: bool,
    pub cabin_c: f64,
    pub volume_percent: f64,
    pub source: &'static str,
    pub low_voltage_v: f64,
    pub service_km: f64,
    pub trouble_codes: u8,
    passenger: bool,
    cold_kpa: [f64; CORNERS],
    /// Of one tyre in a hundred cars, in kPa an hour.
    leak_kpa_h: f64,
}

const SOURCES: [&str; 5] = ["FM", "DAB", "BLUETOOTH", "USB", "INTERNET"];

impl Body {
    pub fn new(weather: Weather, noise: &mut Noise) -> Self {
        let cold_kpa = std::array::from_fn(|_| TYRE_KPA + noise.bell(7.0));
        Self {
            doors_open: [false; CORNERS],
            trunk_open: false,
            locked: true,
            belted: [false; 2],
            indicate: Indicate::Off,
            hazard: false,
            dark: false,
            wiping: false,
            tyre_kpa: cold_kpa,
            tyre_c: [weather.ambient_c; CORNERS],
            setpoint_c: noise.between(18.0, 23.0).round(),
            fan_percent: 0.0,
            cooling: false,
            cabin_c: weather.ambient_c,
            volume_percent: noise.between(5.0, 45.0).round(),
            source: SOURCES[noise.below(SOURCES.len())],
            low_voltage_v: 12.5,
            service_km: noise.between(-300.0, 24_000.0),
            trouble_codes: if noise.chance(0.06) { 1 + u8::from(noise.chance(0.2)) } else { 0 },
            passenger: noise.chance(0.35),
            cold_kpa,
            leak_kpa_h: if noise.chance(0.01) { noise.between(4.0, 30.0) } else { 0.0 },
        }
    }

    /// Whether the car is switched on.
    pub fn is_on(phase: Phase) -> bool {
        matches!(phase, Phase::Driving)
    }

    /// What heating or cooling takes, in watts.
    pub fn climate_w(&self) -> f64 {
        (self.setpoint_c - self.cabin_c).abs() * 140.0 * self.fan_percent / 50.0
    }

    pub fn step(
        &mut self,
        dt_s: f64,
        now: Timestamp,
        place: Place,
        weather: Weather,
        phase: Phase,
        demand: Demand,
        speed_mps: f64,
        noise: &mut Noise,
    ) {
        let on = Self::is_on(phase);
        let at_the_door = matches!(phase, Phase::AtTheDoor { left_s, .. } if left_s < 8.0);
        self.doors_open = [at_the_door, at_the_door && self.passenger, false, false];
        self.trunk_open = at_the_door && self.passenger;
        self.locked = !(at_the_door || (on && speed_mps < 4.0));
        self.belted = [on, on && self.passenger];
        self.indicate = if on { demand.indicate } else { Indicate::Off };
        self.dark = is_dark(now, place);
        self.wiping = on && weather.rain;
        self.climate(dt_s, on, weather);
        self.tyres(dt_s, weather, speed_mps);
        if on && noise.chance(dt_s / 90.0) {
            self.volume_percent = (self.volume_percent + noise.bell(8.0)).clamp(0.0, 80.0).round();
        }
        let charging = on || matches!(phase, Phase::Charging { .. });
        let voltage = if charging { 14.2 } else { 12.45 };
        self.low_voltage_v += (voltage - self.low_voltage_v) * (dt_s / 20.0).min(1.0);
    }

    fn climate(&mut self, dt_s: f64, on: bool, weather: Weather) {
        let gap = self.setpoint_c - self.cabin_c;
        self.fan_percent = if on { (20.0 + gap.abs() * 6.0).min(100.0).round() } else { 0.0 };
        self.cooling = on && (gap < -1.0 || weather.rain);
        let (goal, seconds) = if on { (self.setpoint_c, 300.0) } else { (weather.ambient_c, 2_500.0) };
        self.cabin_c += (goal - self.cabin_c) * (dt_s / seconds).min(1.0);
    }

    fn tyres(&mut self, dt_s: f64, weather: Weather, speed_mps: f64) {
        self.cold_kpa[2] = (self.cold_kpa[2] - self.leak_kpa_h * dt_s / 3_600.0).max(90.0);
        for corner in 0..CORNERS {
            let goal = weather.ambient_c + speed_mps * 0.75;
            self.tyre_c[corner] += (goal - self.tyre_c[corner]) * (dt_s / 900.0).min(1.0);
            // A gas in a closed volume, from what it had at 20 °C.
            let kelvin = self.tyre_c[corner] + 273.15;
            self.tyre_kpa[corner] = (self.cold_kpa[corner] + 101.3) * kelvin / 293.15 - 101.3;
        }
    }
}
