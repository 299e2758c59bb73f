use signals::CatalogueBuilder;

use super::*;

const NOW: Timestamp = Timestamp(1);

/// What another release ships: a leaf of another type.
fn of_another_release() -> Catalogue {
    let mut builder = CatalogueBuilder::default();
    for leaf in Catalogue::core().leaves() {
        let scale = if &*leaf.path == "Vehicle.Speed" { signals::Scale::ZERO } else { leaf.scale };
        builder.add(Leaf { scale, ..Leaf::clone(leaf) });
    }
    builder.build().unwrap()
}

#[tokio::test]
async fn what_another_release_shipped_is_read_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
    let theirs = of_another_release();
    // As that release's start stores it.
    store.add_catalogue(theirs.hash(), leaf_count(&theirs), theirs.encode().as_bytes(), NOW).await.unwrap();
    let catalogues = Catalogues::load(&store, NOW).await.unwrap();
    let found = catalogues.get(theirs.hash()).unwrap();
    assert!(found.leaves().eq(theirs.leaves()));
    assert_eq!(catalogues.core().hash(), Catalogue::core().hash());
}

#[tokio::test]
async fn the_shipped_catalogue_is_kept_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
    Catalogues::load(&store, NOW).await.unwrap();
    let core = Catalogue::core();
    let source = store.catalogue_source(core.hash()).await.unwrap();
    assert!(Catalogue::decode(&source).unwrap().leaves().eq(core.leaves()));
}

#[tokio::test]
async fn one_that_cannot_be_read_costs_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
    let theirs = of_another_release();
    store.add_catalogue(CatalogueHash(7), 1, b"rubbish", NOW).await.unwrap();
    store.add_catalogue(CatalogueHash(8), 1, theirs.encode().as_bytes(), NOW).await.unwrap();
    let catalogues = Catalogues::load(&store, NOW).await.unwrap();
    assert!(catalogues.get(CatalogueHash(7)).is_none() && catalogues.get(CatalogueHash(8)).is_none());
    assert!(catalogues.get(catalogues.core().hash()).is_some());
}

#[tokio::test]
async fn an_added_catalogue_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&directory.path().join("store.sqlite")).await.unwrap();
    let catalogues = Catalogues::load(&store, NOW).await.unwrap();
    let vspec =
        br#"{"Vehicle": {"type": "branch", "children": {"Mood": {"type": "sensor", "datatype": "string"}}}}"#;
    let (added, new) = catalogues.add(&store, vspec.as_slice().into(), NOW).await.unwrap();
    assert!(new);
    let again = Catalogues::load(&store, NOW).await.unwrap();
    let before = catalogues.get(added.hash).unwrap();
    assert!(again.get(added.hash).unwrap().leaves().eq(before.leaves()));
    assert!(again.leaf_by_path("Vehicle.Mood").is_ok());
}
