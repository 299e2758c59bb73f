//! How the car comes to its certificate and keeps one: EST (RFC 7030) over TLS 1.3.
//!
//! The key is made in the car. A certificate is on disk before it is used, and the key before it is asked for, so
//! that a car that stops at any moment goes on where it was: an answer that was lost is asked for again with the
//! same key. Which key belongs to the certificate follows from the certificate, so that one rename changes both.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use link::est;
use model::{Timestamp, VehicleId, VehicleUrn};
use rustls::{
    ClientConfig, RootCertStore, pki_types::CertificateDer, sign::CertifiedKey, sign::SingleCertAndKey,
};

use crate::{
    keystore::{Key, KeyError, KeyStore, TlsKey, write_whole},
    vehicle_urn,
};

mod client;

pub use client::EstClient;

/// Why the car has no certificate, or no new one.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot {action} {}; check the folder's owner and free space", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{url}` is no address of EST; give https://HOST:PORT")]
    Url { url: String },
    #[error("the car is not enrolled; run `brain enrol`")]
    NotEnrolled,
    #[error("the car is enrolled already; its certificate is renewed while it runs")]
    Enrolled,
    #[error("EST does not answer")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("EST refused: {status} {text}")]
    Refused { status: u16, text: String },
    #[error("EST answered with something that is no certificate for this car and key")]
    Answer,
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    #[error("the certificates cannot be used")]
    Certificates(#[from] link::Error),
}

/// The car's own folder of keys and certificates.
#[derive(Debug)]
pub struct Identity {
    folder: PathBuf,
    keys: Arc<dyn KeyStore>,
}

/// What the car shows, and whom it trusts.
#[derive(Debug, Clone)]
pub struct Current {
    pub urn: VehicleUrn,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    renew_at: Timestamp,
    certified: Arc<CertifiedKey>,
    roots: Arc<RootCertStore>,
}

impl Current {
    /// When two thirds of it are over.
    pub fn renew_at(&self) -> Timestamp {
        self.renew_at
    }

    /// For the link.
    pub fn link_config(&self) -> Result<Arc<ClientConfig>, link::Error> {
        let resolver = SingleCertAndKey::from(Arc::clone(&self.certified));
        link::tls::client_config_with(Arc::new(resolver), Arc::clone(&self.roots))
    }
}

impl Identity {
    /// In this folder, with keys from this store.
    pub fn new(folder: PathBuf, keys: Arc<dyn KeyStore>) -> Self {
        Self { folder, keys }
    }

    /// Who the car is by its certificate; `None` before it was enrolled.
    pub fn current(&self) -> Result<Option<Current>, EnrolError> {
        let Some(leaf) = self.read("certificate.pem")? else { return Ok(None) };
        let leaf = link::tls::certificates(&leaf)?.swap_remove(0);
        let authorities = self.read("authorities.pem")?.ok_or(EnrolError::NotEnrolled)?;
        let roots = link::tls::roots(&link::tls::certificates(&authorities)?)?;
        let facts = est::facts(&leaf).map_err(|_| EnrolError::Answer)?;
        let key = self.keys.open(point(facts.public_key)?)?.ok_or(EnrolError::NotEnrolled)?;
        let urn = vehicle_urn(&leaf).map_err(|_| EnrolError::Answer)?;
        let (not_before, not_after, renew_at) = (facts.not_before, facts.not_after, facts.renew_at());
        let certified = Arc::new(CertifiedKey::new(vec![leaf], Arc::new(TlsKey(key))));
        Ok(Some(Current { urn, not_before, not_after, renew_at, certified, roots }))
    }

    /// Gets the first certificate with the one-time credential. `authorities` (PEM) is who may name the platform
    /// now; from then on it is who EST says.
    pub async fn enrol(
        &self,
        est: &EstClient,
        vehicle: VehicleId,
        credential: &str,
        authorities: &[u8],
    ) -> Result<Current, EnrolError> {
        if self.current()?.is_some() {
            return Err(EnrolError::Enrolled);
        }
        fs::create_dir_all(&self.folder).map_err(self.failed("create", ""))?;
        let roots = link::tls::roots(&link::tls::certificates(authorities)?)?;
        let config = client::config(roots, None)?;
        self.learn_authorities(est, &config).await?;
        let key = self.pending_key()?;
        let user = Some((vehicle.to_string(), credential.to_owned()));
        let leaf = est.ask(&config, "simpleenroll", user, request(&*key)?).await?;
        self.take(&leaf, &*key, vehicle)
    }

    /// Gets the next certificate for a new key, with the one that there is.
    pub async fn renew(&self, est: &EstClient) -> Result<Current, EnrolError> {
        let current = self.current()?.ok_or(EnrolError::NotEnrolled)?;
        let certified = Arc::new(SingleCertAndKey::from(Arc::clone(&current.certified)));
        let config = client::config(Arc::clone(&current.roots), Some(certified))?;
        self.learn_authorities(est, &config).await?;
        let key = self.pending_key()?;
        let leaf = est.ask(&config, "simplereenroll", None, request(&*key)?).await?;
        self.take(&leaf, &*key, current.urn.vehicle)
    }

    /// Forgets the keys that no certificate needs any more.
    pub fn tidy(&self) -> Result<(), EnrolError> {
        let leaf = self.read("certificate.pem")?.ok_or(EnrolError::NotEnrolled)?;
        let leaf = link::tls::certificates(&leaf)?.swap_remove(0);
        let facts = est::facts(&leaf).map_err(|_| EnrolError::Answer)?;
        let pending = self.read("pending")?.unwrap_or_default();
        Ok(self.keys.retain(&[point(facts.public_key)?, &pending])?)
    }

    async fn learn_authorities(&self, est: &EstClient, config: &Arc<ClientConfig>) -> Result<(), EnrolError> {
        let authorities = est.authorities(config).await?;
        // They come over a connection that the ones before vouch for.
        link::tls::roots(&authorities)?;
        let pem: String = authorities.iter().map(pem).collect();
        self.write("authorities.pem", pem.as_bytes())
    }

    /// The key that a certificate was asked for and did not come, or a new one.
    fn pending_key(&self) -> Result<Arc<dyn Key>, EnrolError> {
        if let Some(point) = self.read("pending")?
            && let Some(key) = self.keys.open(&point)?
        {
            return Ok(key);
        }
        let key = self.keys.generate()?;
        self.write("pending", key.public_key())?;
        Ok(key)
    }

    /// Checks that it is what was asked for, and keeps it.
    fn take(
        &self,
        leaf: &CertificateDer<'_>,
        key: &dyn Key,
        vehicle: VehicleId,
    ) -> Result<Current, EnrolError> {
        let facts = est::facts(leaf).map_err(|_| EnrolError::Answer)?;
        let named = vehicle_urn(leaf).map_err(|_| EnrolError::Answer)?;
        if named.vehicle != vehicle || facts.public_key != est::p256_public_key(key.public_key()) {
            return Err(EnrolError::Answer);
        }
        self.write("certificate.pem", pem(leaf).as_bytes())?;
        let pending = self.folder.join("pending");
        fs::remove_file(&pending).map_err(self.failed("remove", "pending"))?;
        self.current()?.ok_or(EnrolError::NotEnrolled)
    }

    fn read(&self, name: &'static str) -> Result<Option<Vec<u8>>, EnrolError> {
        match fs::read(self.folder.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", name)(error)),
        }
    }

    fn write(&self, name: &'static str, bytes: &[u8]) -> Result<(), EnrolError> {
        write_whole(&self.folder.join(name), bytes, 0o600).map_err(self.failed("write", name))
    }

    fn failed(&self, action: &'static str, name: &'static str) -> impl FnOnce(io::Error) -> EnrolError {
        let path = self.folder.join(name);
        move |source| EnrolError::File { action, path, source }
    }
}

/// What the link uses now; whoever holds it sees the next.
#[derive(Debug)]
pub struct LinkIdentity {
    config: RwLock<Arc<ClientConfig>>,
    renewed: tokio::sync::Notify,
}

impl LinkIdentity {
    pub fn new(config: Arc<ClientConfig>) -> Arc<Self> {
        Arc::new(Self { config: RwLock::new(config), renewed: tokio::sync::Notify::new() })
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From here on connections show this; the one that there is is handed over.
    pub fn replace(&self, config: Arc<ClientConfig>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        self.renewed.notify_one();
    }

    pub(crate) async fn renewed(&self) {
        self.renewed.notified().await;
    }
}

/// The point of a SubjectPublicKeyInfo on P-256.
fn point(public_key: &[u8]) -> Result<&[u8], EnrolError> {
    let start = public_key.len().checked_sub(65).ok_or(EnrolError::Answer)?;
    let point = public_key.get(start..).ok_or(EnrolError::Answer)?;
    if est::p256_public_key(point) == public_key { Ok(point) } else { Err(EnrolError::Answer) }
}

fn request(key: &dyn Key) -> Result<Vec<u8>, KeyError> {
    est::request(key.public_key(), |message| key.sign(message))
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    est::to_pem(certificate)
}
