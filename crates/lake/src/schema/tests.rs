use signals::{CatalogueBuilder, DataType};

use super::*;
use crate::tests::leaf;

fn float(id: u32, path: &str, scale: u8) -> Leaf {
    leaf(id, path, DataType::Scalar(ScalarType::Float), scale, DataCategory::Driving)
}

/// The names that leaves get one after the other.
fn names(leaves: &[Leaf]) -> Vec<String> {
    let mut builder = CatalogueBuilder::default();
    let mut columns = Arc::new(Columns::default());
    let mut names = Names::default();
    let ids: Vec<_> = leaves.iter().map(|leaf| leaf.id).collect();
    for leaf in leaves {
        builder.add(leaf.clone());
    }
    let catalogue = builder.build().unwrap();
    let found = ids.iter().map(|id| names.find(&mut columns, &catalogue, *id).unwrap().0.clone());
    let found = found.collect();
    assert!(ids.iter().all(|id| names.known(&catalogue, *id).is_some()));
    found
}

#[test]
fn a_column_has_its_path_as_name() {
    assert_eq!(names(&[float(1, "Vehicle.Speed", 2)]), ["Vehicle_Speed"]);
}

#[test]
fn no_two_paths_share_a_column_and_none_has_a_name_that_tables_refuse() {
    let paths = [
        "A.B.C",
        "A.B_C",
        "a.b.c",
        "A B",
        "A_20_B",
        "A..B",
        "lane",
        "Source.Time",
        "A._B",
        "A_.B",
        "\u{e9},;{}()=\n",
    ];
    let leaves: Vec<_> = (1..).zip(paths).map(|(id, path)| float(id, path, 0)).collect();
    let mut folded: Vec<_> = names(&leaves).iter().map(|name| name.to_ascii_lowercase()).collect();
    assert!(folded.iter().flat_map(|name| name.chars()).all(|c| c.is_ascii_alphanumeric() || c == '_'));
    folded.extend(delta_fixed().iter().map(|field| field.name().clone()));
    folded.sort_unstable();
    let count = folded.len();
    folded.dedup();
    assert_eq!(folded.len(), count, "{folded:?}");
}

#[test]
fn another_type_gets_another_column() {
    let mut columns = Columns::default();
    columns.insert("Vehicle_Speed".to_owned(), ColumnKind::of(&float(1, "Vehicle.Speed", 2)));
    assert_eq!(columns.name_of(&float(1, "Vehicle.Speed", 4)), "Vehicle_Speed_decimal4");
    assert_eq!(columns.name_of(&float(7, "Vehicle.speed", 4)), "Vehicle_speed_7");
}
