//! A driver: when trips begin and end, how fast the way lets them go, where they stop.

use bus::profile::Market;

use crate::{
    noise::Noise,
    routes::{self, Place, Road},
    track::{Position, Track},
};

/// What a comfortable driver brakes with, in m/s².
const COMFORT_BRAKE: f64 = 1.6;

/// Above that a road is a motorway, and cruise control is worth its while.
const CRUISE_FROM_MPS: f64 = 22.0;

/// What the driver is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Nobody in the car for so many seconds more.
    Parked {
        left_s: f64,
    },
    /// On the cable until the battery is full, or for so many seconds more.
    Charging {
        left_s: f64,
    },
    /// Getting in (or out), doors open.
    AtTheDoor {
        left_s: f64,
        leaving: bool,
    },
    Driving,
}

/// What the driver wants of the car now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// In m/s², before the powertrain says what is possible.
    pub acceleration: f64,
    pub cruise: bool,
    /// What the road allows, in m/s.
    pub limit_mps: f64,
    /// Turning left or right soon, or neither.
    pub indicate: Indicate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indicate {
    Off,
    Left,
    Right,
}

/// One car's driver and their way.
#[derive(Debug, Clone)]
pub struct Driver {
    phase: Phase,
    track: Track,
    distance_m: f64,
    /// Where this trip ends.
    goal_m: f64,
    town: bool,
    /// Faster than others, or slower.
    style: f64,
    limit_mps: f64,
    limit_until_m: f64,
    /// The next red light: where, and for how long.
    light: Option<(f64, f64)>,
    can_charge: bool,
    noise: Noise,
}

impl Driver {
    pub fn new(market: Market, can_charge: bool, mut noise: Noise) -> Self {
        let roads: Vec<_> = routes::roads(market).collect();
        let road = roads[noise.below(roads.len())];
        let town = noise.chance(0.45);
        let track = if town {
            let (centre, altitude_m) = some_place(road, &mut noise);
            Track::in_town(centre, altitude_m, &mut noise)
        } else {
            Track::along(road, &mut noise)
        };
        let distance_m = track.length_m() * noise.between(0.02, 0.9);
        let mut driver = Self {
            phase: Phase::Driving,
            goal_m: distance_m,
            distance_m,
            track,
            town,
            style: noise.between(0.88, 1.1),
            limit_mps: 14.0,
            limit_until_m: 0.0,
            light: None,
            can_charge,
            noise,
        };
        driver.set_goal();
        driver.phase = match driver.noise.share() {
            share if share < 0.62 => Phase::Driving,
            share if share < 0.80 && can_charge => {
                Phase::Charging { left_s: driver.noise.between(600.0, 7_200.0) }
            }
            _ => Phase::Parked { left_s: driver.noise.between(20.0, 3_600.0) },
        };
        driver
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn position(&self) -> Position {
        self.track.at(self.distance_m)
    }

    /// Moves along the way by what the car drove.
    pub fn moved(&mut self, metres: f64) {
        self.distance_m += metres;
    }

    /// The battery is full: who is on the cable stops charging.
    pub fn charged(&mut self) {
        if let Phase::Charging { .. } = self.phase {
            self.phase = Phase::Parked { left_s: self.noise.between(30.0, 900.0) };
        }
    }

    /// Time goes on. What the driver wants follows from where the car is and how fast it goes.
    pub fn step(&mut self, dt_s: f64, speed_mps: f64, charge: Option<f64>) -> Demand {
        self.phase = match self.phase {
            Phase::Parked { left_s } if left_s > dt_s => Phase::Parked { left_s: left_s - dt_s },
            Phase::Charging { left_s } if left_s > dt_s => Phase::Charging { left_s: left_s - dt_s },
            Phase::Parked { .. } | Phase::Charging { .. } => {
                Phase::AtTheDoor { left_s: self.noise.between(4.0, 12.0), leaving: false }
            }
            Phase::AtTheDoor { left_s, leaving } if left_s > dt_s => {
                Phase::AtTheDoor { left_s: left_s - dt_s, leaving }
            }
            Phase::AtTheDoor { leaving: true, .. } => self.rest(charge),
            Phase::AtTheDoor { leaving: false, .. } => {
                self.set_out();
                Phase::Driving
            }
            Phase::Driving if self.distance_m >= self.goal_m - 2.0 && speed_mps < 0.3 => {
                Phase::AtTheDoor { left_s: self.noise.between(4.0, 12.0), leaving: true }
            }
            Phase::Driving => Phase::Driving,
        };
        match self.phase {
            Phase::Driving => self.drive(dt_s, speed_mps),
            Phase::Parked { .. } | Phase::Charging { .. } | Phase::AtTheDoor { .. } => Demand {
                acceleration: -2.0,
                cruise: false,
                limit_mps: self.limit_mps,
                indicate: Indicate::Off,
            },
        }
    }

    /// After a trip: on the cable when there is one and the battery wants it, else just parked.
    fn rest(&mut self, charge: Option<f64>) -> Phase {
        let wants = charge.is_some_and(|percent| percent < 60.0);
        if self.can_charge && (wants || self.noise.chance(0.3)) {
            return Phase::Charging { left_s: self.noise.between(1_200.0, 14_400.0) };
        }
        Phase::Parked { left_s: self.noise.between(120.0, 5_400.0) }
    }

    fn set_out(&mut self) {
        if self.distance_m > self.track.length_m() - 500.0 {
            self.track = self.track.clone().reversed();
            self.distance_m = 0.0;
        }
        self.set_goal();
    }

    fn set_goal(&mut self) {
        let trip_m = if self.town {
            self.noise.between(1_500.0, 12_000.0)
        } else {
            self.noise.between(6_000.0, 120_000.0)
        };
        self.goal_m = (self.distance_m + trip_m).min(self.track.length_m());
        self.limit_until_m = self.distance_m;
        self.light = None;
    }

    fn drive(&mut self, dt_s: f64, speed_mps: f64) -> Demand {
        if self.distance_m >= self.limit_until_m {
            self.next_limit();
        }
        let mut wanted = self.limit_mps * self.style;
        let bend = self.track.bend_ahead(self.distance_m);
        if let Some((ahead_m, turn_deg)) = bend {
            // Tight bends in town are corners of blocks; those of motorways are long curves.
            let bend_mps = if !self.town {
                36.0
            } else if turn_deg > 30.0 {
                5.5
            } else {
                14.0
            };
            wanted = wanted.min(reachable(bend_mps, ahead_m));
        }
        wanted = wanted.min(reachable(0.0, self.goal_m - self.distance_m - 1.0));
        wanted = self.wait_at_light(dt_s, speed_mps, wanted);
        let pull = if speed_mps < wanted { 0.55 } else { 0.9 };
        let acceleration = ((wanted - speed_mps) * pull).clamp(-3.5, 2.4) + self.noise.bell(0.04);
        let cruise = !self.town && speed_mps > CRUISE_FROM_MPS && (wanted - speed_mps).abs() < 2.0;
        let indicate = match bend {
            Some((ahead_m, turn_deg)) if self.town && turn_deg > 30.0 && ahead_m < 45.0 => self.turn_ahead(),
            Some(_) | None => Indicate::Off,
        };
        Demand { acceleration, cruise, limit_mps: self.limit_mps, indicate }
    }

    fn turn_ahead(&self) -> Indicate {
        let (here, there) = (self.track.at(self.distance_m), self.track.at(self.distance_m + 60.0));
        let turn = (there.heading_deg - here.heading_deg + 540.0).rem_euclid(360.0) - 180.0;
        if turn > 0.0 { Indicate::Right } else { Indicate::Left }
    }

    fn wait_at_light(&mut self, dt_s: f64, speed_mps: f64, wanted: f64) -> f64 {
        let Some((at_m, left_s)) = self.light else { return wanted };
        let ahead_m = at_m - self.distance_m;
        if ahead_m < 4.0 && speed_mps < 0.5 {
            self.light = (left_s > dt_s).then_some((at_m, left_s - dt_s));
            return 0.0;
        }
        if ahead_m < -20.0 {
            self.light = None;
            return wanted;
        }
        wanted.min(reachable(0.0, ahead_m - 1.0))
    }

    fn next_limit(&mut self) {
        let (limit_kmh, metres) = if self.town {
            if self.noise.chance(0.55) {
                self.light =
                    Some((self.distance_m + self.noise.between(120.0, 600.0), self.noise.between(4.0, 35.0)));
            }
            ([30.0, 50.0, 50.0, 60.0][self.noise.below(4)], self.noise.between(300.0, 1_200.0))
        } else if self.noise.chance(0.12) {
            // Roadworks, or too many cars.
            (self.noise.between(35.0, 80.0), self.noise.between(400.0, 2_500.0))
        } else {
            ([90.0, 110.0, 110.0, 120.0, 130.0][self.noise.below(5)], self.noise.between(2_000.0, 9_000.0))
        };
        self.limit_mps = limit_kmh / 3.6;
        self.limit_until_m = self.distance_m + metres;
    }
}

/// How fast one may go so as to have `target_mps` after so many metres.
fn reachable(target_mps: f64, ahead_m: f64) -> f64 {
    (target_mps * target_mps + 2.0 * COMFORT_BRAKE * ahead_m.max(0.0)).sqrt()
}

fn some_place(road: &'static Road, noise: &mut Noise) -> (Place, f64) {
    let places: Vec<_> = road.places().collect();
    let index = noise.below(places.len());
    (places[index], road.altitude_m(index))
}
