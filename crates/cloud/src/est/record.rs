//! What the audit log says of cars' certificates: that one is asked for, before it is given, and how that ended.

use std::net::IpAddr;

use ::audit::Outcome;
use model::{Timestamp, VehicleId};

use crate::{
    audit::{Audit, AuditError, Named, Record, slug, word},
    enrolment::EnrolError,
    pki::PkiError,
    registry::Registry,
    words::network_of,
};

/// What is asked for, by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    pub(super) kind: Kind,
    /// The car that somebody says to be; only one that there is.
    pub(super) vehicle: Option<VehicleId>,
    pub(super) from: IpAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By a credential: who asks is known once it is right.
    Enrol,
    /// By the car's certificate.
    Renew,
}

impl Act {
    /// Before it is done.
    pub(super) async fn begins(
        self,
        audit: &Audit,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<(), AuditError> {
        let knows_who = self.kind == Kind::Renew;
        let record = self.record(registry, now, knows_who, Outcome::Allowed, Some("begun"));
        audit.record(record).await.map(drop)
    }

    /// When it has ended. It is done, and that it began stands in the log: a failure to write changes nothing.
    pub(super) async fn ends(
        self,
        audit: &Audit,
        registry: &Registry,
        now: Timestamp,
        refused: Option<&EnrolError>,
    ) {
        let (outcome, reason) = match refused {
            None => (Outcome::Allowed, None),
            Some(error) => {
                let (outcome, reason) = reason_of(error);
                (outcome, Some(reason))
            }
        };
        let knows_who = self.kind == Kind::Renew || refused.is_none();
        let record = self.record(registry, now, knows_who, outcome, reason);
        if let Err(error) = audit.record(record).await {
            tracing::error!(%error, "how a car's request for a certificate ended was not recorded");
        }
    }

    fn record(
        self,
        registry: &Registry,
        now: Timestamp,
        knows_who: bool,
        outcome: Outcome,
        reason: Option<&'static str>,
    ) -> Record {
        let car = self.vehicle.and_then(|vehicle| registry.car(vehicle));
        let named = self.vehicle.map(|vehicle| Named::Committed(word(&vehicle.to_string())));
        let named = named.unwrap_or_else(|| Named::Plain(word("unknown")));
        Record {
            at: now,
            actor: if knows_who {
                (slug("vehicle"), named.clone())
            } else {
                (slug("stranger"), Named::Plain(word("unknown")))
            },
            action: slug(match self.kind {
                Kind::Enrol => "certificate.enrol",
                Kind::Renew => "certificate.renew",
            }),
            resource: (slug("vehicle"), named),
            subject: car.as_ref().map(|car| car.subject),
            brand: car.as_ref().map(|car| car.brand),
            purpose: None,
            outcome,
            reason: reason.map(slug),
            request: None,
            address: network_of(self.from).parse().ok(),
        }
    }
}

fn reason_of(error: &EnrolError) -> (Outcome, &'static str) {
    match error {
        EnrolError::Refused => (Outcome::Denied, "credential"),
        EnrolError::Quarantined { .. } => (Outcome::Denied, "quarantined"),
        EnrolError::KeyTaken { .. } => (Outcome::Denied, "key-of-another-car"),
        EnrolError::KeyRevoked { .. } => (Outcome::Denied, "key-taken-back"),
        EnrolError::Certificate { source, .. } | EnrolError::Pki(source) => match source {
            PkiError::NamesVin => (Outcome::Denied, "names-a-vin"),
            PkiError::NamesOther => (Outcome::Denied, "names-another-car"),
            PkiError::KeyKind => (Outcome::Denied, "key-kind"),
            PkiError::Csr => (Outcome::Denied, "no-request"),
            PkiError::File { .. }
            | PkiError::Damaged { .. }
            | PkiError::Missing { .. }
            | PkiError::Issue(_)
            | PkiError::Random => (Outcome::Failed, "internal"),
        },
        EnrolError::VinTwice { .. }
        | EnrolError::VinTaken { .. }
        | EnrolError::Registered { .. }
        | EnrolError::Certified { .. }
        | EnrolError::HasCertificate
        | EnrolError::Desired(_) => (Outcome::Failed, "internal"),
    }
}
