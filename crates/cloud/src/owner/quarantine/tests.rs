use lake::{Lake, LakeOptions};

use super::*;

const SHARD: ShardId = ShardId(0);

async fn quarantined(lake: &Lake) -> Vec<String> {
    lake.states().list().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_go_when_there_are_too_many_in_all_lives() {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path(), &LakeOptions::default()).unwrap();
    for life in 0..2_u64 {
        let mut quarantine = Quarantine::open(lake.states().clone(), SHARD).await.unwrap();
        for offset in 0..600 {
            quarantine.refill();
            quarantine.keep(Offset(life * 600 + offset), 0, Bytes::from_static(b"batch")).await;
        }
    }
    let names = quarantined(&lake).await;
    assert_eq!(names.len(), BATCHES_MAX);
    assert!(names[0].ends_with("00000000000000000200-000000"), "{}", names[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_log_again_takes_no_room_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path(), &LakeOptions::default()).unwrap();
    for _ in 0..3 {
        let mut quarantine = Quarantine::open(lake.states().clone(), SHARD).await.unwrap();
        for index in 0..usize::try_from(BATCHES_A_FLUSH_MAX).unwrap() * 2 {
            quarantine.keep(Offset(7), index, Bytes::from_static(b"batch")).await;
        }
    }
    assert_eq!(quarantined(&lake).await.len(), usize::try_from(BATCHES_A_FLUSH_MAX).unwrap() * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_kept_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path(), &LakeOptions::default()).unwrap();
    let mut quarantine = Quarantine::open(lake.states().clone(), SHARD).await.unwrap();
    quarantine.keep(Offset(7), 0, Bytes::from_static(b"batch")).await;
    lake.states().put("snapshot-000-00000000000000000007", Bytes::from_static(b"other")).await.unwrap();
    expire(lake.states(), SHARD, Timestamp(0)).await.unwrap();
    assert_eq!(quarantined(&lake).await.len(), 2);
    expire(lake.states(), SHARD, Timestamp(100_000 * Micros::DAY.0)).await.unwrap();
    assert_eq!(quarantined(&lake).await, ["snapshot-000-00000000000000000007"]);
}
