use std::{fs, path::PathBuf};

use model::DataCategory;
use proptest::prelude::*;

use super::*;
use crate::{DataType, Leaf, LeafKind, Limits, ScalarType, Scale, SignalId, Value, Vspec};

fn odd(path: &str, unit: &str, allowed: Vec<String>, description: &str) -> Leaf {
    Leaf {
        id: SignalId::hashed(path),
        path: path.into(),
        kind: LeafKind::Actuator,
        data_type: DataType::Array(ScalarType::String),
        unit: (!unit.is_empty()).then(|| unit.into()),
        limits: Limits {
            min: Some(-0.1),
            max: None,
            allowed: allowed.into_iter().map(|text| Value::Text(text.into())).collect(),
        },
        category: DataCategory::Identity,
        scale: Scale::ZERO,
        description: description.into(),
    }
}

fn catalogue(leaves: impl IntoIterator<Item = Leaf>) -> Catalogue {
    let mut builder = CatalogueBuilder::default();
    for leaf in leaves {
        builder.add(leaf);
    }
    builder.build().unwrap()
}

#[track_caller]
fn check_round_trip(catalogue: &Catalogue) {
    let text = catalogue.encode();
    assert!(Catalogue::is_encoded(text.as_bytes()));
    let decoded = Catalogue::decode(text.as_bytes()).unwrap();
    assert_eq!(decoded.hash(), catalogue.hash());
    assert!(decoded.leaves().eq(catalogue.leaves()));
}

#[track_caller]
fn check_error(source: &[u8], expected: &str) {
    assert_eq!(Catalogue::decode(source).unwrap_err().to_string(), expected);
}

#[test]
fn the_shipped_catalogue_comes_back_leaf_by_leaf() {
    check_round_trip(&Catalogue::core());
}

#[test]
fn every_release_of_vss_comes_back_leaf_by_leaf() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vss");
    for name in ["vss_release_4.0.json", "vss_release_6.0.json", "vss_HEAD.json"] {
        let Ok(text) = fs::read_to_string(dir.join(name)) else {
            eprintln!("skipped: ../shared/data is absent");
            return;
        };
        check_round_trip(&Vspec::read(&text).unwrap().catalogue);
    }
}

/// These bytes stand in databases and in cars: they are read for ever.
#[test]
fn the_first_format_is_read_for_ever() {
    let golden = "# marque catalogue 1 70ea60f98bbbb3b5\n\
        id\tpath\tkind\tdatatype\tunit\tmin\tmax\tallowed\tcategory\tscale\tdescription\n\
        2900000000\tVehicle.A\tsensor\tfloat\tkm/h\t-1.5\t250\t\tdriving\t2\tA speed.\n\
        2900000001\tVehicle.B\tactuator\tstring\t\t\t\tON,A\\,B,\"\"\tbody\t0\tA tab\\t, a line\\nand \\\\.\n\
        2900000002\tVehicle.C\tattribute\tuint8[]\t\t\t\t1,2\tequipment\t0\t\n";
    let decoded = Catalogue::decode(golden.as_bytes()).unwrap();
    assert_eq!(decoded.encode(), golden);
    let texts = &decoded.by_path("Vehicle.B").unwrap().limits.allowed;
    assert_eq!(**texts, [Value::from("ON"), Value::from("A,B"), Value::from("")]);
    assert_eq!(&*decoded.by_path("Vehicle.B").unwrap().description, "A tab\t, a line\nand \\.");
    assert_eq!(*decoded.by_path("Vehicle.C").unwrap().limits.allowed, [Value::Uint(1), Value::Uint(2)]);
}

#[test]
fn what_is_no_catalogue_is_refused_with_its_reason() {
    let text = Catalogue::core().encode();
    let cut = &text.as_bytes()[..text.len() / 2];
    assert!(Catalogue::decode(cut).is_err());
    let whole_lines: String = text.lines().take(100).map(|line| format!("{line}\n")).collect();
    let error = Catalogue::decode(whole_lines.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("it names the hash"), "{error}");
    check_error(b"{}", "not an encoded catalogue: the first line is not `# marque catalogue 1 ` and a hash");
    check_error(b"\xff", "not an encoded catalogue: it is not UTF-8");
    check_error(
        b"# marque catalogue 1 7\n",
        "not an encoded catalogue: a catalogue hash is 16 lower-case hexadecimal digits",
    );
    check_error(
        b"# marque catalogue 1 0000000000000007\nid\n",
        "the encoded catalogue, line 1: the header row is wrong",
    );
    check_error(
        &vec![b' '; CATALOGUE_BYTES_MAX + 1],
        "not an encoded catalogue: it has 16777217 bytes; at most 16777216 are read",
    );
}

proptest! {
    #[test]
    fn any_text_of_a_leaf_comes_back(
        unit in any::<String>(),
        allowed in prop::collection::vec(any::<String>(), 0..4),
        description in any::<String>(),
    ) {
        check_round_trip(&catalogue([odd("Vehicle.Odd", &unit, allowed, &description)]));
    }

    #[test]
    fn no_bytes_make_it_fail_otherwise_than_by_an_error(tail in any::<Vec<u8>>()) {
        let mut source = b"# marque catalogue 1 0000000000000007\n".to_vec();
        source.extend(tail);
        prop_assert!(Catalogue::decode(&source).is_err());
    }
}
