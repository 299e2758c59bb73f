//! Accounts of those who come from a provider: made at the first sign-in, found again by issuer and subject.

use identity::{Function, Realm};
use model::{Brand, PersonId, Timestamp};
use store::{Address, PersonRow, RoleRow};

use super::{Oidc, SignInError, id_token::Arrival, settings::ProviderSettings};
use crate::{people::is_address, pki::PkiError, random};

/// Beside the provider's id, as long as a name of ours.
const NAME_LEN_MAX: usize = 64;
/// Then the name gets chance instead of a number.
const SAME_NAMES_MAX: u32 = 9;
/// What a customer does in all brands: with no link to a car it reaches none.
const CUSTOMER: [Function; 2] = [Function::Owner, Function::Driver];

/// An account that is to be made for who has come.
#[derive(Debug)]
pub struct NewAccount {
    pub id: PersonId,
    settings: ProviderSettings,
    arrival: Arrival,
}

impl NewAccount {
    pub(super) fn of(settings: &ProviderSettings, arrival: Arrival) -> Result<Self, PkiError> {
        Ok(Self { id: PersonId::from_bytes(random::bytes()?), settings: settings.clone(), arrival })
    }
}

impl Oidc {
    pub(super) async fn known(
        &self,
        settings: &ProviderSettings,
        subject: &str,
    ) -> Result<Option<PersonRow>, store::Error> {
        let known = self.0.store.person_of_subject(&settings.issuer, subject).await?;
        let Some(mut person) = known else { return Ok(None) };
        if person.identity_provider.as_ref() != Some(&settings.id) {
            // The configuration calls it something else by now.
            let mut tx = self.0.store.begin().await?;
            tx.set_identity_provider(person.id, &settings.id).await?;
            tx.commit().await?;
            person.identity_provider = Some(settings.id.clone());
        }
        Ok(Some(person))
    }

    /// The account that was made, or the one that the subject has by now: they came in another window, too.
    pub(super) async fn make(&self, account: NewAccount, now: Timestamp) -> Result<PersonRow, SignInError> {
        let NewAccount { id, settings, arrival } = account;
        let mail = arrival.email.clone().filter(|mail| arrival.email_verified && is_address(mail));
        let mut person = PersonRow {
            id,
            username: String::new(),
            realm: settings.realm.slug().to_owned(),
            enabled: true,
            password_hash: None,
            totp: None,
            created_at: now,
            created_by: None,
            brands: None,
            address: mail.map(|text| Address { text, changed_at: None }),
            identity_provider: Some(settings.id.clone()),
        };
        let name = name(&arrival);
        let mut tx = self.0.store.begin().await?;
        let mut number = 1;
        loop {
            person.username = match number {
                1 => format!("{}:{name}", settings.id),
                2..=SAME_NAMES_MAX => format!("{}:{name}-{number}", settings.id),
                _ => format!("{}:{name}-{}", settings.id, random::name()?),
            };
            if tx.add_person(&person).await? {
                break;
            }
            number += 1;
        }
        if !tx.add_identity(&settings.issuer, &arrival.subject, person.id, now).await? {
            drop(tx);
            return self.known(&settings, &arrival.subject).await?.ok_or(SignInError::Over);
        }
        if settings.realm == Realm::Customer {
            for function in CUSTOMER {
                tx.add_role(&self.role(person.id, function, now)?).await?;
            }
        }
        tx.commit().await?;
        Ok(person)
    }

    fn role(&self, person: PersonId, function: Function, now: Timestamp) -> Result<RoleRow, SignInError> {
        Ok(RoleRow {
            id: random::name()?,
            person,
            function: function.slug().to_owned(),
            brands: Brand::ALL.to_vec(),
            region: self.0.region.clone(),
            starts_at: now,
            ends_at: None,
            created_at: now,
            created_by: None,
        })
    }
}

/// What somebody is called here, behind their provider's id and a colon, which no name of ours has.
fn name(arrival: &Arrival) -> String {
    let said = [arrival.preferred_name.as_deref(), arrival.email.as_deref()];
    let said = said.into_iter().flatten().map(plain).find(|name| !name.is_empty());
    said.unwrap_or_else(|| plain(&arrival.subject))
}

/// Small letters only, so that no two names look the same.
fn plain(text: &str) -> String {
    let letter = |letter: char| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._@+-".contains(letter) => {
            letter
        }
        _ => '-',
    };
    text.trim().chars().take(NAME_LEN_MAX).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(preferred: Option<&str>, email: Option<&str>, expected: &str) {
        let arrival = Arrival {
            subject: "Sub|1".to_owned(),
            session: None,
            authenticated_at: None,
            preferred_name: preferred.map(str::to_owned),
            email: email.map(str::to_owned),
            email_verified: false,
        };
        assert_eq!(name(&arrival), expected);
    }

    #[test]
    fn people_are_called_as_their_provider_calls_them() {
        check(Some("Anna"), Some("a@example.org"), "anna");
        check(Some(" "), Some("A@Example.org"), "a@example.org");
        check(None, None, "sub-1");
        check(Some("operator:x y\n"), None, "operator-x-y");
        check(Some("аdmin"), None, "-dmin");
        check(Some(&"x".repeat(100)), None, &"x".repeat(64));
    }
}
