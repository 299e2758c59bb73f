use model::{Brand, Micros, ShardId};

use super::NOW;
use crate::{Error, LakeFile, LakeFileState, Store};

pub(super) async fn a_lease_has_one_holder_and_a_growing_epoch(store: Store) {
    let hour = Micros::HOUR;
    let first = store.acquire_lease("committer", "a", hour).await.unwrap();
    assert_eq!((first.holder.as_str(), first.epoch), ("a", 1));
    let other = store.acquire_lease("committer", "b", hour).await.unwrap();
    assert_eq!((other.holder.as_str(), other.epoch), ("a", 1), "two held the lease at once");
    let renewed = store.acquire_lease("committer", "a", hour).await.unwrap();
    assert_eq!(renewed.epoch, 1);
    assert!(renewed.expires_at >= first.expires_at);
    store.release_lease("committer", "b", 1).await.unwrap();
    assert_eq!(store.acquire_lease("committer", "b", hour).await.unwrap().holder, "a");
    store.release_lease("committer", "a", 1).await.unwrap();
    let next = store.acquire_lease("committer", "b", hour).await.unwrap();
    assert_eq!((next.holder.as_str(), next.epoch), ("b", 2));
}

pub(super) async fn a_role_that_nobody_else_took_keeps_its_epoch(store: Store) {
    let mine = store.acquire_lease("committer", "a", Micros(0)).await.unwrap();
    let again = store.acquire_lease("committer", "a", Micros::HOUR).await.unwrap();
    assert_eq!((again.epoch, again.holder.as_str()), (mine.epoch, "a"));
}

pub(super) async fn who_lost_a_role_changes_nothing_any_more(store: Store) {
    let mine = store.acquire_lease("platform", "a", Micros(0)).await.unwrap();
    let first = store.clone().fenced("platform", "a", mine.epoch);
    first.begin().await.unwrap().commit().await.unwrap();
    let other = store.acquire_lease("platform", "b", Micros(0)).await.unwrap();
    assert!(matches!(first.begin().await, Err(Error::Fenced)));
    store.clone().fenced("platform", "b", other.epoch).begin().await.unwrap().commit().await.unwrap();
    // Also when the role comes back to them: others have worked meanwhile.
    let back = store.acquire_lease("platform", "a", Micros::HOUR).await.unwrap();
    assert_eq!(back.holder, "a");
    assert!(matches!(first.begin().await, Err(Error::Fenced)));
}

pub(super) async fn a_setting_is_fixed_once(store: Store) {
    assert_eq!(store.setting("region").await.unwrap(), None);
    assert_eq!(store.fix_setting("region", "eu").await.unwrap(), "eu");
    assert_eq!(store.fix_setting("region", "us").await.unwrap(), "eu");
}

pub(super) async fn lake_files_go_from_pending_to_forgotten(store: Store) {
    let file = |path: &str, to_offset: u64| LakeFile {
        table: "telemetry".to_owned(),
        path: path.to_owned(),
        shard: ShardId(0),
        from_offset: 0,
        to_offset,
        brand: Brand::Peugeot,
        date: "2026-11-23".to_owned(),
        bucket: 3,
        bytes: 1_000,
        rows: 10,
        stats: "{}".to_owned(),
        state: LakeFileState::Pending,
    };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.add_lake_files(&[file("b", 20), file("a", 10)], NOW).await.unwrap(), 2);
    assert_eq!(tx.add_lake_files(&[file("a", 10)], NOW).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let pending = store.lake_files("telemetry", LakeFileState::Pending).await.unwrap();
    assert_eq!(pending, [file("a", 10), file("b", 20)]);

    let mut tx = store.begin().await.unwrap();
    let paths = ["a".to_owned(), "b".to_owned()];
    assert_eq!(tx.move_lake_files(&paths, LakeFileState::Committed, NOW).await.unwrap(), 2);
    assert_eq!(tx.forget_lake_files(&paths[..1]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(store.lake_files("telemetry", LakeFileState::Committed).await.unwrap().len(), 1);

    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.forget_lake_files(&paths[..1]).await.unwrap(), 0);
    assert_eq!(tx.forget_lake_files_in("location", LakeFileState::Committed).await.unwrap(), 0);
    assert_eq!(tx.forget_lake_files_in("telemetry", LakeFileState::Pending).await.unwrap(), 0);
    assert_eq!(tx.forget_lake_files_in("telemetry", LakeFileState::Committed).await.unwrap(), 1);
}
