use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

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
    let opened = accounts.sign_in(OPERATOR, &password, address("192.0.2.1"), NOW).await.unwrap();
    let token = opened.token.reveal();
    assert_eq!(accounts.session(token, NOW).await.unwrap().unwrap().username, OPERATOR);
    assert_eq!(accounts.session(token, opened.expires_at).await.unwrap(), None);
    assert_eq!(accounts.session("mq_guess", NOW).await.unwrap(), None);
    accounts.sign_out(token).await.unwrap();
    assert_eq!(accounts.session(token, NOW).await.unwrap(), None);
    assert!(!format!("{opened:?}").contains(token));
}

#[tokio::test]
async fn wrong_passwords_slow_down_the_address_that_sends_them_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let guesser = address("2001:db8:1:2::7");
    // An unknown name fails like a wrong password, from the first try to the last.
    for name in [OPERATOR, "nobody", OPERATOR, "nobody", OPERATOR] {
        let error = accounts.sign_in(name, "wrong", guesser, NOW).await.unwrap_err();
        assert!(matches!(error, SignInError::Wrong), "{error}");
    }
    for (name, password) in [(OPERATOR, "wrong"), ("nobody", "wrong"), (OPERATOR, password.as_str())] {
        let error = accounts.sign_in(name, password, address("2001:db8:1:2::8"), NOW).await.unwrap_err();
        assert!(matches!(error, SignInError::TooMany { retry_after_s: 60 }), "{error}");
    }
    accounts.sign_in(OPERATOR, &password, address("192.0.2.1"), NOW).await.unwrap();
    let later = NOW + Micros::MINUTE;
    accounts.sign_in(OPERATOR, &password, guesser, later).await.unwrap();
    accounts.sign_in(OPERATOR, &password, guesser, later).await.unwrap();
    accounts.sign_in(OPERATOR, "wrong", guesser, later).await.unwrap_err();
    let error = accounts.sign_in(OPERATOR, "wrong", guesser, later).await.unwrap_err();
    assert!(matches!(error, SignInError::TooMany { .. }), "{error}");
}

#[tokio::test]
async fn people_who_sign_in_at_once_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let sign_in = |last: u8| {
        let (accounts, password) = (accounts.clone(), password.clone());
        async move { accounts.sign_in(OPERATOR, &password, IpAddr::from([192, 0, 2, last]), NOW).await }
    };
    let all = futures::future::join_all((0..8).map(sign_in)).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}
