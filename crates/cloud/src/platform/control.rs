//! The parts of the platform that rest on the database alone.

use std::{net::SocketAddr, sync::Arc};

use identity::Policies;
use store::Store;
use tokio_util::sync::CancellationToken;

use super::{StartError, start_audit, url_of};
use crate::{
    accounts::Accounts,
    audit::Audit,
    catalogues::Catalogues,
    changes::Changes,
    clock::Clock,
    config::{Config, HttpConfig},
    desired::Desired,
    enrolment::Enrolment,
    http::{Api, Parts, Probe},
    metrics::Metrics,
    oidc::Oidc,
    outbox::Outbox,
    owner::{History, Twins},
    ownership::Ownership,
    people::People,
    pki::Pki,
    presence::Presence,
    quarantine::Quarantine,
    registry::Registry,
    seal::Sealer,
    services::Services,
};

/// What rests on the database alone.
pub(super) struct Control {
    pub(super) accounts: Accounts,
    pub(super) changes: Changes,
    pub(super) people: People,
    pub(super) oidc: Oidc,
    pub(super) services: Services,
    pub(super) policies: Arc<Policies>,
    pub(super) operator_made: bool,
    pub(super) audit: Audit,
    pub(super) catalogues: Catalogues,
    pub(super) registry: Registry,
    pub(super) desired: Desired,
    pub(super) enrolment: Enrolment,
    pub(super) ownership: Ownership,
    pub(super) quarantine: Quarantine,
}

/// What the API has besides.
pub(super) struct Around {
    pub(super) store: Store,
    pub(super) presence: Presence,
    pub(super) pki: Arc<Pki>,
    pub(super) twins: Twins,
    pub(super) history: History,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) config: HttpConfig,
    pub(super) probes: Vec<Probe>,
    pub(super) stopping: CancellationToken,
}

impl Control {
    pub(super) fn api(&self, around: Around) -> Api {
        Api::new(Parts {
            registry: self.registry.clone(),
            catalogues: self.catalogues.clone(),
            desired: self.desired.clone(),
            enrolment: self.enrolment.clone(),
            ownership: self.ownership.clone(),
            quarantine: self.quarantine.clone(),
            accounts: self.accounts.clone(),
            changes: self.changes.clone(),
            people: self.people.clone(),
            oidc: self.oidc.clone(),
            services: self.services.clone(),
            policies: Arc::clone(&self.policies),
            audit: self.audit.clone(),
            store: around.store,
            presence: around.presence,
            pki: around.pki,
            twins: around.twins,
            history: around.history,
            clock: around.clock,
            metrics: around.metrics,
            config: around.config,
            probes: around.probes,
            stopping: around.stopping,
        })
    }

    pub(super) async fn load(
        config: &Config,
        at: SocketAddr,
        store: &Store,
        pki: &Arc<Pki>,
        metrics: &Metrics,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let now = clock.now();
        let sealer = Sealer::open(&config.pki_folder())?;
        let changes = Changes::default();
        let region = &config.region;
        let accounts = Accounts::new(store.clone(), region.clone(), sealer.clone(), changes.clone())?;
        let own_url = || url_of(config.http.tls, at).parse().expect("an address is a host of a URL");
        let public_url = config.public_url.clone().unwrap_or_else(own_url);
        let oidc = Oidc::new(
            store.clone(),
            accounts.clone(),
            sealer.clone(),
            region.clone(),
            config.identity_providers.clone(),
            public_url,
            clock,
        )?;
        let outbox = Outbox::new(store.clone(), sealer, &config.outbox_folder());
        let people = People::new(store.clone(), region.clone(), outbox.clone(), changes.clone());
        let services = Services::new(store.clone(), region.clone(), config.simulated_cars, changes.clone());
        services.settle_simulation(&config.simulation_token_file(), now).await?;
        let policies = Arc::new(Policies::load()?);
        let operator_made = accounts.first_run(&config.operator_password_file(), now).await?;
        let audit = start_audit(config, store, metrics).await?;
        let catalogues = Catalogues::load(store, now).await?;
        let registry = Registry::load(store, config.region.clone(), config.jurisdiction, now).await?;
        let desired = Desired::new(store.clone(), registry.clone(), catalogues.clone(), Arc::clone(pki));
        let enrolment = Enrolment::new(store.clone(), registry.clone(), desired.clone(), Arc::clone(pki));
        let ownership =
            Ownership::new(store.clone(), registry.clone(), desired.clone(), changes.clone(), outbox);
        let quarantine =
            Quarantine::new(store.clone(), registry.clone(), desired.clone(), audit.clone(), metrics);
        Ok(Self {
            accounts,
            changes,
            people,
            oidc,
            services,
            policies,
            operator_made,
            audit,
            catalogues,
            registry,
            desired,
            enrolment,
            ownership,
            quarantine,
        })
    }
}
