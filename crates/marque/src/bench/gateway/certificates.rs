//! One authority, one server and many cars, as files for mosquitto and in memory for our client.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use link::tls;
use model::VehicleId;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// The region that the cars of the bench are at home in.
pub(in crate::bench) const REGION: &str = "bench";

/// The name that the server's certificate carries.
pub(super) const SERVER_NAME: &str = "localhost";

/// Certificates of the bench.
pub(super) struct Pki {
    folder: PathBuf,
    roots: Arc<RootCertStore>,
    cars: Vec<(VehicleId, CertificateDer<'static>, Vec<u8>)>,
}

impl Pki {
    /// Makes an authority, a server and so many cars, all with P-256 keys.
    pub(super) fn create(folder: &Path, cars: usize) -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("make the authority's key")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = distinguished("Marque bench authority");
        let authority = params.self_signed(&key).context("make the authority's certificate")?;
        let issuer = Issuer::new(params, key);
        let (certificate, key) = leaf(&issuer, SanType::DnsName(SERVER_NAME.try_into()?))?;
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("server.pem", certificate.pem()),
            ("server.key", key.serialize_pem()),
        ] {
            fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
        }
        let cars = (0..cars).map(|number| {
            let vehicle = vehicle(number);
            let name = format!("urn:marque:vehicle:{REGION}:{vehicle}");
            let (certificate, key) = leaf(&issuer, SanType::URI(name.as_str().try_into()?))?;
            Ok((vehicle, certificate.der().clone(), key.serialize_der()))
        });
        let cars = cars.collect::<anyhow::Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), roots: tls::roots(&[authority.der().clone()])?, cars })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn cars(&self) -> usize {
        self.cars.len()
    }

    /// The TLS configuration of a car, with or without tickets for its next connections.
    pub(super) fn client(
        &self,
        number: usize,
        resumed: bool,
    ) -> anyhow::Result<(VehicleId, Arc<ClientConfig>)> {
        let (vehicle, certificate, key) = self.cars.get(number).context("use a car that was made")?;
        let key = PrivateKeyDer::Pkcs8(key.clone().into());
        let identity = tls::Identity { chain: vec![certificate.clone()], key };
        let config = tls::client_config(identity, Arc::clone(&self.roots))?;
        if resumed {
            return Ok((*vehicle, config));
        }
        let mut config = Arc::unwrap_or_clone(config);
        config.resumption = Resumption::disabled();
        Ok((*vehicle, Arc::new(config)))
    }
}

/// The car with a number, the same in both processes of the bench.
pub(in crate::bench) fn vehicle(number: usize) -> VehicleId {
    let mut bytes = [0x5a; 16];
    for (byte, part) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = part;
    }
    VehicleId::from_bytes(bytes)
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn leaf(issuer: &Issuer<'_, KeyPair>, name: SanType) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
    let key = KeyPair::generate().context("make a key")?;
    let mut params = CertificateParams::default();
    // Another name than the authority's: OpenSSL takes equal names for a self-signed certificate.
    params.distinguished_name = distinguished("Marque bench");
    params.subject_alt_names = vec![name];
    let certificate = params.signed_by(&key, issuer).context("sign a certificate")?;
    Ok((certificate, key))
}
