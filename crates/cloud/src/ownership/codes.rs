//! Proof of possession: codes that cars show, and that people give back.

use std::net::IpAddr;

use model::{Micros, PersonId, Timestamp, VehicleId};
use possession::{Code, CodeKind, LIFETIME_MAX};
use store::{LinkCodeRow, Transaction};
use wire::LinkCode;

use super::{Ownership, OwnershipError};
use crate::limits::{Budget, Rate, household, seconds_up};

/// Wrong codes of one account or one address: people mistype three times. A code has 40 random bits, and some
/// thousand are shown at once.
const TRIES: Rate = Rate { at_once: 5, every: Micros::MINUTE };

/// A code ends with this many tries to use it for something else.
const WRONG_TRIES_MAX: u8 = 5;

/// Somebody gave the code that a car shows now.
#[derive(Debug)]
pub struct Proven {
    pub(super) code: LinkCodeRow,
}

impl Proven {
    pub fn vehicle(&self) -> VehicleId {
        self.code.vehicle
    }

    /// Uses the code up; of two who give it at once, one has it.
    pub(super) async fn take(&self, tx: &mut Transaction, now: Timestamp) -> Result<(), OwnershipError> {
        if tx.take_link_code(&self.code, now).await? { Ok(()) } else { Err(OwnershipError::Code) }
    }
}

/// What accounts and addresses may try.
#[derive(Debug)]
pub(super) struct Tries {
    by_account: Budget<PersonId>,
    by_address: Budget<IpAddr>,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self { by_account: Budget::new(TRIES), by_address: Budget::new(TRIES) }
    }

    fn take(&self, who: PersonId, from: IpAddr, now: Timestamp) -> Result<(), OwnershipError> {
        let taken = self.by_account.take(who, now).and_then(|_| self.by_address.take(household(from), now));
        taken.map(drop).map_err(|wait| OwnershipError::TooMany { retry_after_s: seconds_up(wait) })
    }

    fn give_back(&self, who: PersonId, from: IpAddr) {
        self.by_account.give_back(who);
        self.by_address.give_back(household(from));
    }
}

impl Ownership {
    /// A car shows this code from now on.
    pub async fn shows_code(
        &self,
        vehicle: VehicleId,
        code: LinkCode,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let row = LinkCodeRow {
            vehicle,
            kind: code.kind.slug().to_owned(),
            hash: hex::encode(code.hash.0),
            shown_at: now,
            // However long the car would show it.
            until: code.until.min(now + LIFETIME_MAX),
        };
        if !self.0.store.show_link_code(&row).await? {
            tracing::warn!(%vehicle, "two cars show one code; neither counts");
        }
        Ok(())
    }

    /// The proof that a code is, if a car shows it for this now. A code that is anything else is wrong, and
    /// all wrong ones are the same.
    pub async fn prove(
        &self,
        given: &str,
        kind: CodeKind,
        (who, from): (PersonId, IpAddr),
        now: Timestamp,
    ) -> Result<Proven, OwnershipError> {
        self.0.tries.take(who, from, now)?;
        let code: Code = given.parse().map_err(|_| OwnershipError::Code)?;
        let mut proven = Err(OwnershipError::Code);
        // All kinds, so that each takes as long.
        for other in CodeKind::ALL {
            let hash = hex::encode(code.hash(self.0.salt, other).0);
            let Some(row) = self.0.store.link_code(&hash, now).await? else { continue };
            if other == kind {
                self.0.tries.give_back(who, from);
                proven = Ok(Proven { code: row });
            } else {
                self.0.store.count_wrong_try(&row, WRONG_TRIES_MAX).await?;
            }
        }
        proven
    }
}
