use std::os::unix::fs::PermissionsExt;

use identity::totp::{Secret, Step};

use super::{second_factor::ENROLMENT, *};

/// What an authenticator app shows.
fn shown(drawn: &NewSecondFactor, now: Timestamp) -> String {
    let five_bits = |letter: u8| if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
    let bits: Vec<u8> = drawn
        .secret
        .bytes()
        .flat_map(|letter| (0..5).rev().map(move |place| five_bits(letter) >> place & 1))
        .collect();
    let bytes: Vec<u8> =
        bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
    Secret::from_bytes(bytes.try_into().unwrap()).password(Step::at(now))
}

fn proof(password: &str) -> Proof<'_> {
    Proof { password, one_time_password: None }
}

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn accounts(folder: &Path) -> (Accounts, String) {
    let store = Store::sqlite(&folder.join("marque.db")).await.unwrap();
    let accounts =
        Accounts::new(store, "eu".parse().unwrap(), Sealer::open(folder).unwrap(), Changes::default())
            .unwrap();
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
    let opened = accounts.sign_in(OPERATOR, proof(&password), address("192.0.2.1"), NOW).await.unwrap();
    let token = opened.token.reveal();
    assert_eq!(accounts.session(token, NOW).await.unwrap().unwrap().username, OPERATOR);
    assert!(accounts.session(token, opened.session.expires_at).await.unwrap().is_none());
    assert!(accounts.session("mq_guess", NOW).await.unwrap().is_none());
    accounts.sign_out(&opened.session).await.unwrap();
    assert!(accounts.session(token, NOW).await.unwrap().is_none());
    assert!(!format!("{opened:?}").contains(token));
}

#[tokio::test]
async fn who_was_ever_told_to_do_anything_keeps_the_first_run_away() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, _) = accounts(folder.path()).await;
    let operator = accounts.store.person_named(OPERATOR).await.unwrap().unwrap();
    let mut tx = accounts.store.begin().await.unwrap();
    tx.rename_person(operator.id, "anna").await.unwrap();
    tx.commit().await.unwrap();
    let file = folder.path().join("another");
    assert!(!accounts.first_run(&file, NOW).await.unwrap());
    assert!(!file.exists());
    assert!(accounts.store.person_named(OPERATOR).await.unwrap().is_none());
}

/// A network of its own for each number.
fn elsewhere(number: u8) -> IpAddr {
    IpAddr::from([198, 51, number, 7])
}

#[tokio::test]
async fn wrong_passwords_lock_the_name_where_they_come_from_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let home = address("192.0.2.1");
    accounts.sign_in(OPERATOR, proof(&password), home, NOW).await.unwrap();
    // An unknown name fails like a wrong password, from the first try to the last.
    for name in [OPERATOR, "nobody"] {
        for _ in 0..6 {
            let error = accounts.sign_in(name, proof("wrong"), elsewhere(7), NOW).await.unwrap_err();
            assert!(matches!(error, SignInError::Wrong), "{error}");
        }
        let error = accounts.sign_in(name, proof(&password), elsewhere(7), NOW).await.unwrap_err();
        assert!(matches!(error, SignInError::TooMany { retry_after_s: 30 }), "{error}");
    }
    accounts.sign_in(OPERATOR, proof(&password), elsewhere(8), NOW).await.unwrap();
    let later = NOW + Micros::from_secs(30);
    accounts.sign_in(OPERATOR, proof(&password), elsewhere(7), later).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_guessed_at_from_everywhere_is_slowed_down_but_not_where_its_person_is() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let home = address("192.0.2.1");
    let opened = accounts.sign_in(OPERATOR, proof(&password), home, NOW).await.unwrap();
    accounts.sign_out(&opened.session).await.unwrap();
    for number in 0..30 {
        let error = accounts.sign_in(OPERATOR, proof("wrong"), elsewhere(number), NOW).await.unwrap_err();
        assert!(matches!(error, SignInError::Wrong), "{error}");
    }
    let error = accounts.sign_in(OPERATOR, proof(&password), elsewhere(31), NOW).await.unwrap_err();
    assert!(matches!(error, SignInError::TooMany { retry_after_s: 60 }), "{error}");
    // Also after the last session there was ended.
    let opened = accounts.sign_in(OPERATOR, proof(&password), home, NOW).await.unwrap();
    accounts.prove(&opened.session, proof(&password), elsewhere(31), NOW).await.unwrap();
    let later = NOW + Micros::MINUTE;
    accounts.sign_in(OPERATOR, proof(&password), elsewhere(31), later).await.unwrap();
}

#[tokio::test]
async fn who_has_the_password_cannot_guess_the_second_factor_from_many_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let opened = accounts.sign_in(OPERATOR, proof(&password), address("192.0.2.1"), NOW).await.unwrap();
    let drawn = accounts.draw_second_factor(&opened.session, NOW).unwrap();
    let given = shown(&drawn, NOW);
    accounts.take_second_factor(&opened.session, &drawn.enrolment, &given, NOW).await.unwrap();
    let (mut checked, mut refused) = (0, 0);
    for number in 0..=255_u8 {
        // What the console does: the password alone first. It costs no try.
        let asked = accounts.sign_in(OPERATOR, proof(&password), elsewhere(number), NOW).await.unwrap_err();
        let guess = Proof { password: &password, one_time_password: Some("000000") };
        match accounts.sign_in(OPERATOR, guess, elsewhere(number), NOW).await.unwrap_err() {
            SignInError::Wrong => checked += 1,
            SignInError::TooMany { .. } => refused += 1,
            error @ (SignInError::SecondFactor
            | SignInError::Busy
            | SignInError::Store(_)
            | SignInError::Seal(_)
            | SignInError::Random(_)) => panic!("{error}"),
        }
        assert!(matches!(asked, SignInError::SecondFactor), "{asked}");
    }
    assert_eq!((checked, refused), (6, 250));
}

#[tokio::test]
async fn an_office_signs_in_with_second_factors_from_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let (office, mut now) = (address("192.0.2.1"), NOW);
    let opened = accounts.sign_in(OPERATOR, proof(&password), office, NOW).await.unwrap();
    let drawn = accounts.draw_second_factor(&opened.session, NOW).unwrap();
    accounts.take_second_factor(&opened.session, &drawn.enrolment, &shown(&drawn, NOW), NOW).await.unwrap();
    for _ in 0..80 {
        now = now + Micros::from_secs(30);
        accounts.sign_in(OPERATOR, proof(&password), office, now).await.unwrap_err();
        let given = shown(&drawn, now);
        let both = Proof { password: &password, one_time_password: Some(&given) };
        accounts.sign_in(OPERATOR, both, office, now).await.unwrap();
    }
}

#[tokio::test]
async fn people_who_sign_in_at_once_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let sign_in = |last: u8| {
        let (accounts, password) = (accounts.clone(), password.clone());
        async move { accounts.sign_in(OPERATOR, proof(&password), IpAddr::from([192, 0, 2, last]), NOW).await }
    };
    let all = futures::future::join_all((0..8).map(sign_in)).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
}

#[tokio::test]
async fn the_first_account_may_do_all_that_staff_may_and_a_proof_is_fresh_for_ten_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let opened = accounts.sign_in(OPERATOR, proof(&password), address("192.0.2.1"), NOW).await.unwrap();
    let functions: Vec<_> = opened.session.person.assignments.iter().map(|held| held.function).collect();
    assert_eq!(functions.len(), OPERATOR_FUNCTIONS.len());
    assert!(OPERATOR_FUNCTIONS.iter().all(|function| functions.contains(function)));
    assert!(opened.session.person.assignments.iter().all(|held| held.brands == Brands::ALL));
    let late = NOW + PROVEN;
    assert!(opened.session.is_proven(late - Micros(1)) && !opened.session.is_proven(late));
    accounts.prove(&opened.session, proof("wrong"), address("192.0.2.1"), late).await.unwrap_err();
    accounts.prove(&opened.session, proof(&password), address("192.0.2.1"), late).await.unwrap();
    let session = accounts.session(opened.token.reveal(), late).await.unwrap().unwrap();
    assert!(session.is_proven(late));
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_was_shown_to_work() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let from = address("192.0.2.1");
    let opened = accounts.sign_in(OPERATOR, proof(&password), from, NOW).await.unwrap();
    let other = accounts.sign_in(OPERATOR, proof(&password), from, NOW).await.unwrap();
    let drawn = accounts.draw_second_factor(&opened.session, NOW).unwrap();
    let wrong = accounts.take_second_factor(&opened.session, &drawn.enrolment, "000000", NOW).await;
    wrong.unwrap_err();
    let late = NOW + ENROLMENT;
    let given = shown(&drawn, late);
    accounts.take_second_factor(&opened.session, &drawn.enrolment, &given, late).await.unwrap_err();
    let given = shown(&drawn, NOW);
    accounts.take_second_factor(&opened.session, &drawn.enrolment, &given, NOW).await.unwrap();
    // Sessions from before it end, but for this one.
    assert!(accounts.session(other.token.reveal(), NOW).await.unwrap().is_none());
    assert!(accounts.session(opened.token.reveal(), NOW).await.unwrap().unwrap().has_second_factor);

    let later = NOW + Micros::MINUTE;
    let error = accounts.sign_in(OPERATOR, proof(&password), from, later).await.unwrap_err();
    assert!(matches!(error, SignInError::SecondFactor), "{error}");
    let error = accounts.sign_in(OPERATOR, proof("wrong"), from, later).await.unwrap_err();
    assert!(matches!(error, SignInError::Wrong), "who does not know the password hears of no second factor");
    let with = |one_time: &'static str| Proof { password: &password, one_time_password: Some(one_time) };
    accounts.sign_in(OPERATOR, with("000000"), from, later).await.unwrap_err();
    let given = shown(&drawn, later);
    let both = Proof { password: &password, one_time_password: Some(&given) };
    let again = accounts.sign_in(OPERATOR, both, from, later).await.unwrap();
    let elsewhere = address("192.0.2.9");
    accounts.sign_in(OPERATOR, both, elsewhere, later).await.unwrap_err();
    accounts.remove_second_factor(&again.session).await.unwrap();
    accounts.sign_in(OPERATOR, proof(&password), elsewhere, later).await.unwrap();
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let (accounts, password) = accounts(folder.path()).await;
    let from = address("192.0.2.1");
    let here = accounts.sign_in(OPERATOR, proof(&password), from, NOW).await.unwrap();
    let there = accounts.sign_in(OPERATOR, proof(&password), from, NOW).await.unwrap();
    accounts.change_password(&here.session, "five words that nobody has").await.unwrap();
    assert!(accounts.session(here.token.reveal(), NOW).await.unwrap().is_some());
    assert!(accounts.session(there.token.reveal(), NOW).await.unwrap().is_none());
    accounts.sign_in(OPERATOR, proof(&password), from, NOW).await.unwrap_err();
    accounts.sign_in(OPERATOR, proof("five words that nobody has"), from, NOW).await.unwrap();
}
