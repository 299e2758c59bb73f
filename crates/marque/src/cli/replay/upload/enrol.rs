//! The recorded car leaves the factory.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use bus::profile::Profile;
use model::{Brand, DataCategory, Timestamp, VehicleId};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::PURPOSE;
use crate::cli::api::Api;

/// What a VIN is written with (ISO 3779).
const VIN_DIGITS: &[u8; 33] = b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ";

/// What a car gets from its factory.
pub(super) struct Car {
    pub vehicle: VehicleId,
    /// False when a replay before this one has registered it.
    pub created: bool,
    pub certificate_pem: String,
    pub key_pem: String,
    pub ca_pem: String,
    /// Whose signatures on desired state count.
    pub desired_key: [u8; 32],
}

/// Registers and certifies a car. The same name, brand and profile are the same car. Whoever plays a recording is
/// its owner, and grants all at its registration, so that another profile may tell more of it later.
pub(super) async fn enrol(
    api: &Api,
    simulation: &Api,
    brand: Brand,
    region: &str,
    name: &str,
    profile: &Profile,
    now: Timestamp,
) -> anyhow::Result<Car> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let csr_pem = CertificateParams::default().serialize_request(&key)?.pem()?;
    let request = json!({ "vehicles": [{
        "vehicle": {
            "vin": vin(name, brand, profile.name()),
            "brand": brand.slug(),
            "model": profile.title().chars().take(64).collect::<String>(),
            "model_year": year(now),
            "architecture": profile.name(),
            "region": region,
        },
        "grants": DataCategory::ALL.map(granted),
    }] });
    let answer = simulation.post("/v1/vehicles/enrolments", &request).await?;
    let text = |value: &Value, name: &str| {
        let found = value[name].as_str().map(str::to_owned);
        found.with_context(|| format!("read `{name}` of the enrolment"))
    };
    let item = &answer["items"][0];
    let vehicle: VehicleId = text(item, "vehicle_id")?.parse()?;
    // The key of an earlier replay is gone with it, and a VIN alone certifies no other.
    let path = format!("/v1/vehicles/{vehicle}/certificate");
    let certificate = api.post(&path, &json!({ "csr_pem": csr_pem })).await?;
    let desired_key = brain::desired_key(&text(&answer, "desired_key")?);
    Ok(Car {
        vehicle,
        created: item["created"].as_bool().context("read `created` of the enrolment")?,
        certificate_pem: text(&certificate, "certificate_pem")?,
        key_pem: key.serialize_pem(),
        ca_pem: text(&answer, "ca_pem")?,
        desired_key: desired_key.context("read `desired_key` of the enrolment")?,
    })
}

/// A car that is known already has its owner's word, which only the owner changes.
pub(super) async fn check_grants(api: &Api, vehicle: VehicleId, profile: &Profile) -> anyhow::Result<()> {
    let said = api.get(&format!("/v1/vehicles/{vehicle}/grants")).await?;
    let said = said["grants"].as_array().context("read the car's grants")?;
    let is_granted = |category: &DataCategory| {
        said.iter().any(|grant| {
            grant["purpose"] == PURPOSE && grant["category"] == category.slug() && grant["granted"] == true
        })
    };
    let missing: Vec<_> = categories(profile).into_iter().filter(|category| !is_granted(category)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<_> = missing.iter().map(|category| category.slug()).collect();
    bail!(
        "the owner of {vehicle} does not grant {} for {PURPOSE}; name another car with --vehicle",
        missing.join(", ")
    );
}

fn granted(category: DataCategory) -> Value {
    json!({ "purpose": PURPOSE, "category": category.slug(), "granted": true })
}

/// What the recording holds.
fn categories(profile: &Profile) -> BTreeSet<DataCategory> {
    let leaves = profile.signals().filter_map(|(signal, _)| profile.catalogue().by_id(signal));
    leaves.map(|leaf| leaf.category).collect()
}

/// The recorded car's number is in no log, so that one is made of what the replay is told.
pub(super) fn vin(name: &str, brand: Brand, architecture: &str) -> String {
    let words = [brand.slug(), architecture, name].join("/");
    let mut number = model::fnv1a(words.as_bytes());
    let mut digits = [0; 9];
    for digit in digits.iter_mut().rev() {
        let place = usize::try_from(number % 33).expect("the remainder is below 33");
        *digit = VIN_DIGITS[place];
        number /= 33;
    }
    format!("REPLAYED{}", digits.map(char::from).iter().collect::<String>())
}

fn year(now: Timestamp) -> i16 {
    let time = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::UTC).year()
}

#[cfg(test)]
mod tests {
    use model::Vin;

    use super::*;

    #[test]
    fn the_same_replay_is_the_same_car() {
        let first = vin("drive.log", Brand::Opel, "psa-aee2010");
        assert_eq!(first, vin("drive.log", Brand::Opel, "psa-aee2010"));
        assert!(first.parse::<Vin>().is_ok(), "{first}");
        for other in [
            vin("drive2.log", Brand::Opel, "psa-aee2010"),
            vin("drive.log", Brand::Peugeot, "psa-aee2010"),
            vin("drive.log", Brand::Opel, "psa-cmp"),
        ] {
            assert_ne!(first, other);
            assert!(other.parse::<Vin>().is_ok(), "{other}");
        }
    }
}
