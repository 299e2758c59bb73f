//! The platform's HTTP API, as an operator uses it.

use std::fmt::Display;

use reqwest::Client;
use serde_json::{Value, json};

use crate::{CARS, process::World};

/// What the platform says of its batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnerCounts {
    /// Batches that came again and were dropped.
    pub(crate) resent: u64,
    /// Batches that never came, or of which not all could be read.
    pub(crate) missed: u64,
}

impl World {
    /// Gives all cars a campaign of short intervals, when they are there.
    pub(crate) async fn assign_campaign(&self) {
        self.all_connected().await;
        let client = Client::new();
        let post = async |token: &str, path: &str, body: Value| -> Value {
            let request = client.post(format!("{}{path}", self.url())).bearer_auth(token).json(&body);
            let answer = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
            serde_json::from_str(&answer).unwrap_or_default()
        };
        let password = std::fs::read_to_string(self.password_file()).unwrap();
        let credentials = json!({ "username": "operator", "password": password.trim() });
        let session = post("", "/v1/session", credentials).await;
        let token = session["token"].as_str().unwrap();
        let campaign = serde_json::from_str(include_str!("campaign.json")).unwrap();
        let made = post(token, "/v1/campaigns", campaign).await;
        let path = format!("/v1/campaigns/{}/assignments", made["campaign_id"]);
        post(token, &path, json!({ "brands": model::Brand::ALL.map(model::Brand::slug) })).await;
    }

    /// Ends when every car is connected.
    pub(crate) async fn all_connected(&self) {
        self.until("every car is connected", async || {
            (self.metric("marque_gateway_connections").await? == CARS).then_some(())
        })
        .await;
    }

    /// What the owner has counted since its log began.
    pub(crate) async fn owner_counts(&self) -> OwnerCounts {
        let count = async |name: &str| {
            let metric = format!("marque_owner_{name}_total");
            self.until(&metric, async || self.metric(&metric).await).await
        };
        OwnerCounts {
            resent: count("duplicate_batches").await,
            missed: count("missing_batches").await + count("bad_batches").await + count("bad_columns").await,
        }
    }

    /// Batches that were new to the owner since its log began.
    pub(crate) async fn owner_batches(&self) -> Option<u64> {
        self.metric("marque_owner_batches_total").await
    }

    /// `None` while the platform does not answer.
    async fn metric(&self, name: impl Display) -> Option<u64> {
        let answer = reqwest::get(format!("{}/metrics", self.url())).await.ok()?;
        let text = answer.error_for_status().ok()?.text().await.ok()?;
        let start = format!("{name} ");
        text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
    }
}
