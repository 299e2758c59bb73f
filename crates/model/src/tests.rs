use crate::*;

fn vehicle(byte: u8) -> VehicleId {
    VehicleId::from_bytes([byte; 16])
}

#[test]
fn an_id_has_one_spelling() {
    let text = "000102030405060708090a0b0c0d0e0f";
    let id: VehicleId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(text.to_uppercase().parse::<VehicleId>(), Err(ParseError::Id { length: 32 }));
    assert_eq!("00".parse::<SubjectId>(), Err(ParseError::Id { length: 2 }));
}

#[test]
fn a_vehicle_urn_round_trips() {
    let urn = VehicleUrn { region: "eu".parse().unwrap(), vehicle: vehicle(7) };
    assert_eq!(urn.to_string().parse::<VehicleUrn>().unwrap(), urn);
    for bad in ["", "urn:marque:vehicle:eu", "urn:other:vehicle:eu:00", "urn:marque:vehicle:EU:00"] {
        assert!(bad.parse::<VehicleUrn>().is_err(), "{bad}");
    }
}

/// Golden: these decide where every car's data lives.
#[test]
fn shards_of_known_vehicles_never_change() {
    let shards = |count| {
        let count = ShardCount::new(count).unwrap();
        (0..8).map(|byte| count.shard_of(vehicle(byte)).0).collect::<Vec<_>>()
    };
    assert_eq!(shards(1), [0; 8]);
    assert_eq!(shards(16), [4, 0, 8, 8, 2, 12, 15, 12]);
    assert_eq!(shards(256), [20, 240, 88, 40, 130, 76, 47, 236]);
}

#[test]
fn shards_are_even() {
    let count = ShardCount::new(16).unwrap();
    let mut cars = [0_u32; 16];
    for n in 0_u128..16_000 {
        cars[usize::from(count.shard_of(VehicleId::from_bytes(n.to_be_bytes())).0)] += 1;
    }
    assert!(cars.iter().all(|n| (850..1150).contains(n)), "{cars:?}");
}

#[test]
fn a_shard_count_is_a_power_of_two() {
    for bad in [0, 3, 257, 512] {
        assert_eq!(ShardCount::new(bad), Err(ParseError::ShardCount));
    }
}

#[test]
fn a_vin_hides_itself() {
    let vin: Vin = "VF3CCHMZ0KT012345".parse().unwrap();
    assert_eq!(format!("{vin:?}"), "Vin(..)");
    for bad in ["", "VF3CCHMZ0KT01234", "VF3CCHMZ0KT01234O", "vf3cchmz0kt012345", "VF3CCHMZ0KT0123é"] {
        assert_eq!(bad.parse::<Vin>(), Err(ParseError::Vin), "{bad}");
    }
}

#[test]
fn names_and_codes_round_trip() {
    for brand in Brand::ALL {
        assert_eq!(brand.slug().parse(), Ok(brand));
        assert_eq!(Brand::from_code(brand.code()), Some(brand));
    }
    for category in DataCategory::ALL {
        assert_eq!(category.slug().parse(), Ok(category));
        assert_eq!(DataCategory::from_code(category.code()), Some(category));
    }
    for lane in Lane::ALL {
        assert_eq!(lane.slug().parse(), Ok(lane));
    }
    assert_eq!(Brand::from_code(0), None);
    assert_eq!("Peugeot".parse::<Brand>(), Err(ParseError::Brand));
}

#[test]
fn a_region_is_a_plain_name() {
    for good in ["eu", "us-east", "cn1"] {
        assert!(good.parse::<Region>().is_ok(), "{good}");
    }
    for bad in ["", "e", "EU", "1eu", "eu/..", "a-very-long-region-name"] {
        assert_eq!(bad.parse::<Region>(), Err(ParseError::Region), "{bad}");
    }
}

#[test]
fn days_count_from_the_epoch_downwards_too() {
    assert_eq!(Timestamp(0).day(), 0);
    assert_eq!(Timestamp(-1).day(), -1);
    assert_eq!(Timestamp(Micros::DAY.0).day(), 1);
}
