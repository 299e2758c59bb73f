//! Access tokens of a provider as bearer tokens.

use super::*;

fn claims(provider: &Provider) -> Value {
    let now = seconds();
    json!({
        "iss": provider.issuer, "aud": AUDIENCE, "sub": "anna-1", "client_id": APP, "iat": now,
        "exp": now + 600, "jti": "t-1"
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_who_has_signed_in_before_counts() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let ask = async |token: &str| fixed.fixture.by(token, Method::GET, "/v1/session", None).await;
    let token = provider.sign("at+jwt", claims(&provider), |_| {});
    let mut browser = fixed.browser();
    // The provider's keys are known from then on.
    browser.sign_in(&provider, json!({ "sub": "ben-1" })).await;
    ask(&token).await.problem(401, "unauthorized");
    browser.sign_in(&provider, anna()).await;
    let session = ask(&token).await.expect(200);
    assert_eq!(session["account"]["username"], "group:anna");
    let keys = provider.asked("keys");
    ask(&token).await.expect(200);
    assert_eq!(provider.asked("keys"), keys);

    // Nobody has proven anything who does not say when.
    let proven =
        |session: &Value| session["proven_until"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(proven(&session) <= jiff::Timestamp::now());
    let at = |ago: i64| {
        let mut claims = claims(&provider);
        claims["auth_time"] = json!(seconds() - ago);
        provider.sign("application/at+jwt", claims, |_| {})
    };
    assert!(proven(&ask(&at(60)).await.expect(200)) > jiff::Timestamp::now());
    assert!(proven(&ask(&at(660)).await.expect(200)) < jiff::Timestamp::now());
    let vehicles = fixed.fixture.by(&token, Method::GET, "/v1/vehicles", None).await.expect(200);
    assert_eq!(vehicles["items"], json!([]));

    fixed.wait(Micros(11 * Micros::MINUTE.0));
    ask(&token).await.problem(401, "unauthorized");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_access_token_counts_that_is_not_wholly_right() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let silent = other
        .settings("other", "staff", "")
        .replace(&format!("audience = \"{AUDIENCE}\"\naccess_clients = [\"{APP}\"]\n"), "");
    let fixed = Fixed::new(&format!("{}{silent}", provider.settings("group", "customer", ""))).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let ask = async |token: &str| fixed.fixture.by(token, Method::GET, "/v1/session", None).await;
    let lie = |name: &'static str, lie: &dyn Fn(&mut Draft)| {
        (name, provider.sign("at+jwt", claims(&provider), |draft| lie(draft)))
    };
    ask(&lie("right", &|_| {}).1).await.expect(200);
    for (name, token) in [
        lie("typ", &|draft| draft.header["typ"] = json!("JWT")),
        lie("no typ", &|draft| drop(draft.header.as_object_mut().unwrap().remove("typ"))),
        lie("aud", &|draft| draft.claims["aud"] = json!(CLIENT)),
        lie("iss", &|draft| draft.claims["iss"] = json!("https://evil.example")),
        lie("over", &|draft| draft.claims["exp"] = json!(seconds() - 1)),
        lie("ahead", &|draft| draft.claims["iat"] = json!(seconds() + 300)),
        lie("too long", &|draft| draft.claims["exp"] = json!(seconds() + 3_700)),
        lie("not yet", &|draft| draft.claims["nbf"] = json!(seconds() + 300)),
        lie("unknown sub", &|draft| draft.claims["sub"] = json!("nobody")),
        lie("no sub", &|draft| draft.without("sub")),
        lie("no exp", &|draft| draft.without("exp")),
        lie("another client", &|draft| draft.claims["client_id"] = json!("another-app")),
        lie("no client", &|draft| draft.without("client_id")),
        lie("no jti", &|draft| draft.without("jti")),
        lie("alg none", &|draft| draft.signer = Signer::Nobody),
        lie("HS256", &|draft| draft.signer = Signer::PublicKey),
        lie("key", &|draft| draft.signer = Signer::Key(Key::new("first"))),
        lie("crit", &|draft| draft.header["crit"] = json!(["b64"])),
    ] {
        let reply = ask(&token).await;
        assert_eq!(reply.status, 401, "{name}");
    }
    // A provider whose access tokens are not taken.
    let mut theirs = claims(&provider);
    theirs["iss"] = json!(other.issuer);
    ask(&other.sign("at+jwt", theirs, |_| {})).await.problem(401, "unauthorized");
    ask(&format!("a.b.{}", "c".repeat(20_000))).await.problem(401, "unauthorized");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_who_is_disabled_counts_no_more() {
    let provider = Provider::start().await;
    let fixed = Fixed::new(&provider.settings("group", "staff", "")).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let token = provider.sign("at+jwt", claims(&provider), |_| {});
    let account = fixed.fixture.by(&token, Method::GET, "/v1/account", None).await.expect(200);
    let disable = format!("/v1/people/{}/disable", account["person_id"].as_str().unwrap());
    fixed.fixture.post(&disable, json!({})).await.expect(204);
    let reply = fixed.fixture.by(&token, Method::GET, "/v1/account", None).await;
    reply.problem(401, "unauthorized");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_staff_let_in_proves_nothing() {
    let provider = Provider::start().await;
    let fixed = Fixed::new(&provider.settings("group", "staff", "")).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let mut claims = claims(&provider);
    claims["auth_time"] = json!(seconds());
    let token = provider.sign("at+jwt", claims, |_| {});
    let session = fixed.fixture.by(&token, Method::GET, "/v1/session", None).await.expect(200);
    let until = session["proven_until"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(until <= jiff::Timestamp::now(), "{session}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_keeps_nobody_waiting_who_shows_a_token() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let tokens: Vec<_> = (0..300)
        .map(|number| {
            let mut claims = claims(&provider);
            claims["jti"] = json!(number.to_string());
            provider.sign("at+jwt", claims, |_| {})
        })
        .collect();
    let ask = async |token: &str| fixed.fixture.by(token, Method::GET, "/v1/session", None).await;
    provider.answer("discovery", Answer::Never);
    provider.answer("keys", Answer::Never);
    // A key that nobody knows is asked for; meanwhile nothing can be said.
    let unknown = provider.sign("at+jwt", claims(&provider), |draft| {
        draft.signer = Signer::Key(Key::new("unknown"));
        draft.header["kid"] = json!("unknown");
    });
    let reply = ask(&unknown).await;
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(503, "unavailable");
    // Nor of keys that are too old.
    fixed.wait(Micros::HOUR);
    let all = tokens.iter().map(|token| ask(token));
    let (replies, operator) = tokio::join!(futures::future::join_all(all), fixed.fixture.get("/v1/session"));
    operator.expect(200);
    assert!(replies.iter().all(|reply| reply.status == 503), "they come again");
    fixed.stop().await;
}

/// What a token is worth, once the provider was asked.
async fn told(fixed: &Fixed, token: &str) -> StatusCode {
    loop {
        let reply = fixed.fixture.by(token, Method::GET, "/v1/session", None).await;
        if reply.status != 503 {
            return reply.status;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_count_while_the_provider_is_down_and_no_longer() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let mut in_an_hour = claims(&provider);
    for (name, ahead) in [("iat", 3_600), ("exp", 4_200)] {
        in_an_hour[name] = json!(seconds() + ahead);
    }
    let first = provider.sign("at+jwt", in_an_hour.clone(), |_| {});
    in_an_hour["jti"] = json!("t-2");
    let second = provider.sign("at+jwt", in_an_hour.clone(), |_| {});
    provider.answer("discovery", Answer::Failed);
    fixed.wait(Micros::HOUR);
    assert_eq!(told(&fixed, &first).await, 200);
    // Its key was taken back meanwhile.
    provider.rotate("second", true);
    provider.answer("discovery", Answer::Right);
    fixed.wait(Micros::MINUTE);
    let asked = provider.asked("discovery");
    fixed.fixture.by(&second, Method::GET, "/v1/session", None).await.problem(503, "unavailable");
    assert_eq!(told(&fixed, &second).await, 401);
    assert_eq!(told(&fixed, &first).await, 401);
    assert_eq!(provider.asked("discovery"), asked + 1);
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_no_more_when_its_key_was_taken_back() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let token = provider.sign("at+jwt", claims(&provider), |_| {});
    assert_eq!(told(&fixed, &token).await, 200);
    provider.rotate("second", true);
    let newer = provider.sign("at+jwt", claims(&provider), |_| {});
    assert_eq!(told(&fixed, &newer).await, 200);
    // Who asked a moment ago is remembered for a second.
    fixed.wait(Micros::from_secs(2));
    assert_eq!(told(&fixed, &token).await, 401);
    assert_eq!(told(&fixed, &newer).await, 200);
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_provider_that_was_never_heard_of_may_come_again() {
    let provider = Provider::start().await;
    provider.answer("discovery", Answer::Failed);
    let fixed = Fixed::of(&provider).await;
    let token = provider.sign("at+jwt", claims(&provider), |_| {});
    // It is no guess, however often.
    for _ in 0..1_000 {
        let reply = fixed.fixture.by(&token, Method::GET, "/v1/session", None).await;
        reply.problem(503, "unavailable");
    }
    fixed.stop().await;
}
