//! What is refused.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn no_id_token_counts_that_is_not_wholly_right() {
    let lies: [(&str, fn(&mut Draft)); 19] = [
        ("nonce", |draft| draft.claims["nonce"] = json!("another")),
        ("no nonce", |draft| draft.without("nonce")),
        ("aud", |draft| draft.claims["aud"] = json!("other")),
        ("two aud", |draft| draft.claims["aud"] = json!([CLIENT, "other"])),
        ("iss", |draft| draft.claims["iss"] = json!("https://evil.example")),
        ("azp", |draft| draft.claims["azp"] = json!("other")),
        ("acr", |draft| draft.claims["acr"] = json!("password")),
        ("no acr", |draft| draft.without("acr")),
        ("at_hash", |draft| draft.claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("exp", |draft| draft.claims["exp"] = json!(seconds() - 120)),
        ("old iat", |draft| draft.claims["iat"] = json!(seconds() - 600)),
        ("iat ahead", |draft| draft.claims["iat"] = json!(seconds() + 600)),
        ("no sub", |draft| draft.claims["sub"] = json!("")),
        ("long sub", |draft| draft.claims["sub"] = json!("x".repeat(300))),
        ("alg none", |draft| draft.signer = Signer::Nobody),
        ("HS256 with the public key", |draft| draft.signer = Signer::PublicKey),
        ("another's key", |draft| draft.signer = Signer::Key(Key::new("first"))),
        ("typ", |draft| draft.header["typ"] = json!("at+jwt")),
        ("crit", |draft| draft.header["crit"] = json!(["b64"])),
    ];
    // No platform hears more from one address.
    let (claims, signatures) = lies.split_at(10);
    tokio::join!(check_lies(claims), check_lies(signatures));
}

async fn check_lies(lies: &[(&str, fn(&mut Draft))]) {
    let provider = Provider::start().await;
    let more = "acr_values = [\"mfa\"]";
    let fixed = Fixed::new(&provider.settings("group", "customer", more)).await;
    let mut browser = fixed.browser();
    let mut person = anna();
    person["acr"] = json!("mfa");
    assert_eq!(browser.sign_in(&provider, person.clone()).await, "/vehicles");
    let session = browser.session.clone();
    for (name, lie) in lies {
        provider.lie(*lie);
        assert_eq!(browser.sign_in(&provider, person.clone()).await, failed("invalid"), "{name}");
        assert_eq!(browser.session, session, "{name}");
    }
    provider.stop_lying();
    fixed.wait(Micros::from_secs(5));
    assert_eq!(browser.sign_in(&provider, person).await, "/vehicles");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_one_browsers_once_and_for_ten_minutes() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let (mut browser, mut other) = (fixed.browser(), fixed.browser());
    let login = "/v1/oidc/group/login";
    let back = browser.go(&provider, login, anna()).await;
    let in_other_tab = browser.go(&provider, login, anna()).await;
    assert_eq!(other.follow(&back).await, failed("expired"), "without the cookie");
    assert_eq!(browser.follow(&back).await, "/", "which costs its browser nothing");
    assert_eq!(browser.follow(&in_other_tab).await, "/", "two tabs sign in beside each other");

    let planted = other.go(&provider, login, anna()).await;
    let location = browser.follow(login).await;
    let own = provider.authorise(&location, anna());
    assert_eq!(browser.follow(&planted).await, failed("expired"), "somebody else's sign-in is not ours");
    let kept = browser.begun[0].clone();
    assert_eq!(browser.follow(&own).await, "/", "and ends none of ours");
    assert!(browser.begun.is_empty());

    // A browser that keeps its cookie, and a provider that gives a second code.
    browser.begun.push(kept);
    let again = provider.authorise(&location, anna());
    assert_eq!(browser.follow(&again).await, failed("expired"), "a state counts once");
    let back = browser.go(&provider, login, anna()).await;
    fixed.wait(Micros(10 * Micros::MINUTE.0));
    assert_eq!(browser.follow(&back).await, failed("expired"));
    for nonsense in ["", "?state=x&code=y", "?code=y", "?error=access_denied"] {
        let path = format!("/v1/oidc/group/callback{nonsense}");
        assert_eq!(browser.follow(&path).await, failed("expired"), "{nonsense}");
    }
    // What strangers bring about leaves no trace in the log.
    let told = audit::told(&fixed.fixture);
    assert!(told.iter().all(|(.., reason)| reason != "sign-in-refused"), "{told:?}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_sent_to_begin_many_keeps_three() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let login = |letters| format!("/v1/oidc/group/login?return_to=/{}", "x".repeat(letters));
    let mut backs = Vec::new();
    for _ in 0..20 {
        backs.push(browser.go(&provider, &login(255), anna()).await);
    }
    let bytes: usize = browser.begun.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(browser.begun.len() == 3 && bytes < 3 * 1_024, "{} of {bytes} bytes", browser.begun.len());
    let reply = browser.get(&login(256)).await;
    assert_eq!(reply.problem(422, "unprocessable")["errors"][0]["place"], "return_to");
    assert_eq!(browser.follow(&backs[16]).await, failed("expired"));
    for back in &backs[17..] {
        assert_eq!(browser.follow(back).await, format!("/{}", "x".repeat(255)));
    }
    assert!(browser.begun.is_empty());
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_begin_hinder_nobody() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let back = browser.go(&provider, "/v1/oidc/group/login", anna()).await;
    for _ in 0..500 {
        fixed.browser().follow("/v1/oidc/group/login").await;
    }
    assert_eq!(browser.follow(&back).await, "/");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_was_begun_is_one_call_to_the_provider() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let back = browser.go(&provider, "/v1/oidc/group/login", anna()).await;
    let kept = browser.begun[0].clone();
    let wrong = back.replace("code=", "code=wrong-");
    assert_eq!(browser.follow(&wrong).await, failed("invalid"));
    for again in [&wrong, &back] {
        browser.begun = vec![kept.clone()];
        assert_eq!(browser.follow(again).await, failed("expired"));
    }
    assert_eq!(provider.asked("token"), 1);
    fixed.stop().await;
}

/// Nobody asks the provider for anything.
#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_again_and_again_uses_up_no_tries() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    for _ in 0..12 {
        let back = browser.go(&provider, "/v1/oidc/group/login", anna()).await;
        let given_up = back.replace("code=", "error=access_denied&ignored=");
        assert_eq!(browser.follow(&given_up).await, failed("refused"));
    }
    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_brings_few_wrong_codes_and_as_many_right_ones_as_it_likes() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let login = "/v1/oidc/group/login";
    for _ in 0..12 {
        let mut browser = fixed.browser();
        assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    }
    let right = provider.asked("token");
    let mut heard = 0;
    let (mut last, back) = loop {
        let mut browser = fixed.browser();
        let back = browser.go(&provider, login, anna()).await;
        let failure = browser.follow(&back.replace("code=", "code=wrong-")).await;
        if failure != failed("invalid") {
            assert_eq!(failure, failed("busy"));
            break (browser, back);
        }
        heard += 1;
    };
    assert!(heard >= 10, "{heard}");
    assert_eq!(provider.asked("token") - right, heard);
    fixed.wait(Micros::from_secs(5));
    assert_eq!(last.follow(&back).await, "/", "its sign-in is still there");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_code_keep_nobody_from_beginning() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let login = "/v1/oidc/group/login";
    let mut comers = Vec::new();
    for _ in 0..8 {
        let mut comer = fixed.browser();
        let back = comer.go(&provider, login, anna()).await;
        comers.push((comer, back));
    }
    provider.answer("token", Answer::Never);
    let wait = comers.iter_mut().map(|(comer, back)| comer.follow(back));
    let begins = async {
        while provider.asked("token") < 8 {
            tokio::task::yield_now().await;
        }
        // What the provider said of itself is too old, and has to be asked for.
        fixed.wait(Micros::HOUR);
        fixed.browser().follow(login).await
    };
    let (failures, began) = tokio::join!(futures::future::join_all(wait), begins);
    assert!(began.starts_with(&provider.issuer), "{began}");
    assert!(failures.iter().all(|failure| *failure == super::failed("unavailable")), "{failures:?}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_provider_is_does_not_depend_on_those_who_wait_for_it() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let login = "/v1/oidc/group/login";
    fixed.browser().follow(login).await;
    provider.answer("discovery", Answer::Never);
    fixed.wait(Micros::HOUR);
    let begin = async || fixed.browser().follow(login).await;
    let began = futures::future::join_all(std::iter::repeat_with(begin).take(9)).await;
    let (sent, failures): (Vec<_>, Vec<_>) =
        began.into_iter().partition(|location| location.starts_with(&provider.issuer));
    assert_eq!(sent.len(), 1, "the ninth goes where the provider was an hour ago");
    assert!(failures.iter().all(|failure| *failure == super::failed("unavailable")), "{failures:?}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_for_the_provider_that_was_asked() {
    let (honest, evil) = (Provider::start().await, Provider::start().await);
    let both = format!("{}{}", honest.settings("group", "staff", ""), evil.settings("evil", "customer", ""));
    let fixed = Fixed::new(&both).await;
    let mut browser = fixed.browser();
    // The code of one is brought to the other's callback.
    let back = browser.go(&honest, "/v1/oidc/group/login", anna()).await;
    assert_eq!(browser.follow(&back.replace("/group/", "/evil/")).await, failed("invalid"));
    // One that says to be another (RFC 9207).
    let back = browser.go(&honest, "/v1/oidc/group/login", anna()).await;
    let (before, _) = back.split_once("&iss=").unwrap();
    let wrong = format!("{before}&iss={}", evil.issuer);
    assert_eq!(browser.follow(&wrong).await, failed("invalid"));
    // One that says nothing, where it would.
    let back = browser.go(&honest, "/v1/oidc/group/login", anna()).await;
    let (before, _) = back.split_once("&iss=").unwrap();
    assert_eq!(browser.follow(before).await, failed("invalid"));
    assert_eq!((honest.asked("token"), evil.asked("token")), (0, 0), "no code was given away");
    // The same subject of another issuer is somebody else.
    browser.sign_in(&honest, anna()).await;
    let back = browser.go(&evil, "/v1/oidc/evil/login", anna()).await;
    browser.follow(&back).await;
    assert_eq!(fixed.session(&browser.session).await["account"]["username"], "evil:anna");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_provider_does_not_name_itself() {
    let provider = Provider::start().await;
    provider.keep_its_name_back();
    let fixed = Fixed::of(&provider).await;
    assert_eq!(fixed.browser().sign_in(&provider, anna()).await, "/vehicles");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let back = browser.go(&provider, "/v1/oidc/group/login", anna()).await;
    let back = back.replace("code=", "error=access_denied&error_description=%0aevil&was=");
    assert_eq!(browser.follow(&back).await, failed("refused"));
    assert!(browser.session.is_empty());
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_again_when_they_changed_and_not_more_often() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (1, 1));
    provider.rotate("second", true);
    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (1, 2));
    provider.rotate("nowhere", false);
    for _ in 0..3 {
        assert_eq!(browser.sign_in(&provider, anna()).await, failed("invalid"));
    }
    assert_eq!(provider.asked("keys"), 2, "they were asked for a moment ago");
    fixed.wait(Micros::from_secs(31));
    assert_eq!(browser.sign_in(&provider, anna()).await, failed("invalid"));
    assert_eq!(provider.asked("keys"), 3);
    fixed.wait(Micros::HOUR);
    provider.rotate("third", true);
    // The provider's own clock stays behind; the platform asks anew all the same.
    assert_eq!(browser.sign_in(&provider, anna()).await, failed("invalid"));
    assert_eq!((provider.asked("discovery"), provider.asked("keys")), (2, 4));
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_or_raves_costs_only_itself() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let login = "/v1/oidc/group/login";
    for answer in [Answer::Failed, Answer::Huge, Answer::Elsewhere, Answer::Never] {
        provider.answer("discovery", answer);
        assert_eq!(browser.follow(login).await, failed("unavailable"), "{answer:?}");
        fixed.wait(Micros::from_secs(3));
    }
    provider.answer("discovery", Answer::Right);
    for answer in [Answer::Failed, Answer::Huge, Answer::Elsewhere] {
        provider.answer("keys", answer);
        assert_eq!(browser.follow(login).await, failed("unavailable"), "{answer:?}");
        let asked = provider.asked("keys");
        assert_eq!(browser.follow(login).await, failed("unavailable"), "{answer:?}");
        assert_eq!(provider.asked("keys"), asked, "it was down a moment ago");
        fixed.wait(Micros::from_secs(3));
    }
    provider.answer("keys", Answer::Right);
    for answer in [Answer::Failed, Answer::Huge, Answer::Elsewhere] {
        provider.answer("token", answer);
        let to = browser.sign_in(&provider, anna()).await;
        assert!([failed("unavailable"), failed("invalid")].contains(&to), "{answer:?}: {to}");
    }
    fixed.fixture.get("/v1/session").await.expect(200);
    provider.answer("token", Answer::Right);
    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    assert_eq!(provider.asked("elsewhere"), 0);
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_certificate_is_of_an_authority_that_is_trusted() {
    let (provider, ca) = Provider::start_with_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, ca).unwrap();
    let strange = Fixed::of(&provider).await;
    assert_eq!(strange.browser().follow("/v1/oidc/group/login").await, failed("unavailable"));
    strange.stop().await;
    let named = format!("ca_file = \"{}\"", path.display());
    let fixed = Fixed::new(&provider.settings("group", "customer", &named)).await;
    assert_eq!(fixed.browser().sign_in(&provider, anna()).await, "/vehicles");
    fixed.stop().await;
}
