//! Portals: in 2024 a dealer portal let outsiders take over cars by licence plate. What strangers, other sites, and
//! people with rights in another brand try at the API, over real sockets, on every route that it has.

use std::collections::BTreeSet;

use axum::http::Method;
use model::{Brand, Timestamp};
use reqwest::{Client, Response, header};
use serde_json::{Value, json};
use store::{RoleRow, Store};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::cell::{Cell, vin};

/// An operation of the API: its method and path.
type Route = (Method, String, Value);

impl Cell {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.platform.http_address())
    }

    /// Every route that needs a session, with its description.
    async fn routes(&self) -> Vec<Route> {
        let document = self.get("/v1/openapi.json").await;
        let mut routes = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                if operation["security"] != json!([{}]) {
                    routes.push((method, path.clone(), operation.clone()));
                }
            }
        }
        assert!(routes.len() > 90, "{}", routes.len());
        routes
    }

    /// An account with these functions, and its token. It has proven who it is.
    async fn account(&self, name: &str, realm: &str, functions: &[&str], brands: &[Brand]) -> String {
        let store = Store::sqlite(&self.data().join("marque.db")).await.unwrap();
        let operator = store.person_named("operator").await.unwrap().unwrap();
        let id = model::PersonId::from_bytes([u8::try_from(name.len()).unwrap(); 16]);
        let person = store::PersonRow { id, username: name.to_owned(), realm: realm.to_owned(), ..operator };
        let mut tx = store.begin().await.unwrap();
        assert!(tx.add_person(&person).await.unwrap());
        for function in functions {
            let role = RoleRow {
                id: format!("{name}-{function}"),
                person: id,
                function: (*function).to_owned(),
                brands: brands.to_vec(),
                region: "eu".parse().unwrap(),
                starts_at: Timestamp(0),
                ends_at: None,
                created_at: Timestamp(0),
                created_by: None,
            };
            tx.add_role(&role).await.unwrap();
        }
        tx.commit().await.unwrap();
        let session = json!({ "username": name, "password": self.password() });
        self.post("/v1/session", session).await["token"].as_str().unwrap().to_owned()
    }
}

/// The path with something in each of its parameters.
fn filled(path: &str, vehicle: &str) -> String {
    filled_with(path, "{vehicle_id}", vehicle)
}

fn filled_with(path: &str, name: &str, id: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        part if part == name => id.to_owned(),
        "{index}" => "1".to_owned(),
        part if part.starts_with('{') => "9f1c6a02d4e84b7f8a3d5c6e7f809112".to_owned(),
        part => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn status_and_detail(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    (status, body["detail"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_a_stranger() {
    let cell = Cell::new().await;
    for ((method, path, _), number) in cell.routes().await.into_iter().zip(1..) {
        // One address alone would soon be told to wait.
        let from = std::net::Ipv4Addr::new(127, 0, 1, number);
        let client = Client::builder().local_address(std::net::IpAddr::from(from)).build().unwrap();
        for token in [None, Some("mq_guess"), Some("mqs_guess"), Some("a.b.c"), Some("")] {
            let mut request =
                client.request(method.clone(), cell.url(&filled(&path, &format!("{:032x}", 1))));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let status = request.json(&json!({})).send().await.unwrap().status();
            assert_eq!(status, 401, "{method} {path} with {token:?}");
        }
        // Nor does a token count that stands in an address, where logs and histories keep it.
        let url = format!("{}?access_token={}", cell.url(&filled(&path, "1")), cell.token());
        let status = client.request(method.clone(), url).send().await.unwrap().status();
        assert_eq!(status, 401, "{method} {path}");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_changes_nothing_in_a_persons_session() {
    let cell = Cell::new().await;
    let client = Client::new();
    let cookie = format!("marque_session={}", cell.token());
    let mut tried = 0;
    for (method, path, _) in cell.routes().await {
        if method.is_safe() {
            continue;
        }
        let foreign: [&[(&str, &str)]; 4] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example")],
            &[],
        ];
        for headers in foreign {
            let url = cell.url(&filled(&path, &format!("{:032x}", 1)));
            let mut request = client.request(method.clone(), url).header(header::COOKIE, &cookie);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (status, detail) = status_and_detail(request.json(&json!({})).send().await.unwrap()).await;
            assert_eq!(status, 403, "{method} {path} {headers:?}: {detail}");
            let why = detail.as_str().unwrap();
            assert!(why.starts_with("a cookie counts only"), "{method} {path} {headers:?}: {why}");
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
    // The session goes on.
    cell.get("/v1/session").await;
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_never_one_that_a_browser_brought() {
    let cell = Cell::new().await;
    let fixed = format!("mq_{}", "a".repeat(32));
    let body = json!({ "username": "operator", "password": cell.password() });
    let request = Client::new().post(cell.url("/v1/session")).json(&body);
    let response = request.header(header::COOKIE, format!("marque_session={fixed}")).send().await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(!cookie.contains(&fixed) && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let status =
        Client::new().get(cell.url("/v1/session")).bearer_auth(&fixed).send().await.unwrap().status();
    assert_eq!(status, 401);
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_worth_nothing_once_its_session_has_ended() {
    let cell = Cell::new().await;
    let body = json!({ "username": "operator", "password": cell.password() });
    let stolen = cell.post("/v1/session", body.clone()).await["token"].as_str().unwrap().to_owned();
    let read = async || {
        let request = Client::new().get(cell.url("/v1/vehicles")).bearer_auth(&stolen);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(read().await, 200);
    let sessions = cell.get("/v1/account/sessions").await;
    for session in sessions["items"].as_array().unwrap() {
        if session["current"] == json!(false) {
            let path = format!("/v1/account/sessions/{}", session["session_id"].as_str().unwrap());
            assert_eq!(cell.ask(Method::DELETE, &path, None).await.0, 204);
        }
    }
    assert_eq!(read().await, 401);
    cell.platform.stop().await;
}

/// What there is of another brand, by the parameter that names it, and what there is not.
async fn of_another_brand(cell: &Cell) -> [(&'static str, String, String); 5] {
    let missing = format!("{:032x}", 7);
    let brands = json!(["peugeot"]);
    let made = async |path: &str, body: Value, id: &str| {
        cell.step_up().await;
        let made = cell.post(path, body).await;
        made.pointer(id).and_then(Value::as_str).unwrap().to_owned()
    };
    let vehicle = cell.register(1).await.id.to_string();
    let person = json!({ "username": "theirs", "realm": "staff", "brands": brands });
    let person = made("/v1/people", person, "/person_id").await;
    let service = json!({ "name": "theirs", "brands": brands, "profiles": ["monitoring"] });
    let service = made("/v1/services", service, "/service/service_id").await;
    let organisation = json!({ "kind": "dealership", "name": "theirs", "brands": brands });
    let organisation = made("/v1/organisations", organisation, "/organisation_id").await;
    let schemas = cell.get("/v1/openapi.json").await["components"]["schemas"].clone();
    let mut campaign = schemas["CampaignDocument"]["example"].clone();
    campaign["brands"] = brands;
    let made = cell.post("/v1/campaigns", campaign).await;
    let campaign = made["campaign_id"].as_u64().unwrap();
    [
        ("{vehicle_id}", vehicle, missing.clone()),
        ("{person_id}", person, missing.clone()),
        ("{service_id}", service, missing.clone()),
        ("{organisation_id}", organisation, missing),
        ("{campaign_id}", campaign.to_string(), (campaign + 1).to_string()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_in_one_brand_reach_nothing_of_another() {
    let cell = Cell::new().await;
    let foreign = of_another_brand(&cell).await;
    let staff = ["operations", "updates", "security", "privacy", "support", "administrator"];
    let token = cell.account("opel-staff", "staff", &staff, &[Brand::Opel]).await;
    check_hidden(&cell, &token, &foreign).await;
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_link_to_a_car_cannot_tell_that_it_is_there() {
    let cell = Cell::new().await;
    let foreign = of_another_brand(&cell).await;
    let owner = cell.account("anna", "customer", &["owner", "driver"], &Brand::ALL).await;
    check_hidden(&cell, &owner, &foreign).await;
    let dealer = cell.account("dealer", "partner", &["dealer"], &Brand::ALL).await;
    check_hidden(&cell, &dealer, &foreign).await;
    cell.platform.stop().await;
}

/// On each route that names something, what is another's is as what is not there, to the letter.
async fn check_hidden(cell: &Cell, token: &str, foreign: &[(&str, String, String)]) {
    let client = Client::new();
    let step_up = client.post(cell.url("/v1/session/step-up")).bearer_auth(token);
    let proof = step_up.json(&json!({ "password": cell.password() })).send().await.unwrap();
    assert_eq!(proof.status(), 200, "what is refused is refused for the thing, not for a proof");
    let mut tried = BTreeSet::new();
    for (method, path, operation) in cell.routes().await {
        let Some((name, theirs, missing)) = foreign.iter().find(|(name, ..)| path.contains(name)) else {
            continue;
        };
        let named = operation["parameters"].as_array().into_iter().flatten();
        let needed: Vec<String> = named
            .filter(|parameter| parameter["in"] == "query" && parameter["required"] == json!(true))
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                let value = if name == "from" { "2026-01-01T00:00:00Z" } else { "Vehicle.Speed" };
                format!("{name}={value}")
            })
            .collect();
        let body = operation["requestBody"]["content"]["application/json"].clone();
        let mut answers = Vec::new();
        for id in [theirs, missing] {
            let url = format!("{}?{}", cell.url(&filled_with(&path, name, id)), needed.join("&"));
            let mut request = client.request(method.clone(), url).bearer_auth(token);
            if !body.is_null() {
                request = request.json(&example(cell, &body).await);
            }
            answers.push(status_and_detail(request.send().await.unwrap()).await);
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
        assert!([403, 404].contains(&answers[0].0), "{method} {path}: {answers:?}");
        tried.insert((method.to_string(), path));
    }
    assert!(tried.len() > 45, "{tried:?}");
}

/// The example that the API's description has of a body.
async fn example(cell: &Cell, content: &Value) -> Value {
    if let Some(example) = content.get("example") {
        return example.clone();
    }
    let name = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    cell.get("/v1/openapi.json").await["components"]["schemas"][name]["example"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn vins_cannot_be_tried_one_after_the_other() {
    let cell = Cell::new().await;
    let mut answers = Vec::new();
    for number in 0..100 {
        let search = json!({ "vin": vin(number) });
        answers.push(cell.ask(Method::POST, "/v1/vehicles/search", Some(search)).await.0);
    }
    let found = answers.iter().filter(|status| **status == 200).count();
    let refused = answers.iter().filter(|status| **status == 429).count();
    // One comes back every two seconds, also while this test runs.
    assert!((60..80).contains(&found) && found + refused == 100, "{answers:?}");
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_consoles_files() {
    let cell = Cell::new().await;
    let password = cell.password().to_owned();
    let climbs =
        ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..\\", "..%5c", "....//", "..;/", "%252e%252e%252f"];
    let prefixes =
        ["/", "/assets/", "/v1/audit/log/tile/entries/", "/v1/audit/log/tile/0/", "/v1/catalogues/"];
    let data = cell.data();
    let targets = ["operator-password", "pki/eu/ca-key.pem"];
    assert!(targets.iter().all(|target| data.join(target).is_file()), "there is something to be found");
    let from_root = data.join("operator-password").to_str().unwrap().trim_start_matches('/').to_owned();
    // As many steps up as a folder of the platform's data or of its program can be deep.
    let near = (1..=6).flat_map(|steps| targets.map(|target| (steps, target.to_owned())));
    let wanted: Vec<(usize, String)> = near.chain([(16, "etc/passwd".to_owned()), (16, from_root)]).collect();
    for climb in climbs {
        for prefix in prefixes {
            for (steps, target) in &wanted {
                let path = format!("{prefix}{}{target}", climb.repeat(*steps));
                let request = format!(
                    "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
                    cell.token()
                );
                let answer = raw(&cell, request.as_bytes()).await;
                assert!(answer.starts_with("HTTP/1.1 "), "{path}: {answer}");
                for secret in ["root:", password.as_str(), "PRIVATE KEY"] {
                    assert!(!answer.contains(secret), "{path}");
                }
            }
        }
    }
    cell.platform.stop().await;
}

async fn raw(cell: &Cell, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(cell.platform.http_address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A server that refuses what it reads may close before all of it was sent.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_becomes_a_header_of_an_answer() {
    let cell = Cell::new().await;
    let client = Client::new();
    for (method, path, _) in cell.routes().await.into_iter().filter(|(method, ..)| method.is_safe()) {
        let evil = "%0d%0aX-Injected:%20yes%0d%0a";
        let vehicle = format!("{evil}{:032x}", 1);
        for url in [
            cell.url(&filled(&path, &vehicle)),
            format!(
                "{}?cursor={evil}&purpose={evil}&q={evil}",
                cell.url(&filled(&path, &format!("{:032x}", 1)))
            ),
        ] {
            let request = client.request(method.clone(), url).bearer_auth(cell.token());
            let response = request.header("idempotency-key", "a%0d%0aX-Injected: yes").send().await.unwrap();
            assert!(response.headers().get("x-injected").is_none(), "{method} {path}");
        }
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_gives_the_platform_an_address_to_call() {
    let cell = Cell::new().await;
    let document = cell.get("/v1/openapi.json").await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut bodies = BTreeSet::new();
    for (_, _, operation) in cell.routes().await {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        bodies.extend(body.as_str().map(|name| name.rsplit('/').next().unwrap().to_owned()));
    }
    assert!(bodies.len() > 15, "{bodies:?}");
    for name in &bodies {
        for (field, schema) in schemas[name]["properties"].as_object().into_iter().flatten() {
            let is_url = schema["format"] == "uri" || field.contains("url") || field.contains("callback");
            assert!(
                !is_url,
                "`{field}` of {name} is an address: who calls it, and how is it held to safe ones?"
            );
        }
    }
    cell.platform.stop().await;
}
