//! The way of one trip over the ground: a position, a height and a bearing for each metre of it.

use std::f64::consts::TAU;

use crate::{
    noise::Noise,
    routes::{Place, Road},
};

const EARTH_RADIUS_M: f64 = 6_371_000.0;

/// Roads are not straight between waypoints: they swing around the line by this much.
const SWING_RAD: f64 = 0.12;

/// How far a trip in town strays from where it began.
const TOWN_RADIUS_M: f64 = 2_500.0;

/// Where a trip leads. Distances run from its start.
#[derive(Debug, Clone)]
pub struct Track {
    points: Vec<Point>,
    swing_m: f64,
    swing_phase: f64,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    place: Place,
    altitude_m: f64,
    /// From the start of the track.
    distance_m: f64,
}

/// Where a car is on its track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    pub place: Place,
    pub altitude_m: f64,
    /// Clockwise from north, 0 to 360.
    pub heading_deg: f64,
    /// Turn to the left in radians for each metre.
    pub curvature_per_m: f64,
    /// Climb for each metre.
    pub grade: f64,
}

impl Track {
    /// Along a road, one way or the other.
    pub fn along(road: &Road, noise: &mut Noise) -> Self {
        let mut stops: Vec<_> =
            road.places().enumerate().map(|(index, place)| (place, road.altitude_m(index))).collect();
        if noise.chance(0.5) {
            stops.reverse();
        }
        Self::over(&stops, 2_600.0, noise)
    }

    /// Around a place in town, from block to block.
    pub fn in_town(centre: Place, altitude_m: f64, noise: &mut Noise) -> Self {
        let mut stops = vec![(centre, altitude_m)];
        let (mut north, mut east) = (0.0_f64, 0.0_f64);
        for block in 0..40 {
            let step = noise.between(150.0, 700.0) * if noise.chance(0.5) { 1.0 } else { -1.0 };
            let along = if block % 2 == 0 { &mut north } else { &mut east };
            // At the edge of town the way leads back.
            *along += if (*along + step).abs() > TOWN_RADIUS_M { -step } else { step };
            stops.push((offset(centre, north, east), altitude_m + noise.bell(3.0)));
        }
        Self::over(&stops, 900.0, noise)
    }

    fn over(stops: &[(Place, f64)], swing_m: f64, noise: &mut Noise) -> Self {
        let mut points = Vec::with_capacity(stops.len());
        let mut distance_m = 0.0;
        let mut last: Option<Place> = None;
        for (place, altitude_m) in stops {
            distance_m += last.map_or(0.0, |last| distance(last, *place));
            points.push(Point { place: *place, altitude_m: *altitude_m, distance_m });
            last = Some(*place);
        }
        Self { points, swing_m, swing_phase: noise.between(0.0, TAU) }
    }

    pub fn length_m(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.distance_m)
    }

    /// The same way back.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        let length_m = self.length_m();
        self.points.reverse();
        for point in &mut self.points {
            point.distance_m = length_m - point.distance_m;
        }
        self
    }

    /// The next bend of the track: how far it is, and by how many degrees the way turns there.
    pub fn bend_ahead(&self, distance_m: f64) -> Option<(f64, f64)> {
        let next = self.points.partition_point(|point| point.distance_m <= distance_m);
        let (before, at, after) =
            (self.points.get(next.checked_sub(1)?)?, self.points.get(next)?, self.points.get(next + 1)?);
        let turn = bearing_rad(at.place, after.place) - bearing_rad(before.place, at.place);
        let turn_deg = (turn.to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
        Some((at.distance_m - distance_m, turn_deg.abs()))
    }

    /// Where the track is after so many metres; its end beyond its length.
    pub fn at(&self, distance_m: f64) -> Position {
        let distance_m = distance_m.clamp(0.0, self.length_m());
        let next = self.points.partition_point(|point| point.distance_m <= distance_m).max(1);
        let next = next.min(self.points.len().saturating_sub(1));
        let (Some(from), Some(to)) = (self.points.get(next.saturating_sub(1)), self.points.get(next)) else {
            return Position::nowhere();
        };
        let span_m = (to.distance_m - from.distance_m).max(1.0);
        let share = ((distance_m - from.distance_m) / span_m).clamp(0.0, 1.0);
        let straight = Place {
            latitude: from.place.latitude + (to.place.latitude - from.place.latitude) * share,
            longitude: from.place.longitude + (to.place.longitude - from.place.longitude) * share,
        };
        let bearing = bearing_rad(from.place, to.place);
        let angle = distance_m / self.swing_m * TAU + self.swing_phase;
        // Displacement, angle and curvature are derivatives of one another. The swing fades out at
        // the waypoints, so that a track starts and ends where its road does.
        let fade = (share.min(1.0 - share) * span_m / 400.0).min(1.0);
        let aside_m = -SWING_RAD * self.swing_m / TAU * angle.cos() * fade;
        let place = offset(straight, -bearing.sin() * aside_m, bearing.cos() * aside_m);
        let swing = SWING_RAD * angle.sin() * fade;
        Position {
            place,
            altitude_m: from.altitude_m + (to.altitude_m - from.altitude_m) * share,
            heading_deg: (bearing + swing).to_degrees().rem_euclid(360.0),
            curvature_per_m: -SWING_RAD * TAU / self.swing_m * angle.cos() * fade,
            grade: ((to.altitude_m - from.altitude_m) / span_m).clamp(-0.08, 0.08),
        }
    }
}

impl Position {
    fn nowhere() -> Self {
        let place = Place { latitude: 0.0, longitude: 0.0 };
        Self { place, altitude_m: 0.0, heading_deg: 0.0, curvature_per_m: 0.0, grade: 0.0 }
    }
}

/// Metres between two places that are near each other.
pub(crate) fn distance(a: Place, b: Place) -> f64 {
    let north = (b.latitude - a.latitude).to_radians();
    let east = (b.longitude - a.longitude).to_radians() * a.latitude.to_radians().cos();
    north.hypot(east) * EARTH_RADIUS_M
}

/// The place so many metres north and east of another.
pub(crate) fn offset(place: Place, north_m: f64, east_m: f64) -> Place {
    let latitude = place.latitude + (north_m / EARTH_RADIUS_M).to_degrees();
    let parallel_m = EARTH_RADIUS_M * place.latitude.to_radians().cos();
    Place { latitude, longitude: place.longitude + (east_m / parallel_m).to_degrees() }
}

fn bearing_rad(a: Place, b: Place) -> f64 {
    let north = b.latitude - a.latitude;
    let east = (b.longitude - a.longitude) * a.latitude.to_radians().cos();
    east.atan2(north)
}

#[cfg(test)]
mod tests;
