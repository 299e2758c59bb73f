//! What the platform's log never says, at the most that it can be told to say: passwords, tokens, credentials, VINs; and
//! that nobody writes lines of it.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::{fs::File, net::TcpListener, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);

/// A platform that says all that it can, and where it listens.
async fn start(data: &Path, log: &Path) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let platform = Command::new(env!("CARGO_BIN_EXE_marque"))
        .args(["--log", "trace", "cloud", "--simulated-cars", "--http", &address])
        .args(["--mqtt", "127.0.0.1:0", "--est", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(File::create(log).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ready = async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let asked = reqwest::get(format!("http://{address}/readyz")).await;
            if asked.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    (platform, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_stands_in_the_log_and_nobody_writes_lines_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let (mut platform, address) = start(&data, &log).await;
    let url = |path: &str| format!("http://{address}{path}");
    let client = reqwest::Client::new();
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap().trim().to_owned();
    let password = read("operator-password");
    let post = async |path: &str, token: &str, body: Value| {
        let request = client.post(url(path)).json(&body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let answer = request.send().await.unwrap();
        answer.json::<Value>().await.unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let wrong = "a-password-that-was-mistyped";
    let forger = "x\r\nFORGED line\nFORGED another";
    for username in ["operator", forger] {
        post("/v1/session", "", json!({ "username": username, "password": wrong })).await;
    }
    let opened = post("/v1/session", "", json!({ "username": "operator", "password": password })).await;
    let token = text(&opened["token"]);
    let vin = "VF3CCHMZ0KT000042";
    let car = json!({
        "vin": vin, "brand": "peugeot", "model": "FORGED\nFORGED model", "model_year": 2024,
        "architecture": "psa-aee2010", "region": "eu"
    });
    post("/v1/vehicles", &token, car.clone()).await;
    let mut honest = car;
    honest["model"] = json!("e-208");
    let made = post("/v1/vehicles", &token, honest).await;
    let path = format!("/v1/vehicles/{}/enrolment-credential", text(&made["vehicle_id"]));
    let credential = text(&post(&path, &token, json!({})).await["credential"]);
    post("/v1/vehicles/search?purpose=operation", &token, json!({ "vin": vin })).await;
    let drawn = post("/v1/account/totp", &token, json!({})).await;
    let service = json!({ "name": "monitor", "brands": ["opel"], "profiles": ["monitoring"] });
    let service = post("/v1/services", &token, service).await;
    post("/v1/links", &token, json!({ "code": "K7PM-2XQA" })).await;
    let found = client.get(url("/v1/vehicles")).header("x-request-id", forger.replace(['\r', '\n'], "%0a"));
    found.bearer_auth(&token).send().await.unwrap();
    platform.kill().await.unwrap();

    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.lines().count() > 100, "the log says little: {said}");
    let secrets = [
        ("the operator's password", password),
        ("a mistyped password", wrong.to_owned()),
        ("a session's token", token),
        ("a VIN", vin.to_owned()),
        ("an enrolment credential", credential),
        ("a second factor's secret", text(&drawn["secret"])),
        ("a service's token", text(&service["token"])),
        ("the simulated cars' token", read("simulation-token")),
        ("a code that a car shows", "K7PM-2XQA".to_owned()),
    ];
    for (what, secret) in secrets {
        assert!(secret.len() >= 8, "{what}");
        let line = said.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{what} stands in the log: {line:?}");
    }
    assert!(!said.lines().any(|line| line.starts_with("FORGED")), "somebody wrote a line of the log");
}
