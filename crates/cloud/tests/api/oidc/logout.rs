//! Back-channel logout.

use super::*;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn claims(provider: &Provider, jti: &str, more: Value) -> Value {
    let now = seconds();
    let mut claims = json!({
        "iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": jti, "events": { EVENT: {} }
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

async fn log_out(fixed: &Fixed, provider: &str, token: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let path = format!("/v1/oidc/{provider}/backchannel-logout");
    let body = format!("logout_token={token}");
    send(&fixed.router, Method::POST, &path, Body::from(body), &headers).await
}

async fn is_open(fixed: &Fixed, token: &str) -> bool {
    fixed.fixture.by(token, Method::GET, "/v1/session", None).await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_ends_a_session_or_all_of_a_subject() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let sign_in = async |subject: &str, sid: &str| {
        let mut browser = fixed.browser();
        browser.sign_in(&provider, json!({ "sub": subject, "sid": sid })).await;
        browser.session
    };
    let (first, second) = (sign_in("anna", "s1").await, sign_in("anna", "s2").await);
    let (third, ben) = (sign_in("anna", "s3").await, sign_in("ben", "s4").await);
    let open = async || {
        let mut open = Vec::new();
        for token in [&first, &second, &third, &ben] {
            open.push(is_open(&fixed, token).await);
        }
        open
    };
    let token = |jti: &str, typ: &str, more: Value| provider.sign(typ, claims(&provider, jti, more), |_| {});
    let reply = log_out(&fixed, "group", &token("1", "logout+jwt", json!({ "sid": "s1" }))).await;
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-store"));
    assert_eq!(open().await, [false, true, true, true]);
    let both = token("2", "JWT", json!({ "sid": "s2", "sub": "anna" }));
    log_out(&fixed, "group", &both).await.expect(200);
    assert_eq!(open().await, [false, false, true, true]);
    log_out(&fixed, "group", &token("3", "logout+jwt", json!({ "sub": "anna" }))).await.expect(200);
    assert_eq!(open().await, [false, false, false, true]);
    log_out(&fixed, "group", &token("4", "logout+jwt", json!({ "sub": "nobody" }))).await.expect(200);
    assert_eq!(open().await, [false, false, false, true]);
    let told = audit::told(&fixed.fixture);
    let ended = told.iter().filter(|(action, ..)| action == "session.end_own");
    let (begun, done): (Vec<_>, Vec<_>) = ended.partition(|(.., reason)| reason == "begun");
    assert_eq!((begun.len(), done.len()), (3, 3), "{told:?}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_logout_token_counts_that_is_not_wholly_right() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let both =
        format!("{}{}", provider.settings("group", "customer", ""), other.settings("other", "staff", ""));
    let fixed = Fixed::new(&both).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let right = |jti: &str| claims(&provider, jti, json!({ "sub": "anna-1" }));
    let refuse = async |name: &str, token: String| {
        let problem = log_out(&fixed, "group", &token).await.problem(400, "bad-request");
        assert!(is_open(&fixed, &browser.session).await, "{name}: {problem}");
    };
    let lie = |name: &'static str, lie: &dyn Fn(&mut Draft)| {
        (name, provider.sign("logout+jwt", right(name), |draft| lie(draft)))
    };
    for (name, token) in [
        lie("no events", &|draft| draft.without("events")),
        lie("other events", &|draft| draft.claims["events"] = json!({ "other": {} })),
        lie("no event object", &|draft| draft.claims["events"] = json!({ EVENT: true })),
        lie("nonce", &|draft| draft.claims["nonce"] = json!("n")),
        lie("aud", &|draft| draft.claims["aud"] = json!("other")),
        lie("iss", &|draft| draft.claims["iss"] = json!(other.issuer)),
        lie("over", &|draft| draft.claims["exp"] = json!(seconds() - 120)),
        lie("ahead", &|draft| draft.claims["iat"] = json!(seconds() + 600)),
        lie("no exp", &|draft| draft.without("exp")),
        lie("no iat", &|draft| draft.without("iat")),
        lie("no jti", &|draft| draft.without("jti")),
        lie("nobody", &|draft| draft.without("sub")),
        lie("typ", &|draft| draft.header["typ"] = json!("at+jwt")),
        lie("alg none", &|draft| draft.signer = Signer::Nobody),
        lie("HS256", &|draft| draft.signer = Signer::PublicKey),
        lie("key", &|draft| draft.signer = Signer::Key(Key::new("first"))),
        ("no token", String::new()),
        ("no jwt", "x.y.z".to_owned()),
    ] {
        refuse(name, token).await;
    }
    // Another provider's, though it names the same person.
    refuse("other", other.sign("logout+jwt", right("other's"), |_| {})).await;
    let headers = [("content-type", "application/json")];
    let path = "/v1/oidc/group/backchannel-logout";
    send(&fixed.router, Method::POST, path, Body::from("{}"), &headers)
        .await
        .problem(415, "unsupported-media-type");
    let token = provider.sign("logout+jwt", right("right"), |_| {});
    log_out(&fixed, "nobody", &token).await.problem(404, "not-found");
    log_out(&fixed, "group", &token).await.expect(200);
    assert!(!is_open(&fixed, &browser.session).await);
    log_out(&fixed, "group", &token).await.problem(400, "bad-request");
    fixed.stop().await;
}
