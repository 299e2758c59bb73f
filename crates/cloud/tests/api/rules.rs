//! What holds for every route.

use super::*;

/// Method, path with example values, and whether it is open, of every route of the document.
fn documented() -> Vec<(Method, String, bool)> {
    let document: Value = serde_json::from_str(&cloud::http::openapi::json()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path
                .replace("{vehicle_id}", "9f1c6a02d4e84b7f8a3d5c6e7f809112")
                .replace("{campaign_id}", "1")
                .replace("{hash}", "5d0f3c9a7be21846");
            let method = method.to_uppercase().parse().unwrap();
            routes.push((method, path, operation["security"] == json!([{}])));
        }
    }
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_but_the_open_ones_needs_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder, |_| {}).await;
    let routes = documented();
    assert!(routes.len() >= 30);
    for (method, path, open) in routes {
        for token in [None, Some("Bearer mq_guess"), Some("Basic b3A6eA==")] {
            let headers: Vec<_> = token.iter().map(|token| ("authorization", *token)).collect();
            let reply = call(&platform.router(), method.clone(), &path, None, &headers).await;
            if open {
                assert_ne!(reply.status, 401, "{method} {path}");
            } else {
                assert_eq!(reply.status, 401, "{method} {path} {token:?}");
                assert!(reply.header("www-authenticate").starts_with("Bearer"));
                reply.problem(401, "unauthorized");
            }
        }
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_path_is_a_problem() {
    let fixture = Fixture::new().await;
    fixture.get("/v1/nothing").await.problem(404, "not-found");
    fixture.get("/v1").await.problem(404, "not-found");
    fixture.get("/assets/nothing.js").await.problem(404, "not-found");
    fixture.get("/v1/vehicles/9f1c6a02d4e84b7f8a3d5c6e7f809112").await.problem(404, "not-found");
    fixture.get("/v1/campaigns/77").await.problem(404, "not-found");
    fixture.get("/v1/catalogues/5d0f3c9a7be21846").await.problem(404, "not-found");
    fixture.car(1, "opel", "Corsa").await;
    for (path, place, detail) in [
        ("/v1/vehicles/NOT-AN-ID", "vehicle_id", "32 lower-case hexadecimal digits"),
        ("/v1/campaigns/abc", "campaign_id", "must be a whole number"),
        ("/v1/vehicles?brand=ford", "brand", "peugeot"),
        ("/v1/vehicles?state=flying", "state", "must be one of `moving`, `parked`"),
        ("/v1/vehicles?colour=red", "colour", "there are `brand`"),
        ("/v1/vehicles?limit=0", "limit", "must be 1 to 500"),
        ("/v1/vehicles?limit=-1", "limit", "must be a whole number"),
    ] {
        let problem = fixture.get(path).await.problem(400, "bad-request");
        assert_eq!(problem["errors"][0]["place"], place, "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    for (path, place, detail) in [
        ("/v1/vehicles?region=atlantis", "region", "must be `eu`"),
        ("/v1/fleet/positions?region=atlantis", "region", "must be `eu`"),
        ("/v1/vehicles?cursor=xyz", "cursor", "must be `next_cursor`"),
    ] {
        let problem = fixture.get(path).await.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], place, "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    fixture.get("/v1/vehicles?cursor=&architecture=psa-aee2010&region=eu").await.expect(200);
    for none in ["architecture=nonsense", "model=nonsense"] {
        let page = fixture.get(&format!("/v1/vehicles?{none}")).await.expect(200);
        assert_eq!(page["items"], json!([]), "words that cars bring are not refused");
    }
    let reply = fixture.call(Method::PATCH, "/v1/campaigns", None, &[]).await;
    assert!(reply.header("allow").contains("GET"), "{}", reply.header("allow"));
    reply.problem(405, "method-not-allowed");
    let reply = fixture.call(Method::POST, "/somewhere", None, &[]).await;
    reply.problem(405, "method-not-allowed");
    for path in ["/v1/session", "/v1/campaigns", "/metrics"] {
        let reply = call(&fixture.platform.router(), Method::TRACE, path, None, &[]).await;
        assert!(reply.header("allow").contains("GET"), "{}", reply.header("allow"));
        reply.problem(405, "method-not-allowed");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_body_is_a_problem() {
    let fixture = Fixture::new().await;
    let router = fixture.platform.router();
    let bearer = format!("Bearer {}", fixture.token);
    let token = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json");
    let post = async |body: &str, headers: &[(&str, &str)]| {
        send(&router, Method::POST, "/v1/campaigns", Body::from(body.to_owned()), headers).await
    };
    let cut = post("{", &[token, json]).await.problem(400, "bad-request");
    assert_eq!(cut["detail"], "the body is not JSON at line 1, column 1");
    post("{}", &[token]).await.problem(415, "unsupported-media-type");
    let missing = post("{}", &[token, json]).await.problem(422, "unprocessable");
    assert_eq!(missing["errors"], json!([{ "place": "name", "detail": "must be given" }]));
    let mut unknown = campaign("x");
    unknown["colour"] = json!("red");
    let unknown = fixture.post("/v1/campaigns", unknown).await.problem(422, "unprocessable");
    assert_eq!(unknown["errors"][0]["place"], "colour");
    let mut lane = campaign("x");
    lane["groups"][0]["lane"] = json!("fast");
    let lane = fixture.post("/v1/campaigns", lane).await.problem(422, "unprocessable");
    assert_eq!(lane["errors"][0]["place"], "groups[0].lane");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
    for key in [None, Some(("idempotency-key", "a"))] {
        let headers: Vec<_> = [token, json].into_iter().chain(key).collect();
        let problem = post(&large, &headers).await.problem(413, "too-large");
        assert_eq!(problem["detail"], "the body must be at most 1048576 bytes");
        let pieces = [Ok("{"), Err(std::io::Error::other("the connection is gone"))];
        let broken = Body::from_stream(futures::stream::iter(pieces));
        let problem = send(&router, Method::POST, "/v1/campaigns", broken, &headers).await;
        let problem = problem.problem(400, "bad-request");
        assert_eq!(problem["detail"], "the body ended before its time; send it again");
    }
    let name = json!({ "username": "x".repeat(5_000), "password": "x" });
    let problem = fixture.post("/v1/session", name).await.problem(413, "too-large");
    assert_eq!(problem["detail"], "the body must be at most 4096 bytes");
    let wrong = json!({ "username": "operator", "password": "guess" });
    let refused = fixture.post("/v1/session", wrong).await.problem(401, "sign-in-refused");
    assert_eq!(refused["title"], "The sign-in was refused");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_browsers_must_not_do() {
    let fixture = Fixture::new().await;
    let page = fixture.call(Method::GET, "/", None, &[("accept", "text/html")]).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for path in ["/", "/v1/facets", "/v1/nothing", "/livez"] {
        let reply = fixture.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.header("x-request-id").len(), 16, "{path}");
        assert!(!reply.header("cache-control").is_empty(), "{path}");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_when_asked() {
    let fixture = Fixture::new().await;
    for coding in ["gzip", "br"] {
        let reply = fixture.call(Method::GET, "/v1/openapi.json", None, &[("accept-encoding", coding)]).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-encoding")), (200, coding));
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_as_it_is_committed() {
    let fixture = Fixture::new().await;
    let document = fixture.get("/v1/openapi.json").await.expect(200);
    assert_eq!(document, serde_json::from_str::<Value>(&cloud::http::openapi::json()).unwrap());
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_how_things_are() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.get("/livez").await.status, 204);
    let ready = fixture.get("/readyz").await.expect(200);
    let names: Vec<_> =
        ready["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(names, ["sql", "log", "owner", "gateway", "running"]);
    fixture.get("/v1/facets").await.expect(200);
    let metrics = fixture.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().unwrap();
    for line in [
        "marque_http_requests_total{route=\"/v1/facets\",status=\"200\"} 1",
        "marque_gateway_connections 0",
        "marque_log_waits_for_space 0",
        "marque_owner_samples_total 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_trickle_their_bodies_take_no_place_of_others() {
    let fixture = Fixture::new().await;
    let router = fixture.platform.router();
    let trickle = || {
        let body = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
        let request = Request::post("/v1/session").header("content-type", "application/json");
        Box::pin(router.clone().oneshot(request.body(body).unwrap()))
    };
    let mut bodies: Vec<_> = (0..300).map(|_| trickle()).collect();
    let mut refused = 0;
    for body in &mut bodies {
        if let std::task::Poll::Ready(response) = futures::poll!(body) {
            assert_eq!(response.unwrap().status(), 503);
            refused += 1;
        }
    }
    assert!(refused > 0, "all strangers have a place");
    assert_eq!(fixture.get("/livez").await.status, 204);
    fixture.get("/readyz").await.expect(200);
    fixture.get("/v1/facets").await.expect(200);
    drop(bodies);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_fails_when_the_database_is_gone() {
    let fixture = Fixture::new().await;
    let router = fixture.platform.router();
    fixture.platform.stop().await;
    let reply = call(&router, Method::GET, "/readyz", None, &[]).await;
    let body = reply.expect(503);
    assert_eq!((&body["ready"], &body["checks"][0]["ok"]), (&json!(false), &json!(false)));
}

/// A clock that stands still: no try comes back.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_counts_against_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let now = Clock::system().now();
    let platform = start_at(&folder, Clock::from_fn(move || now), |_| {}).await;
    let fixture = Fixture::of(platform, folder).await;
    let nobody = fixture.signed_in_as("nobody", "staff", &[]).await;
    let mut refused = 0;
    let reply = loop {
        let reply = nobody.get("/v1/people").await;
        if reply.status != 403 {
            break reply;
        }
        assert!(!reply.header("ratelimit").is_empty());
        refused += 1;
    };
    reply.problem(429, "too-many-requests");
    assert_eq!(refused, 2_000);
    // Whoever guesses tokens is counted by their address.
    fixture.get("/v1/session").await.expect(200);
    let late = sign_in(&fixture.platform.router(), &fixture.folder).await;
    let mut refused = 0;
    while fixture.by("mq_guessed", Method::GET, "/v1/session", None).await.status == 401 {
        refused += 1;
    }
    assert!((1..=600).contains(&refused), "{refused}");
    fixture.by("mq_guessed", Method::GET, "/metrics", None).await.problem(429, "too-many-requests");
    // Of no token that is shown for the first time anybody looks whose it is; of others they know.
    fixture.by(&late, Method::GET, "/v1/session", None).await.problem(429, "too-many-requests");
    fixture.get("/v1/session").await.expect(200);
    fixture.platform.stop().await;
}
