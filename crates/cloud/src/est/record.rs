//! What the audit log says of cars' certificates: that one is asked for, before it is given, and how that ended.

use std::net::IpAddr;

use ::audit::{Outcome, Slug};
use model::{Micros, Timestamp, VehicleId};

use crate::{
    audit::{Audit, AuditError, CROWD, Named, Record, counted, slug, word},
    enrolment::EnrolError,
    limits::{Tale, Telling},
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

/// Of whom the log was told that they were refused, and why. Strangers crowd out no car that has shown its certificate.
#[derive(Debug)]
pub(super) struct Refusals {
    cars: Telling<(VehicleId, &'static str)>,
    strangers: Telling<(Network, &'static str)>,
}

impl Refusals {
    /// What one entry stands for, in this time.
    pub(super) fn told_every(every: Micros) -> Self {
        Self { cars: Telling::new(every), strangers: Telling::of_strangers(every) }
    }

    pub(super) fn tale(&mut self, act: Act, error: &EnrolError, now: Timestamp) -> Option<Tale> {
        let reason = reason_of(error).1;
        match act.vehicle.filter(|_| act.kind == Kind::Renew) {
            Some(vehicle) => self.cars.tale((vehicle, reason), now),
            None => self.strangers.tale((Network::of(act.from), reason), now),
        }
    }
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
    /// since it was recorded last, or just as many.
    pub(super) async fn refused(
        self,
        audit: &Audit,
        registry: &Registry,
        now: Timestamp,
        (error, tale): (&EnrolError, Tale),
    ) {
        let record = if tale.of_crowd {
            let crowd = (Outcome::Denied, Some(counted(CROWD, tale.count)));
            let nobody = Self { vehicle: None, ..self };
            Record { address: None, ..nobody.record(registry, now, false, crowd) }
        } else {
            let (outcome, reason) = reason_of(error);
            let knows_who = self.kind == Kind::Renew;
            self.record(registry, now, knows_who, (outcome, Some(counted(reason, tale.count))))
        };
        if let Err(error) = audit.record(record).await {
            tracing::error!(%error, "that EST refused somebody was not recorded");
        }
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
