//! How a car gets its certificates by itself: the first by a one-time credential, the next by the one it has.

use std::{fmt, sync::Arc};

use aws_lc_rs::{constant_time, digest};
use model::{Micros, Timestamp, VehicleId};
use store::{Credential, CredentialUse, NewCertificate};

use super::{EnrolError, Enrolment, blocking, check_keys};
use crate::{
    pki::{PkiError, Request},
    random,
    registry::Fingerprint,
    task::to_its_end,
};

/// From the factory's list to the car on its line, with a ship between; then it is worth nothing.
const VALIDITY: Micros = Micros(90 * Micros::DAY.0);
/// How long a lost answer can be asked for again with the same key.
const ANSWER_AGAIN: Micros = Micros(10 * Micros::MINUTE.0);
/// Compared with what nobody can send, so that a car without a credential costs the same time.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A credential that was just drawn. Only this has its secret.
#[derive(Clone)]
pub struct DrawnCredential {
    /// 192 random bits in hexadecimal: nobody guesses it, so that a plain hash protects it.
    pub secret: String,
    pub expires_at: Timestamp,
}

impl fmt::Debug for DrawnCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrawnCredential").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A credential that is right, and the request that came with it, which may be none.
#[derive(Debug)]
pub struct RightCredential {
    credential: Credential,
    request: Result<Request, PkiError>,
}

impl Enrolment {
    /// Draws a car's credential; the one before is no longer. A car that was ever certified needs a replacement.
    pub async fn draw_credential(
        &self,
        vehicle: VehicleId,
        replacement: bool,
        now: Timestamp,
    ) -> Result<DrawnCredential, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let drawn =
                DrawnCredential { secret: hex::encode(random::bytes::<24>()?), expires_at: now + VALIDITY };
            let salt = hex::encode(random::bytes::<16>()?);
            let mut tx = enrolment.store.begin().await?;
            tx.lock_vehicles(&[vehicle]).await?;
            if !replacement && !tx.ever_certified(&[vehicle]).await?.is_empty() {
                return Err(EnrolError::HasCertificate);
            }
            let credential = Credential {
                vehicle,
                secret_hash: secret_hash(&salt, &drawn.secret),
                salt,
                created_at: now,
                expires_at: drawn.expires_at,
                revoked_at: None,
                used: None,
            };
            tx.put_credential(&credential).await?;
            tx.commit().await?;
            tracing::info!(%vehicle, replacement, "enrolment credential drawn");
            Ok(drawn)
        })
        .await
    }

    /// Voids a car's credential; whether there was one that could be used.
    pub async fn revoke_credential(&self, vehicle: VehicleId, now: Timestamp) -> Result<bool, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let mut tx = enrolment.store.begin().await?;
            let revoked = tx.revoke_credential(vehicle, now).await?;
            tx.commit().await?;
            tracing::info!(%vehicle, revoked, "enrolment credential voided");
            Ok(revoked)
        })
        .await
    }

    /// Whether a credential is right. It gives nothing yet, so that what follows can be recorded before.
    ///
    /// The request is read before the credential is looked at, so that a wrong one takes as long as one that was
    /// used; what is wrong with the request hears only who has the right one.
    pub async fn check_credential(
        &self,
        vehicle: VehicleId,
        secret: &str,
        request: Vec<u8>,
        now: Timestamp,
    ) -> Result<RightCredential, EnrolError> {
        let request = blocking(move || Request::from_der(&request)).await;
        let row = self.store.credential(vehicle).await?;
        let known = row.as_ref().map_or((NOBODY, NOBODY), |row| (&row.salt, &row.secret_hash));
        let right = is_same(&secret_hash(known.0, secret), known.1);
        let credential = row.filter(|row| right && is_open(row, now)).ok_or(EnrolError::Refused)?;
        Ok(RightCredential { credential, request })
    }

    /// Certifies the key of a car that showed its credential, and takes back what the car had before: its key may
    /// lie in a control unit that somebody else has now. The certificate (DER).
    pub async fn enrol_by_credential(
        &self,
        RightCredential { credential, request }: RightCredential,
        now: Timestamp,
    ) -> Result<Vec<u8>, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            let (vehicle, request) = (credential.vehicle, request?);
            if let Some(used) = &credential.used {
                return enrolment.answer_again(used, &request).await;
            }
            request.check_names(&enrolment.pki.urn(vehicle))?;
            enrolment.use_up(credential, request, now).await
        })
        .await
    }

    async fn use_up(
        &self,
        credential: Credential,
        request: Request,
        now: Timestamp,
    ) -> Result<Vec<u8>, EnrolError> {
        let vehicle = credential.vehicle;
        let (request, certificate) = self.sign(vehicle, request, now).await?;
        let mut tx = self.store.begin().await?;
        tx.lock_vehicles(&[vehicle]).await?;
        check_keys(&mut tx, &[(0, &certificate)]).await?;
        let used = CredentialUse {
            at: now,
            key_hash: certificate.key_hash.clone(),
            fingerprint: certificate.record.fingerprint.clone(),
        };
        if !tx.use_credential(vehicle, &credential.salt, &used).await? {
            // Another request was first, or the credential was voided or replaced meanwhile.
            drop(tx);
            let now_used = self.store.credential(vehicle).await?.filter(|row| row.salt == credential.salt);
            let used = now_used.and_then(|row| row.used).ok_or(EnrolError::Refused)?;
            return self.answer_again(&used, &request).await;
        }
        let ended = tx.revoke_certificates(vehicle, now).await?;
        let der = certificate.der.clone();
        self.keep(tx, certificate, ended).await?;
        tracing::info!(%vehicle, "car enrolled by its credential");
        Ok(der)
    }

    /// The answer may have been lost: whoever has the same key hears it again.
    async fn answer_again(&self, used: &CredentialUse, request: &Request) -> Result<Vec<u8>, EnrolError> {
        if !is_same(&used.key_hash, request.key_hash()) {
            return Err(EnrolError::Refused);
        }
        self.store.certificate_der(&used.fingerprint).await?.ok_or(EnrolError::Refused)
    }

    /// Certifies a key, the same or another, of a car that showed this certificate. The certificate (DER).
    pub async fn renew(
        &self,
        vehicle: VehicleId,
        shown: Fingerprint,
        request: Vec<u8>,
        now: Timestamp,
    ) -> Result<Vec<u8>, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            let request = blocking(move || Request::from_der(&request)).await?;
            request.check_names(&enrolment.pki.urn(vehicle))?;
            let (_, certificate) = enrolment.sign(vehicle, request, now).await?;
            let mut tx = enrolment.store.begin().await?;
            tx.lock_vehicles(&[vehicle]).await?;
            check_keys(&mut tx, &[(0, &certificate)]).await?;
            // It may have been taken back since the request came.
            if !tx.certificate_stands(&hex::encode(shown), now).await? {
                return Err(EnrolError::Refused);
            }
            let der = certificate.der.clone();
            enrolment.keep(tx, certificate, Vec::new()).await?;
            tracing::info!(%vehicle, "certificate renewed");
            Ok(der)
        })
        .await
    }

    async fn sign(
        &self,
        vehicle: VehicleId,
        request: Request,
        now: Timestamp,
    ) -> Result<(Request, NewCertificate), PkiError> {
        let pki = Arc::clone(&self.pki);
        blocking(move || {
            let issued = pki.issue(vehicle, &request, now)?;
            Ok((request, issued.certificate))
        })
        .await
    }
}

/// Whether a credential may still give something: a certificate, or a lost answer.
fn is_open(credential: &Credential, now: Timestamp) -> bool {
    credential.revoked_at.is_none()
        && match &credential.used {
            None => credential.expires_at > now,
            Some(used) => now < used.at + ANSWER_AGAIN,
        }
}

fn secret_hash(salt: &str, secret: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt.as_bytes());
    context.update(b":");
    context.update(secret.as_bytes());
    hex::encode(context.finish())
}

/// In a time that does not depend on where they differ.
fn is_same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
