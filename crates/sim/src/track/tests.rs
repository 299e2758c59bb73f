use bus::profile::Market;
use proptest::prelude::*;

use super::*;
use crate::routes;

fn some_track(seed: u64, town: bool) -> Track {
    let mut noise = Noise::new(seed);
    let roads: Vec<_> = routes::roads(Market::Eu).collect();
    let road = roads[noise.below(roads.len())];
    let centre = road.places().next().unwrap();
    if town { Track::in_town(centre, 100.0, &mut noise) } else { Track::along(road, &mut noise) }
}

proptest! {
    #[test]
    fn a_metre_on_the_track_is_about_a_metre_on_the_ground(seed in any::<u64>(), town: bool, share in 0.0..0.98_f64) {
        let track = some_track(seed, town);
        let at = track.length_m() * share;
        let ground = distance(track.at(at).place, track.at(at + 10.0).place);
        // Corners of blocks cut the way short.
        prop_assert!(ground < 14.0, "{ground} m");
        prop_assert!(town || ground > 9.0, "{ground} m");
    }

    #[test]
    fn the_way_back_passes_the_same_places(seed in any::<u64>(), town: bool, share in 0.1..0.9_f64) {
        let track = some_track(seed, town);
        let back = track.clone().reversed();
        let at = track.length_m() * share;
        // The swing around the line differs; the line is the same.
        let apart = distance(track.at(at).place, back.at(track.length_m() - at).place);
        prop_assert!(apart < 120.0, "{apart} m");
    }

    #[test]
    fn a_town_trip_stays_in_town(seed in any::<u64>(), share in 0.0..1.0_f64) {
        let track = some_track(seed, true);
        let away = distance(track.at(0.0).place, track.at(track.length_m() * share).place);
        prop_assert!(away < 4_000.0, "{away} m");
    }

    #[test]
    fn a_position_is_one_on_earth(seed in any::<u64>(), town: bool, metres in -1e6..1e6_f64) {
        let position = some_track(seed, town).at(metres);
        prop_assert!((0.0..360.0).contains(&position.heading_deg));
        prop_assert!(position.place.latitude.abs() < 90.0 && position.place.longitude.abs() < 180.0);
        prop_assert!(position.curvature_per_m.is_finite());
    }
}

#[test]
fn an_offset_is_as_far_as_it_says() {
    let berlin = Place { latitude: 52.5, longitude: 13.4 };
    let there = offset(berlin, 300.0, -400.0);
    assert!((distance(berlin, there) - 500.0).abs() < 0.1);
}
