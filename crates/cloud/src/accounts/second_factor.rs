//! Second factors: drawn, taken, asked for (TOTP, RFC 6238).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::totp::{Secret, Step};
use model::{Micros, PersonId, Timestamp};
use store::{PersonRow, TotpRow};

use super::{Accounts, Session, SignInError};
use crate::{random, seal::SealError};

/// How long somebody has to type the first one-time password of a new second factor.
pub(super) const ENROLMENT: Micros = Micros(10 * Micros::MINUTE.0);
/// Whom an authenticator app shows.
const ISSUER: &str = "Marque";

/// A second factor that is not the account's yet.
pub struct NewSecondFactor {
    /// For the account's next request; says nothing to anybody else.
    pub enrolment: String,
    /// What a person types into an app that reads no picture.
    pub secret: String,
    /// What the picture for authenticator apps holds.
    pub uri: String,
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewSecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSecondFactor").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Draws a second factor. It is the account's once a one-time password of it was given.
    pub fn draw_second_factor(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<NewSecondFactor, SignInError> {
        let (bytes, expires_at) = (random::bytes::<20>()?, now + ENROLMENT);
        let offered = [bytes.as_slice(), &expires_at.0.to_be_bytes()].concat();
        let secret = Secret::from_bytes(bytes);
        Ok(NewSecondFactor {
            enrolment: URL_SAFE_NO_PAD
                .encode(self.sealer.seal(&use_of("totp-offer", session.person.id), &offered)?),
            secret: secret.base32(),
            uri: secret.uri(ISSUER, &session.username),
            expires_at,
        })
    }

    /// Makes an offered second factor the account's; its other sessions end.
    pub async fn take_second_factor(
        &self,
        session: &Session,
        enrolment: &str,
        one_time_password: &str,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let person = session.person.id;
        let sealed = URL_SAFE_NO_PAD.decode(enrolment).map_err(|_| SignInError::Wrong)?;
        let offered = self.sealer.unseal(&use_of("totp-offer", person), &sealed);
        let offered = offered.map_err(|_| SignInError::Wrong)?;
        let parts = offered.split_first_chunk::<20>();
        let (bytes, _) = parts
            .and_then(|(bytes, rest)| Some((bytes, i64::from_be_bytes(rest.try_into().ok()?))))
            .filter(|(_, end)| now < Timestamp(*end))
            .ok_or(SignInError::Wrong)?;
        let step = Secret::from_bytes(*bytes).verify(one_time_password, None, now);
        let step = step.ok_or(SignInError::Wrong)?;
        let sealed = self.sealer.seal(&use_of("totp", person), bytes)?;
        let mut tx = self.store.begin().await?;
        tx.set_totp(person, Some(&TotpRow { sealed, step: signed(step) })).await?;
        tx.end_sessions(person, Some(&session.id)).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Takes the account's second factor away.
    pub async fn remove_second_factor(&self, session: &Session) -> Result<(), store::Error> {
        let mut tx = self.store.begin().await?;
        tx.set_totp(session.person.id, None).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Of a person whose password was right.
    pub(super) async fn check_second_factor(
        &self,
        person: &PersonRow,
        totp: &TotpRow,
        given: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let given = given.ok_or(SignInError::SecondFactor)?;
        let bytes = self.sealer.unseal(&use_of("totp", person.id), &totp.sealed)?;
        let bytes: [u8; 20] = bytes.try_into().map_err(|_| SealError::Closed)?;
        let last = u64::try_from(totp.step).ok().map(Step);
        let step = Secret::from_bytes(bytes).verify(given, last, now).ok_or(SignInError::Wrong)?;
        // Of two who give the same password at once, one is taken.
        if self.store.take_totp_step(person.id, signed(step)).await? {
            Ok(())
        } else {
            Err(SignInError::Wrong)
        }
    }
}

fn use_of(what: &str, person: PersonId) -> String {
    format!("{what}/{person}")
}

fn signed(step: Step) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}
