//! How long a batch takes from a car's socket until a client of the API sees it.
//!
//! Some cars tell of each publish; a client of their event streams notes when the platform shows
//! what it received after that publish.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use model::Timestamp;
use serde_json::Value;

use crate::cli::api::Api;

/// Publishes of a car that may wait for their event; a stalled stream costs no more memory.
const WAITING_MAX: usize = 256;

/// Publishes that no event has shown yet, and the delays of those that were.
#[derive(Debug, Default)]
pub(super) struct Delays {
    waiting: HashMap<String, Vec<Timestamp>>,
    millis: Vec<f64>,
}

/// Shared between those who publish and those who watch.
#[derive(Debug, Clone, Default)]
pub(super) struct Probe(Arc<Mutex<Delays>>);

impl Probe {
    pub(super) fn published(&self, vehicle: &str, at: Timestamp) {
        let mut delays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = delays.waiting.entry(vehicle.to_owned()).or_default();
        if waiting.len() < WAITING_MAX {
            waiting.push(at);
        }
    }

    /// The platform showed readings that it had received at `received`.
    pub(super) fn seen(&self, vehicle: &str, received: Timestamp, now: Timestamp) {
        let mut delays = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = delays.waiting.get_mut(vehicle) else { return };
        let shown: Vec<_> = waiting.extract_if(.., |at| *at <= received).collect();
        delays.millis.extend(shown.into_iter().map(|at| now.since(at).0 as f64 / 1_000.0));
    }

    /// The given quantiles in milliseconds; `None` when nothing was measured.
    pub(super) fn quantiles(&self, wanted: [f64; 2]) -> Option<[f64; 2]> {
        let mut millis = self.0.lock().unwrap_or_else(PoisonError::into_inner).millis.clone();
        millis.sort_by(f64::total_cmp);
        let last = millis.len().checked_sub(1)?;
        Some(wanted.map(|quantile| millis[rank(last, quantile)]))
    }

    pub(super) fn measured(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).millis.len()
    }

    /// Follows a car's event stream until it ends.
    pub(super) async fn watch(self, api: Api, vehicle: String) -> Result<()> {
        let path = format!("/v1/vehicles/{vehicle}/signals/events?purpose=fleet-management");
        let mut response = api.events(&path).await?;
        let mut text = String::new();
        while let Some(piece) = response.chunk().await.context("read the event stream")? {
            let now = crate::clock::now();
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some((event, rest)) = text.split_once("\n\n") {
                if let Some(received) = newest_receive_time(event) {
                    self.seen(&vehicle, received, now);
                }
                text = rest.to_owned();
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quantile of a length is a place in it"
)]
fn rank(last: usize, quantile: f64) -> usize {
    (last as f64 * quantile).round() as usize
}

/// When the platform had received the newest of an event's readings.
fn newest_receive_time(event: &str) -> Option<Timestamp> {
    let data = event.lines().find_map(|line| line.strip_prefix("data:"))?;
    let body: Value = serde_json::from_str(data.trim()).ok()?;
    let times = body["items"].as_array()?.iter().filter_map(|item| item["receive_time"].as_str());
    let newest = times.filter_map(|time| time.parse::<jiff::Timestamp>().ok()).max()?;
    Some(Timestamp(newest.as_microsecond()))
}

#[cfg(test)]
mod tests;
