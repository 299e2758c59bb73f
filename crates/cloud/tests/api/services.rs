//! Machines of ours.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

const RENEW: &str = "/v1/services/self/token";

impl Fixture {
    async fn renew(&self, token: &str) -> Reply {
        self.by(token, Method::POST, RENEW, None).await
    }
}

fn plant(name: &str, brands: &[&str]) -> Value {
    json!({ "name": name, "brands": brands, "profiles": ["monitoring", "factory", "factory"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_renews_its_token_until_it_is_disabled() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/v1/services", plant("plant", &["opel"])).await.expect(201);
    let service = &made["service"];
    assert_eq!(service["profiles"], json!(["factory", "monitoring"]));
    let first = made["token"].as_str().unwrap();
    assert!(first.starts_with("mqs_"), "{made}");
    let second = fixture.renew(first).await.expect(201);
    fixture.renew(first).await.expect(201);
    let id = service["service_id"].as_str().unwrap();
    let third = fixture.call(Method::POST, &format!("/v1/services/{id}/tokens"), None, &[]).await.expect(201);
    assert_ne!(second["token"], third["token"]);
    let list = fixture.get("/v1/services").await.expect(200);
    let items = list["items"].as_array().unwrap();
    let plant = items.iter().find(|item| item["service_id"] == id).unwrap();
    assert!(plant["last_seen_at"].is_string(), "{list}");
    assert!(!list.to_string().contains("mqs_"), "a token is shown once");
    let disable = format!("/v1/services/{id}/disable");
    fixture.call(Method::POST, &disable, None, &[]).await.expect(204);
    for token in [first, second["token"].as_str().unwrap(), third["token"].as_str().unwrap()] {
        fixture.renew(token).await.problem(401, "unauthorized");
    }
    fixture.call(Method::POST, &disable, None, &[]).await.expect(204);
    fixture
        .call(Method::POST, &format!("/v1/services/{id}/tokens"), None, &[])
        .await
        .problem(409, "conflict");
    let list = fixture.get("/v1/services").await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.iter().find(|item| item["service_id"] == id).unwrap()["enabled"], false);
    fixture.renew(&fixture.token).await.problem(403, "forbidden");
    let nothing = "/v1/services/9f1c6a02d4e84b7f8a3d5c6e7f809112/disable";
    fixture.call(Method::POST, nothing, None, &[]).await.problem(404, "not-found");
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_is_refused() {
    let fixture = Fixture::new().await;
    fixture.post("/v1/services", plant("plant", &["opel"])).await.expect(201);
    fixture.post("/v1/services", plant("plant", &["fiat"])).await.problem(409, "conflict");
    let service =
        |name: &str, profile: &str| json!({ "name": name, "brands": ["opel"], "profiles": [profile] });
    for (body, place) in [
        (service("Plant", "factory"), "name"),
        (service("", "factory"), "name"),
        (service("other", "simulation"), "profiles"),
        (service("simulation", "factory"), "profiles"),
        (json!({ "name": "other", "brands": ["opel"], "profiles": [] }), "profiles"),
        (json!({ "name": "other", "brands": [], "profiles": ["factory"] }), "brands"),
    ] {
        let problem = fixture.post("/v1/services", body).await.problem(422, "unprocessable");
        assert_eq!(problem["errors"][0]["place"], place, "{problem}");
    }
    fixture.platform.stop().await;
}

fn token_of(folder: &TempDir) -> Option<String> {
    let file = folder.path().join("data/simulation-token");
    let text = fs::read_to_string(&file).ok()?;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    Some(text.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_cars_have_a_service_only_where_they_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let platform = start(&folder, |options| options.simulated_cars = true).await;
    let fixture = Fixture::of(platform, folder).await;
    let first = token_of(&fixture.folder).unwrap();
    fixture.renew(&first).await.expect(201);
    let list = fixture.get("/v1/services").await.expect(200);
    let service = &list["items"][0];
    assert_eq!((&service["name"], &service["profiles"]), (&json!("simulation"), &json!(["simulation"])));
    assert_eq!((service["brands"].as_array().unwrap().len(), &service["created_by"]), (14, &Value::Null));
    let Fixture { platform, log, folder, token } = fixture;
    platform.stop().await;

    let platform = start(&folder, |options| options.simulated_cars = true).await;
    let second = token_of(&folder).unwrap();
    assert_ne!(first, second, "each start has a new token");
    let fixture = Fixture { platform, log, folder, token };
    fixture.renew(&second).await.expect(201);
    assert_eq!(fixture.get("/v1/services").await.expect(200)["items"].as_array().unwrap().len(), 1);
    let Fixture { platform, log, folder, token } = fixture;
    platform.stop().await;

    let platform = start(&folder, |options| options.simulated_cars = false).await;
    assert_eq!(token_of(&folder), None);
    let fixture = Fixture { platform, log, folder, token };
    fixture.renew(&second).await.problem(401, "unauthorized");
    assert_eq!(fixture.get("/v1/services").await.expect(200)["items"][0]["enabled"], false);
    fixture.platform.stop().await;
}
