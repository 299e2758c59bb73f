//! What is refused.

use super::*;

/// Signs in with each ID token told otherwise.
#[track_caller]
fn told<'a>(
    lies: &mut Vec<(&'static str, Box<dyn Fn(&mut Draft) + Send + Sync + 'a>)>,
    name: &'static str,
    lie: impl Fn(&mut Draft) + Send + Sync + 'a,
) {
    lies.push((name, Box::new(lie)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_id_token_counts_that_is_not_wholly_right() {
    let provider = Provider::start().await;
    let more = "acr_values = [\"mfa\"]";
    let fixed = Fixed::new(&provider.settings("group", "customer", more)).await;
    let mut browser = fixed.browser();
    let mut person = anna();
    person["acr"] = json!("mfa");
    assert_eq!(browser.sign_in(&provider, person.clone()).await, "/vehicles");
    let session = browser.session.clone();

    let mut lies = Vec::new();
    told(&mut lies, "nonce", |draft| draft.claims["nonce"] = json!("another"));
    told(&mut lies, "no nonce", |draft| drop(draft.claims.as_object_mut().unwrap().remove("nonce")));
    told(&mut lies, "aud", |draft| draft.claims["aud"] = json!("other"));
    told(&mut lies, "two aud", |draft| draft.claims["aud"] = json!([CLIENT, "other"]));
    told(&mut lies, "iss", |draft| draft.claims["iss"] = json!("https://evil.example"));
    told(&mut lies, "azp", |draft| draft.claims["azp"] = json!("other"));
    told(&mut lies, "acr", |draft| draft.claims["acr"] = json!("password"));
    told(&mut lies, "no acr", |draft| drop(draft.claims.as_object_mut().unwrap().remove("acr")));
    told(&mut lies, "at_hash", |draft| draft.claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"));
    told(&mut lies, "exp", |draft| draft.claims["exp"] = json!(seconds() - 120));
    told(&mut lies, "old iat", |draft| draft.claims["iat"] = json!(seconds() - 600));
    told(&mut lies, "iat ahead", |draft| draft.claims["iat"] = json!(seconds() + 600));
    told(&mut lies, "no sub", |draft| draft.claims["sub"] = json!(""));
    told(&mut lies, "long sub", |draft| draft.claims["sub"] = json!("x".repeat(300)));
    told(&mut lies, "alg none", |draft| draft.signer = Signer::Nobody);
    told(&mut lies, "HS256 with the public key", |draft| draft.signer = Signer::PublicKey);
    told(&mut lies, "another's key", |draft| draft.signer = Signer::Key(Key::new("first")));
    told(&mut lies, "typ", |draft| draft.header["typ"] = json!("at+jwt"));
    told(&mut lies, "crit", |draft| draft.header["crit"] = json!(["b64"]));
    for (name, lie) in lies {
        provider.lie(lie);
        assert_eq!(browser.sign_in(&provider, person.clone()).await, failed("invalid"), "{name}");
        assert_eq!(browser.session, session, "{name}");
    }
    provider.stop_lying();
    assert_eq!(browser.sign_in(&provider, person).await, "/vehicles");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_one_browsers_once_and_for_ten_minutes() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let (mut browser, mut other) = (fixed.browser(), fixed.browser());
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = provider.authorise(&location, anna());
    assert_eq!(other.follow(&back).await, failed("expired"), "without the cookie");
    assert_eq!(browser.follow(&back).await, failed("expired"), "it was tried");

    let theirs = other.begin("/v1/oidc/group/login").await;
    browser.begin("/v1/oidc/group/login").await;
    let planted = provider.authorise(&theirs, anna());
    assert_eq!(browser.follow(&planted).await, failed("expired"), "somebody else's sign-in is not ours");

    let location = browser.begin("/v1/oidc/group/login").await;
    let back = provider.authorise(&location, anna());
    assert_eq!(browser.follow(&back).await, "/");
    assert_eq!(browser.follow(&back).await, failed("expired"), "a state counts once");
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = provider.authorise(&location, anna());
    fixed.wait(Micros(10 * Micros::MINUTE.0));
    assert_eq!(browser.follow(&back).await, failed("expired"));
    for nonsense in ["", "?state=x&code=y", "?code=y", "?error=access_denied"] {
        let path = format!("/v1/oidc/group/callback{nonsense}");
        assert_eq!(browser.follow(&path).await, failed("expired"), "{nonsense}");
    }
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_for_the_provider_that_was_asked() {
    let (honest, evil) = (Provider::start().await, Provider::start().await);
    let both = format!("{}{}", honest.settings("group", "staff", ""), evil.settings("evil", "customer", ""));
    let fixed = Fixed::new(&both).await;
    let mut browser = fixed.browser();
    // The code of one is brought to the other's callback.
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = honest.authorise(&location, anna());
    assert_eq!(browser.follow(&back.replace("/group/", "/evil/")).await, failed("invalid"));
    // One that says to be another (RFC 9207).
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = honest.authorise(&location, anna());
    let (before, _) = back.split_once("&iss=").unwrap();
    let wrong = format!("{before}&iss={}", evil.issuer);
    assert_eq!(browser.follow(&wrong).await, failed("invalid"));
    // One that says nothing, where it would.
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = honest.authorise(&location, anna());
    let (before, _) = back.split_once("&iss=").unwrap();
    assert_eq!(browser.follow(before).await, failed("invalid"));
    assert_eq!((honest.asked("token"), evil.asked("token")), (0, 0), "no code was given away");
    // The same subject of another issuer is somebody else.
    browser.sign_in(&honest, anna()).await;
    let location = browser.begin("/v1/oidc/evil/login").await;
    let back = evil.authorise(&location, anna());
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
    let location = browser.begin("/v1/oidc/group/login").await;
    let back = provider.authorise(&location, anna());
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
        assert_eq!(browser.begin(login).await, failed("unavailable"), "{answer:?}");
        fixed.wait(Micros::from_secs(3));
    }
    provider.answer("discovery", Answer::Right);
    for answer in [Answer::Failed, Answer::Huge, Answer::Elsewhere] {
        provider.answer("keys", answer);
        assert_eq!(browser.begin(login).await, failed("unavailable"), "{answer:?}");
        let asked = provider.asked("keys");
        assert_eq!(browser.begin(login).await, failed("unavailable"), "{answer:?}");
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
    assert_eq!(strange.browser().begin("/v1/oidc/group/login").await, failed("unavailable"));
    strange.stop().await;
    let named = format!("ca_file = \"{}\"", path.display());
    let fixed = Fixed::new(&provider.settings("group", "customer", &named)).await;
    assert_eq!(fixed.browser().sign_in(&provider, anna()).await, "/vehicles");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_too_often_waits() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    // A slow machine gets some back meanwhile.
    let mut reply = browser.get("/v1/oidc/group/login").await;
    let mut tries = 1;
    while reply.status == 303 && tries < 300 {
        reply = browser.get("/v1/oidc/group/login").await;
        tries += 1;
    }
    assert!(tries > 60, "{tries}");
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(429, "too-many-requests");
    fixed.stop().await;
}
