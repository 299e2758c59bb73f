use super::*;
use crate::{noise::Noise, track::Track};

/// Coarse outlines of land, well inside of the coast and of the great lakes: latitude, longitude.
const EUROPE: &[(f64, f64)] = &[
    (48.4, -2.5),
    (49.2, -0.8),
    (49.4, 0.6),
    (50.0, 1.8),
    (50.8, 2.4),
    (51.1, 3.2),
    (51.3, 4.4),
    (51.8, 5.5),
    (52.6, 7.2),
    (53.3, 9.0),
    (53.6, 11.0),
    (53.5, 14.0),
    (53.9, 16.0),
    (54.1, 19.8),
    (54.0, 22.5),
    (50.0, 23.5),
    (48.0, 20.0),
    (46.5, 16.0),
    (45.9, 13.0),
    (45.5, 12.0),
    (44.95, 12.0),
    (44.2, 12.1),
    (43.5, 13.2),
    (42.7, 13.7),
    (41.9, 14.4),
    (41.4, 14.6),
    (41.36, 13.75),
    (41.6, 12.75),
    (41.8, 12.4),
    (42.3, 12.0),
    (42.6, 11.5),
    (43.2, 10.8),
    (43.8, 10.5),
    (44.2, 10.1),
    (44.55, 9.2),
    (44.6, 8.5),
    (44.3, 7.8),
    (43.9, 7.0),
    (43.5, 6.0),
    (43.6, 4.6),
    (43.4, 3.0),
    (42.3, 2.7),
    (41.7, 2.0),
    (41.2, 1.0),
    (40.6, 0.2),
    (39.5, -0.7),
    (38.5, -0.9),
    (37.4, -2.2),
    (37.2, -6.3),
    (41.5, -8.3),
    (43.0, -8.0),
    (43.1, -4.0),
    (43.1, -1.7),
    (44.5, -0.9),
    (45.7, -0.7),
    (46.4, -0.9),
    (47.1, -1.6),
    (47.7, -2.3),
];
const BRITAIN: &[(f64, f64)] = &[
    (51.1, -2.4),
    (51.1, 0.6),
    (51.6, 0.4),
    (52.2, 1.2),
    (52.7, 0.2),
    (53.3, 0.0),
    (53.6, -0.6),
    (54.3, -0.8),
    (54.8, -1.6),
    (54.6, -2.7),
    (54.0, -2.7),
    (53.4, -2.7),
    (52.9, -3.5),
    (51.8, -3.8),
    (51.6, -2.8),
];
const UNITED_STATES: &[(f64, f64)] = &[
    (48.5, -95.0),
    (43.2, -88.2),
    (42.4, -88.0),
    (41.85, -87.72),
    (41.57, -87.4),
    (41.57, -87.1),
    (41.66, -86.8),
    (42.1, -86.2),
    (42.9, -86.0),
    (44.5, -85.8),
    (45.3, -84.8),
    (44.9, -83.7),
    (43.5, -84.0),
    (43.0, -82.7),
    (42.6, -82.95),
    (42.36, -83.05),
    (42.1, -83.25),
    (41.75, -83.5),
    (41.4, -83.1),
    (41.2, -81.7),
    (42.2, -79.6),
    (42.8, -78.6),
    (43.1, -77.0),
    (44.0, -75.6),
    (44.0, -72.0),
    (42.3, -71.4),
    (41.4, -73.2),
    (40.6, -74.6),
    (39.6, -75.9),
    (38.0, -77.7),
    (35.5, -78.0),
    (33.5, -80.0),
    (31.5, -81.9),
    (30.8, -84.0),
    (30.8, -89.0),
    (30.4, -92.0),
    (29.9, -95.3),
    (28.5, -97.3),
    (27.0, -98.2),
    (29.8, -102.0),
    (31.6, -106.0),
    (31.5, -110.0),
    (32.7, -115.0),
    (33.6, -117.2),
    (34.1, -118.2),
    (34.5, -118.8),
    (35.5, -120.3),
    (37.3, -121.6),
    (38.5, -122.1),
    (45.0, -122.5),
    (48.5, -120.0),
    (48.5, -97.0),
];
const ONTARIO: &[(f64, f64)] = &[
    (43.76, -79.65),
    (43.3, -80.1),
    (42.8, -80.7),
    (42.62, -81.3),
    (42.35, -81.9),
    (42.2, -82.3),
    (42.08, -82.9),
    (42.23, -83.05),
    (42.29, -82.95),
    (42.26, -82.7),
    (42.27, -82.48),
    (42.35, -82.38),
    (42.6, -82.35),
    (43.0, -82.2),
    (43.3, -81.6),
    (44.4, -81.1),
    (44.4, -79.8),
];
const BRAZIL: &[(f64, f64)] = &[
    (-7.0, -36.0),
    (-7.3, -34.92),
    (-8.2, -35.1),
    (-9.6, -36.2),
    (-12.5, -38.9),
    (-18.0, -40.3),
    (-20.0, -41.0),
    (-22.4, -43.5),
    (-23.1, -45.6),
    (-23.8, -46.5),
    (-25.1, -48.8),
    (-25.8, -49.2),
    (-27.0, -49.2),
    (-29.0, -52.0),
    (-24.0, -54.0),
    (-15.0, -55.0),
    (-7.0, -45.0),
];

fn is_inside(outline: &[(f64, f64)], place: Place) -> bool {
    let edges = outline.iter().zip(outline.iter().cycle().skip(1));
    let crossings = edges.filter(|((a_lat, a_lon), (b_lat, b_lon))| {
        let between = (*a_lat > place.latitude) != (*b_lat > place.latitude);
        between && place.longitude < (b_lon - a_lon) * (place.latitude - a_lat) / (b_lat - a_lat) + a_lon
    });
    crossings.count() % 2 == 1
}

pub(crate) fn is_on_land(place: Place) -> bool {
    [EUROPE, BRITAIN, UNITED_STATES, ONTARIO, BRAZIL].iter().any(|outline| is_inside(outline, place))
}

#[test]
fn the_outlines_know_land_from_water() {
    let place = |latitude, longitude| Place { latitude, longitude };
    // Berlin, Denver, Brasília; the Channel, Lake Michigan, Lake St. Clair, the Adriatic.
    for (latitude, longitude) in [(52.5, 13.4), (39.7, -105.0), (-15.8, -47.9)] {
        assert!(is_on_land(place(latitude, longitude)), "{latitude} {longitude}");
    }
    for (latitude, longitude) in [(50.2, -0.5), (43.0, -87.0), (42.45, -82.65), (43.5, 15.0)] {
        assert!(!is_on_land(place(latitude, longitude)), "{latitude} {longitude}");
    }
}

#[test]
fn every_road_runs_on_land_all_the_way() {
    for (seed, road) in (0_u64..).zip(ROADS) {
        let track = Track::along(road, &mut Noise::new(seed));
        let mut metres = 0.0;
        while metres <= track.length_m() {
            let place = track.at(metres).place;
            assert!(is_on_land(place), "{}: {} {}", road.name, place.latitude, place.longitude);
            metres += 500.0;
        }
    }
}

#[test]
fn every_market_has_roads() {
    for market in [Market::Eu, Market::Na, Market::Br] {
        assert!(roads(market).count() >= 3);
    }
}
