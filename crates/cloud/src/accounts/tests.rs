use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

async fn accounts(folder: &Path) -> (Accounts, String) {
    let store = Store::sqlite(&folder.join("marque.db")).await.unwrap();
    let accounts = Accounts::new(store).unwrap();
    assert!(accounts.first_run(&folder.join("operator-password"), NOW).await.unwrap());
    let password = std::fs::read_to_string(folder.join("operator-password")).unwrap();
    (accounts, password.trim().to_owned())
}

#[tokio::test]
async fn the_first_run_makes_one_operator_whose_password_only_the_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let file = folder.path().join("operator-password");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(password.len() >= 24);
    assert!(!accounts.first_run(&file, NOW).await.unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), password);
}

#[tokio::test]
async fn a_session_is_open_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let opened = accounts.sign_in(OPERATOR, &password, NOW).await.unwrap();
    let token = opened.token.reveal();
    assert_eq!(accounts.session(token, NOW).await.unwrap().unwrap().username, OPERATOR);
    assert_eq!(accounts.session(token, opened.expires_at).await.unwrap(), None);
    assert_eq!(accounts.session("mq_guess", NOW).await.unwrap(), None);
    accounts.sign_out(token).await.unwrap();
    assert_eq!(accounts.session(token, NOW).await.unwrap(), None);
    assert!(!format!("{opened:?}").contains(token));
}

#[tokio::test]
async fn wrong_passwords_lock_the_account_for_longer_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    for _ in 1..FAILURES_MAX {
        let error = accounts.sign_in(OPERATOR, "wrong", NOW).await.unwrap_err();
        assert!(matches!(error, SignInError::Wrong), "{error}");
    }
    let locked = accounts.sign_in(OPERATOR, "wrong", NOW).await.unwrap_err();
    assert!(matches!(locked, SignInError::Locked { retry_after_s: 60 }), "{locked}");
    let right = accounts.sign_in(OPERATOR, &password, NOW).await.unwrap_err();
    assert!(matches!(right, SignInError::Locked { .. }), "a right password opens a locked account");
    let later = NOW + LOCK;
    let again = accounts.sign_in(OPERATOR, "wrong", later).await.unwrap_err();
    assert!(matches!(again, SignInError::Locked { retry_after_s: 120 }), "{again}");
    accounts.sign_in(OPERATOR, &password, later + Micros(2 * LOCK.0)).await.unwrap();
}

#[tokio::test]
async fn an_unknown_name_fails_like_a_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, _) = accounts(folder.path()).await;
    let error = accounts.sign_in("nobody", "x", NOW).await.unwrap_err();
    assert!(matches!(error, SignInError::Wrong), "{error}");
}
