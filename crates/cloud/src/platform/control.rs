//! The parts of the platform that rest on the database alone.

use std::{net::SocketAddr, sync::Arc};

use identity::Policies;
use store::Store;

use super::{StartError, start_audit, url_of};
use crate::{
    accounts::Accounts, audit::Audit, catalogues::Catalogues, config::Config, desired::Desired,
    enrolment::Enrolment, metrics::Metrics, oidc::Oidc, outbox::Outbox, ownership::Ownership, people::People,
    pki::Pki, registry::Registry, seal::Sealer, services::Services,
};

/// What rests on the database alone.
pub(super) struct Control {
    pub(super) accounts: Accounts,
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
}

impl Control {
    pub(super) async fn load(
        config: &Config,
        at: SocketAddr,
        store: &Store,
        pki: &Arc<Pki>,
        metrics: &Metrics,
        now: model::Timestamp,
    ) -> Result<Self, StartError> {
        let sealer = Sealer::open(&config.pki_folder())?;
        let accounts = Accounts::new(store.clone(), config.region.clone(), sealer.clone())?;
        let own_url = || url_of(config.http.tls, at).parse().expect("an address is a host of a URL");
        let public_url = config.public_url.clone().unwrap_or_else(own_url);
        let oidc = Oidc::new(
            store.clone(),
            accounts.clone(),
            sealer.clone(),
            config.region.clone(),
            config.identity_providers.clone(),
            public_url,
        )?;
        let outbox = Outbox::new(store.clone(), sealer, &config.outbox_folder());
        let people = People::new(store.clone(), config.region.clone(), outbox);
        let services = Services::new(store.clone(), config.region.clone(), config.simulated_cars);
        services.settle_simulation(&config.simulation_token_file(), now).await?;
        let policies = Arc::new(Policies::load()?);
        let operator_made = accounts.first_run(&config.operator_password_file(), now).await?;
        let audit = start_audit(config, store, metrics).await?;
        let catalogues = Catalogues::load(store, now).await?;
        let registry = Registry::load(store, config.region.clone(), config.jurisdiction, now).await?;
        let desired = Desired::new(store.clone(), registry.clone(), catalogues.clone(), Arc::clone(pki));
        let enrolment = Enrolment::new(store.clone(), registry.clone(), desired.clone(), Arc::clone(pki));
        let ownership = Ownership::new(store.clone(), registry.clone(), desired.clone(), accounts.clone());
        Ok(Self {
            accounts,
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
        })
    }
}
