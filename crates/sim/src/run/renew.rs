//! Cars that drive for longer than their certificates hold renew them over EST, as real ones do: with a new key, when
//! a third is left. The connection that there is goes on until the next one stands.

use std::{path::PathBuf, sync::Arc, time::Duration};

use brain::enrolment::LinkIdentity;
use link::{est, tls};
use model::{Micros, Timestamp};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::{Certificate, Client, header};
use rustls::RootCertStore;

use super::{
    Error, clock,
    identity::{Identities, Identity},
};

/// A platform that does not answer is asked again after this; ten days are left of thirty.
const AGAIN: Micros = Micros::MINUTE;
/// A machine that slept, or whose clock was set, notices after this.
const LOOK_EVERY: Micros = Micros::HOUR;
/// For all of one request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The fleet's certificates, and what each car's link shows.
pub(super) struct Renewals {
    /// `https://HOST:PORT`
    est: String,
    state: PathBuf,
    cloud: String,
    seed: u64,
    roots: Arc<RootCertStore>,
    identities: Identities,
    cars: Vec<Renewed>,
}

struct Renewed {
    link: Arc<LinkIdentity>,
    due: Timestamp,
}

impl Renewals {
    /// Of cars in the identities' order.
    pub(super) fn new(
        est: &str,
        (state, cloud, seed): (PathBuf, String, u64),
        identities: Identities,
        links: Vec<Arc<LinkIdentity>>,
    ) -> Result<Self, Error> {
        let roots = tls::roots(&tls::certificates(identities.ca_pem.as_bytes())?)?;
        let cars = identities.cars.iter().zip(links);
        let cars = cars.map(|(identity, link)| Ok(Renewed { link, due: due(&identity.certificate_pem)? }));
        let cars = cars.collect::<Result<_, Error>>()?;
        Ok(Self { est: est.trim_end_matches('/').to_owned(), state, cloud, seed, roots, identities, cars })
    }

    /// Runs for as long as the fleet. Nothing waits for it.
    pub(super) async fn run(mut self) {
        loop {
            let now = clock::now();
            let Some(next) = self.cars.iter().map(|car| car.due).min() else { return };
            if now < next {
                let wait = next.since(now).0.min(LOOK_EVERY.0);
                tokio::time::sleep(Micros(wait).to_duration()).await;
                continue;
            }
            for place in 0..self.cars.len() {
                if self.cars[place].due <= now
                    && let Err(error) = self.renew(place).await
                {
                    tracing::warn!(%error, "a car's certificate is not renewed yet");
                    self.cars[place].due = clock::now() + AGAIN;
                }
            }
            self.save().await;
        }
    }

    async fn renew(&mut self, place: usize) -> Result<(), Error> {
        let renewed_at = clock::now();
        let next = self.ask(&self.identities.cars[place], renewed_at).await?;
        let own = tls::Identity::from_pem(next.certificate_pem.as_bytes(), next.key_pem.as_bytes())?;
        let config = tls::client_config(own, Arc::clone(&self.roots))?;
        let car = &mut self.cars[place];
        car.due = due(&next.certificate_pem)?;
        car.link.replace(config);
        self.identities.cars[place] = next;
        Ok(())
    }

    async fn ask(&self, current: &Identity, enrolled_at: Timestamp) -> Result<Identity, Error> {
        const ACTION: &str = "to renew a car's certificate";
        let url = format!("{}{}/simplereenroll", self.est, est::PATH);
        let unreachable = |source| Error::Unreachable { url: url.clone(), source };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let csr = CertificateParams::default().serialize_request(&key)?;
        let own = format!("{}{}", current.certificate_pem, current.key_pem);
        let client = Client::builder()
            .timeout(PATIENCE)
            .tls_certs_only([Certificate::from_pem(self.identities.ca_pem.as_bytes()).map_err(unreachable)?])
            .identity(reqwest::Identity::from_pem(own.as_bytes()).map_err(unreachable)?)
            .build()
            .map_err(unreachable)?;
        let request = client.post(&url).header(header::CONTENT_TYPE, est::PKCS10);
        let response = request.body(est::to_body(csr.der())).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(unreachable)?;
        if status != 200 {
            let detail = String::from_utf8_lossy(&body).trim().to_owned();
            return Err(Error::Refused { action: ACTION, status, detail });
        }
        let wrong = |_| Error::Answer { action: ACTION };
        let message = est::from_body(&body).map_err(wrong)?;
        let leaf = est::certificates_of(&message).map_err(wrong)?.swap_remove(0);
        Ok(Identity {
            vehicle: current.vehicle,
            certificate_pem: est::to_pem(&leaf),
            key_pem: key.serialize_pem(),
            enrolled_at,
        })
    }

    /// A crash before this costs nothing: the keys of before are good for a while.
    async fn save(&self) {
        let (identities, state) = (self.identities.clone(), self.state.clone());
        let (cloud, seed) = (self.cloud.clone(), self.seed);
        let saved = tokio::task::spawn_blocking(move || identities.save(&state, &cloud, seed)).await;
        if let Err(error) = saved.map_err(Error::Task).and_then(|saved| saved) {
            tracing::warn!(%error, "the cars' new certificates are not kept for the next start");
        }
    }
}

/// When two thirds of a certificate are over.
fn due(certificate_pem: &str) -> Result<Timestamp, Error> {
    let leaf = tls::certificates(certificate_pem.as_bytes())?.swap_remove(0);
    let facts = est::facts(&leaf).map_err(|_| Error::Answer { action: "to enrol cars" })?;
    Ok(facts.renew_at())
}
