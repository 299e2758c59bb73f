use super::*;

async fn open(folder: &Path) -> Store {
    Store::sqlite(&folder.join("marque.db")).await.unwrap()
}

#[tokio::test]
async fn a_database_has_one_data_folder() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Claim::take(open(first.path()).await, first.path()).await.unwrap();
    let refused = Claim::take(open(first.path()).await, second.path()).await.unwrap_err();
    assert!(matches!(refused, StartError::OtherData { .. }), "{refused}");
    // A life that ended without a word keeps nobody waiting who goes on with it.
    Claim::take(open(first.path()).await, first.path()).await.unwrap();
}

#[tokio::test]
async fn a_copied_data_folder_does_not_run_beside_its_original() {
    let (first, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(first.path()).await;
    let (claim, _) = Claim::take(store.clone(), first.path()).await.unwrap();
    fs::copy(first.path().join(NAME_FILE), copy.path().join(NAME_FILE)).unwrap();
    let other = Claim::ask(&store, &holder(copy.path())).await.unwrap().unwrap_err();
    assert_eq!(other, holder(first.path()));
    claim.release(&store).await;
    Claim::take(store, copy.path()).await.unwrap();
}

#[tokio::test]
async fn a_platform_that_lost_the_database_fails_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (claim, ours) = Claim::take(store.clone(), folder.path()).await.unwrap();
    claim.release(&store).await;
    store.acquire_lease(ROLE, "another", TTL).await.unwrap();
    assert!(matches!(ours.begin().await, Err(store::Error::Fenced)));
    let failed = CancellationToken::new();
    claim.keep(store, failed.clone()).await;
    assert!(failed.is_cancelled());
}
