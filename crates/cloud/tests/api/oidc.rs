//! Signing in at an OpenID Connect provider, and all the ways in which a provider or a stranger may lie.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use cloud::oidc::settings;
use model::Micros;

use super::*;
use provider::{APP, AUDIENCE, Answer, CLIENT, Draft, Key, Provider, SECRET, Signer, seconds};

mod access;
mod lies;
mod logout;
mod provider;

/// The console's hand: keeps cookies, follows nothing.
struct Browser<'a> {
    router: &'a Router,
    /// Of sign-ins on their way, the oldest first.
    begun: Vec<(String, String)>,
    session: String,
}

/// A platform with providers, whose clock a test moves.
struct Fixed {
    fixture: Fixture,
    router: Router,
    ahead: Arc<AtomicI64>,
}

impl Fixed {
    async fn new(providers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, ahead) = (folder.path().join("providers.toml"), Arc::new(AtomicI64::new(0)));
        std::fs::write(&path, providers).unwrap();
        std::fs::write(folder.path().join("client-secret"), format!("{SECRET}\n")).unwrap();
        let providers = settings::read(&path, |_| None).unwrap();
        let (system, moved) = (Clock::system(), Arc::clone(&ahead));
        let clock = Clock::from_fn(move || system.now() + Micros(moved.load(Ordering::Relaxed)));
        let platform = start_at(&folder, clock, |options| options.identity_providers = providers).await;
        let router = platform.router();
        Self { fixture: Fixture::of(platform, folder).await, router, ahead }
    }

    /// One provider, of customers.
    async fn of(provider: &Provider) -> Self {
        Self::new(&provider.settings("group", "customer", "")).await
    }

    fn wait(&self, time: Micros) {
        self.ahead.fetch_add(time.0, Ordering::Relaxed);
    }

    fn browser(&self) -> Browser<'_> {
        Browser { router: &self.router, begun: Vec::new(), session: String::new() }
    }

    /// Who is signed in with this session.
    async fn session(&self, token: &str) -> Value {
        self.fixture.by(token, Method::GET, "/v1/session", None).await.expect(200)
    }

    async fn stop(self) {
        self.fixture.platform.stop().await;
    }
}

impl Browser<'_> {
    async fn get(&mut self, path: &str) -> Reply {
        let begun = self.begun.iter().map(|(name, value)| format!("; {name}={value}"));
        let cookies = format!("marque_session={}{}", self.session, begun.collect::<String>());
        let reply = call(self.router, Method::GET, path, None, &[("cookie", &cookies)]).await;
        for line in reply.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            match name {
                "marque_session" => self.session = value,
                name if value.is_empty() => self.begun.retain(|(known, _)| known != name),
                name if name.starts_with("marque_sign_in_") => self.begun.push((name.to_owned(), value)),
                other => panic!("a cookie `{other}`"),
            }
        }
        reply
    }

    /// Signs in as somebody; where it leads.
    async fn sign_in(&mut self, provider: &Provider, person: Value) -> String {
        self.come_back(provider, "/v1/oidc/group/login?return_to=/vehicles", person).await
    }

    /// Goes to the provider and comes back as somebody; where that leads.
    async fn come_back(&mut self, provider: &Provider, login: &str, person: Value) -> String {
        let back = self.go(provider, login, person).await;
        self.follow(&back).await
    }

    /// Goes to the provider; where it sends the browser back to.
    async fn go(&mut self, provider: &Provider, login: &str, person: Value) -> String {
        let location = self.follow(login).await;
        provider.authorise(&location, person)
    }

    async fn follow(&mut self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        reply.header("location").to_owned()
    }
}

fn anna() -> Value {
    json!({
        "sub": "anna-1", "sid": "s-1", "preferred_username": "Anna", "email": "anna@example.org",
        "email_verified": true, "auth_time": seconds()
    })
}

fn failed(slug: &str) -> String {
    format!("/sign-in?failed={slug}&return_to=%2F")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sign_in_makes_an_account_and_the_next_finds_it() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let listed = call(&fixed.router, Method::GET, "/v1/oidc", None, &[]).await.expect(200);
    assert_eq!(listed, json!({ "items": [{ "id": "group", "name": "Sign in at group" }] }));
    let mut browser = fixed.browser();
    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    let first = browser.session.clone();
    let session = fixed.session(&first).await;
    assert_eq!(session["account"]["username"], "group:anna");
    assert_eq!(session["account"]["identity_provider"], "group");
    let functions: Vec<_> = session["functions"].as_array().unwrap().iter().collect();
    assert_eq!(functions.len(), 2);
    for (held, name) in functions.iter().zip(["driver", "owner"]) {
        assert_eq!(held["brands"].as_array().unwrap().len(), 14, "{held}");
        assert!(functions.iter().any(|held| held["function"] == name), "{functions:?}");
    }
    let store = fixed.fixture.store().await;
    let person = store.person_named("group:anna").await.unwrap().unwrap();
    assert_eq!((person.realm.as_str(), person.password_hash), ("customer", None));
    assert_eq!(person.address.unwrap().text, "anna@example.org");

    assert_eq!(browser.sign_in(&provider, anna()).await, "/vehicles");
    assert_ne!(browser.session, first, "a token that was known before is nobody's new session");
    let again = fixed.session(&browser.session).await;
    assert_eq!(again["account"]["person_id"], session["account"]["person_id"]);
    let told = audit::told(&fixed.fixture);
    let told: Vec<_> = told.iter().map(|(action, _, reason)| (action.as_str(), reason.as_str())).collect();
    let expected =
        [("person.create", "begun"), ("person.create", ""), ("session.create", ""), ("session.create", "")];
    assert!(told.windows(4).any(|window| window == expected), "{told:?}");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_for_the_browser_that_began() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let reply = call(&fixed.router, Method::GET, "/v1/oidc/group/login", None, &[]).await;
    let cookie = reply.header("set-cookie");
    for part in ["marque_sign_in_", "Path=/;", "HttpOnly", "SameSite=Lax", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let mut browser = fixed.browser();
    let back = browser.go(&provider, "/v1/oidc/group/login", anna()).await;
    let reply = browser.get(&back).await;
    let cookies: Vec<_> =
        reply.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(
        cookies[0].starts_with("marque_session=mq_") && cookies[0].contains("SameSite=Strict"),
        "{cookies:?}"
    );
    assert!(cookies[1].starts_with("marque_sign_in_") && cookies[1].contains("Max-Age=0"), "{cookies:?}");
    assert_eq!(reply.header("location"), "/");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_come_without_a_function_and_under_a_name_of_their_own() {
    let provider = Provider::start().await;
    let fixed = Fixed::new(&provider.settings("group", "staff", "")).await;
    let mut browser = fixed.browser();
    for (subject, name, username) in [
        ("a", json!("operator"), "group:operator"),
        ("b", json!("Operator"), "group:operator-2"),
        ("c", json!("x:y z"), "group:x-y-z"),
    ] {
        let roles = json!(["administrator"]);
        let person = json!({
            "sub": subject, "preferred_username": name, "roles": roles, "groups": roles,
            "email": format!("{subject}@example.org"), "email_verified": false
        });
        browser.sign_in(&provider, person).await;
        let session = fixed.session(&browser.session).await;
        assert_eq!(session["account"]["username"], username);
        assert_eq!(session["functions"], json!([]), "claims give nobody anything");
    }
    let store = fixed.fixture.store().await;
    let person = store.person_named("group:operator").await.unwrap().unwrap();
    assert_eq!((person.realm.as_str(), person.address), ("staff", None));
    let listed = fixed.fixture.get("/v1/people?q=group:operator").await.expect(200);
    assert_eq!(listed["items"][0]["identity_provider"], "group");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_token_lacks_is_asked_for() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let mail = json!({ "sub": "a", "email": "A@example.org", "email_verified": true });
    provider.set_userinfo(mail);
    browser.sign_in(&provider, json!({ "sub": "a" })).await;
    assert_eq!(fixed.session(&browser.session).await["account"]["username"], "group:a@example.org");
    // One that is about somebody else says nothing.
    browser.sign_in(&provider, json!({ "sub": "b" })).await;
    assert_eq!(fixed.session(&browser.session).await["account"]["username"], "group:b");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    for wrong in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%0d%0aLocation:x/../\r\nx",
        "/\tx",
        "javascript:alert(1)",
        "vehicles",
        "/v1/oidc/group/login",
        "/x/../v1/session",
        "/..//evil.example",
    ] {
        let wrong: String = url::form_urlencoded::byte_serialize(wrong.as_bytes()).collect();
        let path = format!("/v1/oidc/group/login?return_to={wrong}");
        let reply = call(&fixed.router, Method::GET, &path, None, &[]).await;
        let problem = reply.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], "return_to", "{wrong}");
    }
    let mut browser = fixed.browser();
    let login = "/v1/oidc/group/login?return_to=/campaigns%3Flimit%3D5%23top";
    assert_eq!(browser.come_back(&provider, login, anna()).await, "/campaigns?limit=5#top");
    call(&fixed.router, Method::GET, "/v1/oidc/other/login", None, &[]).await.problem(404, "not-found");
    call(&fixed.router, Method::GET, "/v1/oidc/other/callback", None, &[]).await.problem(404, "not-found");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_stays_out() {
    let provider = Provider::start().await;
    let fixed = Fixed::new(&provider.settings("group", "staff", "")).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let id = fixed.session(&browser.session).await["account"]["person_id"].as_str().unwrap().to_owned();
    fixed.fixture.post(&format!("/v1/people/{id}/disable"), json!({})).await.expect(204);
    assert_eq!(browser.sign_in(&provider, anna()).await, failed("disabled"));
    let told = audit::told(&fixed.fixture);
    let (action, outcome, reason) = told.last().unwrap();
    assert_eq!((action.as_str(), reason.as_str()), ("session.create", "sign-in-refused"));
    assert_eq!(*outcome, ::audit::Outcome::Denied);
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_the_provider_is_not_changed_here() {
    let provider = Provider::start().await;
    let fixed = Fixed::new(&provider.settings("group", "staff", "")).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let confirmation = json!({ "enrolment": "x", "one_time_password": "123456" });
    for (method, path, body) in [
        (Method::POST, "/v1/session/step-up", Some(json!({ "password": "x" }))),
        (Method::POST, "/v1/account/password", Some(json!({ "password": "five words that are long" }))),
        (Method::POST, "/v1/account/totp", None),
        (Method::POST, "/v1/account/totp/confirmation", Some(confirmation)),
        (Method::DELETE, "/v1/account/totp", None),
    ] {
        let reply = fixed.fixture.by(&browser.session, method, path, body).await;
        let problem = reply.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("`group`"), "{path}: {problem}");
    }
    let account = fixed.fixture.by(&browser.session, Method::GET, "/v1/account", None).await.expect(200);
    assert_eq!(account["identity_provider"], "group");
    let reset = format!("/v1/people/{}/credential-reset", account["person_id"].as_str().unwrap());
    fixed.fixture.post(&reset, json!({})).await.problem(409, "conflict");
    let password = json!({ "username": "group:anna", "password": "" });
    fixed.fixture.post("/v1/session", password).await.problem(401, "sign-in-refused");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_as_proven_as_its_sign_in() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let proven_for = async |token: &str| {
        let session = fixed.session(token).await;
        let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        at(&session["proven_until"]) - seconds()
    };
    let at = |ago: i64| {
        let mut person = anna();
        person["auth_time"] = json!(seconds() - ago);
        person
    };
    browser.sign_in(&provider, at(0)).await;
    assert!((595..=600).contains(&proven_for(&browser.session).await));
    browser.sign_in(&provider, at(120)).await;
    assert!((470..=480).contains(&proven_for(&browser.session).await));
    browser.sign_in(&provider, json!({ "sub": "anna-1" })).await;
    assert!(proven_for(&browser.session).await <= 0, "it may be days ago");
    browser.sign_in(&provider, at(-30)).await;
    assert!((595..=600).contains(&proven_for(&browser.session).await), "no clock ahead proves for longer");
    assert_eq!(browser.sign_in(&provider, at(-300)).await, failed("stale"));
    fixed.stop().await;
}

/// What a person does who is asked to prove who they are.
async fn step_up(browser: &mut Browser<'_>, provider: &Provider, person: Value) -> String {
    let location = browser.follow("/v1/oidc/group/login?return_to=/account&step_up=true").await;
    assert!(location.contains("prompt=login") && location.contains("max_age=0"), "{location}");
    let back = provider.authorise(&location, person);
    browser.follow(&back).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_proves_the_session_by_the_same_person_anew() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    let no_time = json!({ "sub": "anna-1", "preferred_username": "anna" });
    browser.sign_in(&provider, no_time.clone()).await;
    let session = browser.session.clone();
    let is_proven = async || {
        let now = jiff::Timestamp::now();
        let session = fixed.session(&session).await;
        session["proven_until"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > now
    };
    assert!(!is_proven().await);
    let mut old = anna();
    old["auth_time"] = json!(seconds() - 300);
    assert_eq!(step_up(&mut browser, &provider, old).await, failed("stale"));
    assert_eq!(step_up(&mut browser, &provider, no_time).await, failed("stale"));
    let ben = json!({ "sub": "ben-1", "auth_time": seconds() });
    assert_eq!(step_up(&mut browser, &provider, ben).await, failed("other-person"));
    assert!(!is_proven().await);
    assert_eq!(step_up(&mut browser, &provider, anna()).await, "/account");
    assert!(is_proven().await);
    assert_eq!(browser.session, session, "it is the same session");
    let told = audit::told(&fixed.fixture);
    assert_eq!(told.last().unwrap().0, "session.step_up");

    let step_up = "/v1/oidc/group/login?step_up=true";
    call(&fixed.router, Method::GET, step_up, None, &[]).await.problem(401, "unauthorized");
    fixed.fixture.get(step_up).await.problem(409, "conflict");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_make_one_account_and_the_log_says_so() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let login = "/v1/oidc/group/login";
    for number in 0..10 {
        let (mut first, mut second) = (fixed.browser(), fixed.browser());
        let person = json!({ "sub": format!("s-{number}"), "auth_time": seconds() });
        let one = first.go(&provider, login, person.clone()).await;
        let other = second.go(&provider, login, person).await;
        let ended = tokio::join!(first.follow(&one), second.follow(&other));
        assert_eq!(ended, ("/".to_owned(), "/".to_owned()));
    }
    let told = audit::told(&fixed.fixture);
    let made = |outcome: ::audit::Outcome, why: &str| {
        let is_so = |(action, its, reason): &&(String, ::audit::Outcome, String)| {
            action == "person.create" && *its == outcome && reason == why
        };
        told.iter().filter(is_so).count()
    };
    assert_eq!(made(::audit::Outcome::Allowed, ""), 10, "nobody else came into being");
    let begun = made(::audit::Outcome::Allowed, "begun");
    assert_eq!(made(::audit::Outcome::Failed, "conflict"), begun - 10, "each says how it ended");
    fixed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_of_a_session_that_ended_meanwhile_failed() {
    let provider = Provider::start().await;
    let fixed = Fixed::of(&provider).await;
    let mut browser = fixed.browser();
    browser.sign_in(&provider, anna()).await;
    let back = browser.go(&provider, "/v1/oidc/group/login?step_up=true", anna()).await;
    fixed.fixture.by(&browser.session, Method::DELETE, "/v1/session", None).await.expect(204);
    assert_eq!(browser.follow(&back).await, failed("expired"));
    let told = audit::told(&fixed.fixture);
    let told: Vec<_> = told.iter().map(|(action, _, reason)| (action.as_str(), reason.as_str())).collect();
    let expected =
        [("session.step_up", "begun"), ("session.step_up", "expired"), ("session.create", "sign-in-refused")];
    assert!(told.ends_with(&expected), "{told:?}");
    fixed.stop().await;
}
