//! Keeps the car's certificate young: a new key and a new certificate when a third is left, then the connection is
//! handed over.

use std::sync::Arc;

use model::{Micros, Timestamp};

use crate::{
    backoff::{Backoff, BackoffLimits},
    clock::Clock,
    enrolment::{Current, EnrolError, EstClient, Identity, LinkIdentity},
};

/// An hour is little of ten days; a platform that is back sees its cars soon.
const AGAIN: BackoffLimits = BackoffLimits { min: Micros::MINUTE, max: Micros::HOUR };
/// A clock that is set, or a car that sleeps, is noticed after this.
const LOOK_EVERY: Micros = Micros::HOUR;
/// At most this share of the validity later than two thirds of it, so that a fleet of one day does not come back
/// on one day.
const SPREAD: i64 = 30;

/// Renews the car's certificate over EST.
#[derive(Debug)]
pub struct Renewal {
    pub identity: Identity,
    pub est: EstClient,
    /// What the link shows.
    pub link: Arc<LinkIdentity>,
    pub clock: Clock,
}

impl Renewal {
    /// Runs for as long as the car; never ends by itself. Nothing waits for it.
    pub async fn run(self, current: Current) {
        let mut backoff = Backoff::new(AGAIN, current.urn.vehicle);
        let mut due = due(&current);
        loop {
            let now = (self.clock)();
            if now < due {
                let wait = due.since(now).0.clamp(1, LOOK_EVERY.0);
                tokio::time::sleep(Micros(wait).to_duration()).await;
                continue;
            }
            match self.renew().await {
                Ok(next) => {
                    backoff.reset();
                    tracing::info!(until = next.not_after.0, "the car has a new certificate");
                    due = self::due(&next);
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(%error, wait_s = wait.0 / 1_000_000, "the certificate is not renewed yet");
                    due = now + wait;
                }
            }
        }
    }

    async fn renew(&self) -> Result<Current, EnrolError> {
        // Of the renewal before: no connection uses it any more.
        self.identity.tidy()?;
        let next = self.identity.renew(&self.est).await?;
        self.link.replace(next.link_config()?);
        Ok(next)
    }
}

/// Each car a little later than two thirds, by its id.
fn due(current: &Current) -> Timestamp {
    let [.., a, b] = *current.urn.vehicle.as_bytes();
    let share = i64::from(u16::from_le_bytes([a, b]));
    let spread = current.not_after.since(current.not_before).0 / SPREAD;
    current.renew_at() + Micros(spread / (1 << 16) * share)
}
