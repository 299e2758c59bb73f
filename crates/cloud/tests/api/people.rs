use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_opened_shown_and_ended() {
    let fixture = Fixture::new().await;
    let session = fixture.get("/v1/session").await.expect(200);
    assert_eq!(session["account"]["username"], "operator");
    let reply = fixture.call(Method::DELETE, "/v1/session", None, &[]).await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    fixture.get("/v1/session").await.problem(401, "unauthorized");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_waits_and_the_account_stays_open_where_its_person_is() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder, |options| options.behind_tls_proxy = true).await;
    let router = platform.router();
    let sign_in = async |from: &str, password: &str| {
        let credentials = json!({ "username": "operator", "password": password });
        let headers = [("x-forwarded-for", from)];
        call(&router, Method::POST, "/v1/session", Some(credentials), &headers).await
    };
    sign_in("203.0.113.5", &password(&folder)).await.expect(201);
    for _ in 0..6 {
        sign_in("192.0.2.7", "wrong").await.problem(401, "sign-in-refused");
    }
    // What stands before the last address the guesser may have written.
    let reply = sign_in("198.51.100.1, 192.0.2.7", "wrong").await;
    assert!(!reply.header("retry-after").is_empty());
    reply.problem(429, "too-many-requests");
    // In other networks nobody has used up the name's tries.
    sign_in("198.51.100.1", &password(&folder)).await.expect(201);
    let reply = sign_in("203.0.113.9", &password(&folder)).await;
    assert!(reply.header("set-cookie").contains("Secure"), "a proxy's people come by HTTPS");
    assert!(!reply.header("strict-transport-security").is_empty());
    reply.expect(201);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_nobodys_fill_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder, |options| options.behind_tls_proxy = true).await;
    let fixture = Fixture::of(platform, folder).await;
    let router = fixture.platform.router();
    let post = async |from: &str, path: &str, body: Value| {
        call(&router, Method::POST, path, Some(body), &[("x-forwarded-for", from)]).await
    };
    for number in 0..5 {
        let wrong = json!({ "username": format!("nobody-{number}"), "password": "wrong" });
        post("192.0.2.7", "/v1/session", wrong).await.problem(401, "sign-in-refused");
        let link = json!({ "token": format!("mqr_{number}"), "password": "five words that are long" });
        post("198.51.100.7", "/v1/credential-resets", link).await.problem(422, "unprocessable");
    }
    // Each try at an account that there is has an entry.
    for _ in 0..3 {
        let wrong = json!({ "username": "operator", "password": "wrong" });
        post("203.0.113.7", "/v1/session", wrong).await.problem(401, "sign-in-refused");
    }
    // Which is behind them in the log.
    fixture.car(1, "opel", "Corsa").await;
    let told = audit::told(&fixture);
    let count = |action: &str| {
        let denied = |(its, outcome, _): &&(String, ::audit::Outcome, String)| {
            its == action && *outcome == ::audit::Outcome::Denied
        };
        told.iter().filter(denied).count()
    };
    assert_eq!((count("session.create"), count("account.credentials.take")), (1 + 3, 1));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_counts_only_for_the_consoles_own_pages() {
    let fixture = Fixture::new().await;
    let router = fixture.platform.router();
    let credentials = json!({ "username": "operator", "password": password(&fixture.folder) });
    let reply = call(&router, Method::POST, "/v1/session", Some(credentials), &[]).await;
    let cookie = reply.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let with = async |method: Method, extra: &[(&str, &str)]| {
        let mut headers = vec![("cookie", cookie)];
        headers.extend_from_slice(extra);
        let body = (method == Method::POST).then(|| campaign("x"));
        call(&router, method, "/v1/campaigns", body, &headers).await
    };
    with(Method::GET, &[]).await.expect(200);
    with(Method::POST, &[]).await.problem(403, "forbidden");
    with(Method::POST, &[("origin", "https://evil.example")]).await.problem(403, "forbidden");
    with(Method::POST, &[("sec-fetch-site", "cross-site")]).await.problem(403, "forbidden");
    with(Method::POST, &[("sec-fetch-site", "same-site")]).await.problem(403, "forbidden");
    with(Method::POST, &[("origin", "http://marque.test")]).await.expect(201);
    with(Method::POST, &[("sec-fetch-site", "same-origin")]).await.expect(201);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_from_another_page() {
    let fixture = Fixture::new().await;
    let credentials = json!({ "username": "operator", "password": password(&fixture.folder) });
    let headers = [("origin", "https://evil.example")];
    let reply =
        call(&fixture.platform.router(), Method::POST, "/v1/session", Some(credentials), &headers).await;
    reply.problem(403, "forbidden");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_sessions_cars_and_keys() {
    let fixture = Fixture::new().await;
    let id = fixture.car(1, "peugeot", "208").await;
    let before = fixture.post(&format!("/v1/vehicles/{id}/certificate"), json!({ "csr_pem": csr().1 })).await;
    let before = before.expect(201);
    let Fixture { platform, log, folder, token } = fixture;
    platform.stop().await;
    let platform = start(&folder, |_| {}).await;
    assert!(!platform.operator_made());
    let fixture = Fixture { platform, log, folder, token };
    let vehicle = fixture.get(&format!("/v1/vehicles/{id}")).await.expect(200);
    assert_eq!(vehicle["certificate"]["not_after"], before["not_after"]);
    let after = fixture.post(&format!("/v1/vehicles/{id}/certificate"), json!({ "csr_pem": csr().1 })).await;
    let after = after.expect(201);
    assert_eq!((&after["ca_pem"], &after["desired_key"]), (&before["ca_pem"], &before["desired_key"]));
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_belongs_to_one_region() {
    let folder = tempfile::tempdir().unwrap();
    start(&folder, |_| {}).await.stop().await;
    let options = Options {
        data: folder.path().join("data"),
        region: "us".to_owned(),
        http: "127.0.0.1:0".parse().unwrap(),
        mqtt: "127.0.0.1:0".parse().unwrap(),
        est: "127.0.0.1:0".parse().unwrap(),
        ..Options::default()
    };
    let error = Platform::start(options.resolve().unwrap(), Clock::system()).await.unwrap_err();
    assert!(error.to_string().contains("`eu`") && error.to_string().contains("`us`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_is_a_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("README.md");
    std::fs::write(&file, "# Readme").unwrap();
    for data in [file.clone(), file.join("below")] {
        let any_port = "127.0.0.1:0".parse().unwrap();
        let options = Options { data, http: any_port, mqtt: any_port, est: any_port, ..Options::default() };
        let error = Platform::start(options.resolve().unwrap(), Clock::system()).await.unwrap_err();
        assert!(error.to_string().contains("is a file") && error.to_string().contains("--data"), "{error}");
    }
}
