//! What the audit log says of cars' certificates: that one is asked for, before it is given, and how that ended.

use std::net::IpAddr;

use ::audit::{Outcome, Slug};
use model::{Timestamp, VehicleId};

use crate::{
    audit::{Audit, AuditError, Named, Record, counted, slug, word},
    enrolment::EnrolError,
    pki::PkiError,
    registry::Registry,
    words::Network,
};

/// What is asked for, by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    pub(super) kind: Kind,
    /// The car that somebody says to be; only one that there is.
    pub(super) vehicle: Option<VehicleId>,
    pub(super) from: IpAddr,
}

/// Refusals that are alike: of one car whose certificate was shown, or of all strangers of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ToldAs {
    who: Result<VehicleId, Network>,
    reason: &'static str,
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
        let record = self.record(registry, now, true, (Outcome::Allowed, Some(slug("begun"))));
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
                (outcome, Some(slug(reason)))
            }
        };
        let record = self.record(registry, now, true, (outcome, reason));
        if let Err(error) = audit.record(record).await {
            tracing::error!(%error, "how a car's request for a certificate ended was not recorded");
        }
    }

    /// Nothing began: the credential was wrong, or the certificate does not stand. So many were refused like this one
    /// since it was recorded last.
    pub(super) async fn refused(
        self,
        audit: &Audit,
        registry: &Registry,
        now: Timestamp,
        (error, count): (&EnrolError, u32),
    ) {
        let (outcome, reason) = reason_of(error);
        let knows_who = self.kind == Kind::Renew;
        let record = self.record(registry, now, knows_who, (outcome, Some(counted(reason, count))));
        if let Err(error) = audit.record(record).await {
            tracing::error!(%error, "that EST refused somebody was not recorded");
        }
    }

    /// What one entry a minute stands for.
    pub(super) fn told_as(self, error: &EnrolError) -> ToldAs {
        let who = self.vehicle.filter(|_| self.kind == Kind::Renew).ok_or_else(|| Network::of(self.from));
        ToldAs { who, reason: reason_of(error).1 }
    }

    fn record(
        self,
        registry: &Registry,
        now: Timestamp,
        knows_who: bool,
        (outcome, reason): (Outcome, Option<Slug>),
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
            reason,
            request: None,
            address: Network::of(self.from).to_string().parse().ok(),
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
