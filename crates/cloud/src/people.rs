//! Other people's accounts: who gets one, what they are told to do, and how they come to a credential.
//!
//! Invariants, as absences: nobody who resets a credential ever sees it; no role is deleted, so that it stays known
//! who was told what and by whom.

use std::collections::HashMap;

use identity::{Brands, Condition, Facts, Function, Realm};
use model::{Brand, Micros, OrganisationId, PersonId, Region, Timestamp};
use store::{Address, Belonging, Besides, CredentialReset, PersonRow, RoleRow, Store, Transaction};

use crate::{
    accounts::token_hash,
    changes::Changes,
    notices::{self, About, NoticeError, NoticeKind},
    outbox::{Letter, Outbox, OutboxError},
    pki::PkiError,
    random,
    words::rfc3339,
};

mod roles;

pub use roles::NewRole;
pub(crate) use roles::ROLES_MAX;

/// Accounts that are looked after here; customers look after their own.
pub(crate) const REALMS: [Realm; 2] = [Realm::Staff, Realm::Partner];
/// How long a one-time link counts.
const RESET: Micros = Micros::DAY;
/// How long nobody resets a credential after the address was changed that the link goes to.
const SETTLED: Micros = Micros(7 * Micros::DAY.0);
const USERNAME_MAX: usize = 64;
/// RFC 5321, section 4.5.3.1.3.
const ADDRESS_MAX: usize = 254;

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error(
        "has 1 to {USERNAME_MAX} characters of a-z, 0-9 and `._@+-`, and begins with a letter or a digit"
    )]
    Username,
    #[error("is no mail address")]
    Address,
    #[error("the name is taken; choose another")]
    Taken,
    #[error("customers make their accounts themselves; the realm of this one is staff or partner")]
    Customer,
    #[error("is of the realm {wanted}, and the account of {found}: give the person a second account")]
    Realm { wanted: Realm, found: Realm },
    #[error("must lie ahead")]
    Past,
    #[error("the person has {ROLES_MAX} roles already; end some of them")]
    Roles,
    #[error("the account was changed meanwhile; look at it and ask again")]
    Changed,
    #[error("a brand would have no administrator without an end any more; make somebody that first")]
    LastAdministrator,
    #[error("the role is over")]
    Over,
    #[error("the account is of the identity provider `{provider}`: its credentials are reset there")]
    Elsewhere { provider: String },
    #[error("only a partner's account belongs to a fleet or a dealership")]
    NoPartner,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Random(#[from] PkiError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl From<NoticeError> for PeopleError {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Store(error) => error.into(),
            NoticeError::Random(error) => error.into(),
        }
    }
}

/// An account to make.
#[derive(Debug)]
pub struct NewAccount {
    pub username: String,
    pub realm: Realm,
    pub brands: Option<Brands>,
    pub address: Option<String>,
    /// The fleet or dealership that a partner belongs to.
    pub organisation: Option<OrganisationId>,
}

/// What is to be another of an account.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    pub username: Option<&'a str>,
    pub address: Option<&'a str>,
    /// Whose account it is changes it.
    pub by_oneself: bool,
}

/// An account with the roles that are not over.
#[derive(Debug, Clone)]
pub struct Known {
    pub person: PersonRow,
    pub realm: Realm,
    pub roles: Vec<RoleRow>,
    /// The fleet or dealership that a partner belongs to.
    pub organisation: Option<OrganisationId>,
}

impl Known {
    /// The brands that the account was created for, and those of its roles; with neither all.
    pub fn brands(&self) -> Brands {
        let created = self.person.brands.iter().flatten();
        let held = self.roles.iter().flat_map(|role| &role.brands);
        Brands::new(created.chain(held).copied()).unwrap_or(Brands::ALL)
    }

    fn belonging(&self) -> Belonging {
        Belonging { created_by: self.person.created_by, organisation: self.organisation }
    }
}

/// Looks after accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People {
    store: Store,
    region: Region,
    outbox: Outbox,
    changes: Changes,
}

impl People {
    pub fn new(store: Store, region: Region, outbox: Outbox, changes: Changes) -> Self {
        Self { store, region, outbox, changes }
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// A staff or partner account.
    pub async fn find(&self, id: PersonId, now: Timestamp) -> Result<Option<Known>, store::Error> {
        let Some(person) = self.store.person(id).await? else { return Ok(None) };
        Ok(self.with_roles(vec![person], now).await?.pop())
    }

    /// The same of a page of accounts.
    pub async fn with_roles(
        &self,
        people: Vec<PersonRow>,
        now: Timestamp,
    ) -> Result<Vec<Known>, store::Error> {
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let mut roles: HashMap<PersonId, Vec<RoleRow>> = HashMap::new();
        for role in self.store.roles_of_all(&ids).await? {
            roles.entry(role.person).or_default().push(role);
        }
        let mut organisations = self.store.memberships(&ids).await?;
        let with_roles = |person: PersonRow| {
            let roles = roles.remove(&person.id).unwrap_or_default();
            let organisation = organisations.remove(&person.id);
            known(person, roles, organisation, now)
        };
        Ok(people.into_iter().filter_map(with_roles).collect())
    }

    /// What is so about `by` and the account, as far as acts on it depend on it.
    pub async fn facts(
        &self,
        known: &Known,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<Facts, store::Error> {
        let person = &known.person;
        let changed_at = person.address.as_ref().and_then(|address| address.changed_at);
        let is_settled = changed_at.is_none_or(|changed_at| now.since(changed_at) >= SETTLED);
        let is_creator = by.is_some() && person.created_by == by;
        // A region that never had two administrators could otherwise never have a second.
        let administrators = self.store.ever_held(Function::Administrator.slug(), &self.region);
        let may_give = !is_creator || administrators.await? < 2;
        let holds = [
            (Condition::NotSelf, by != Some(person.id)),
            (Condition::AddressSettled, is_settled),
            (Condition::NotCreator, may_give),
        ];
        Ok(holds.into_iter().filter_map(|(condition, holds)| holds.then_some(condition)).collect())
    }

    /// Makes an account that has no function and cannot sign in: its credential is reset for that.
    pub async fn create(
        &self,
        new: NewAccount,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<PersonRow, PeopleError> {
        if !REALMS.contains(&new.realm) {
            return Err(PeopleError::Customer);
        }
        check_username(&new.username)?;
        new.address.as_deref().map_or(Ok(()), check_address)?;
        if new.organisation.is_some() && new.realm != Realm::Partner {
            return Err(PeopleError::NoPartner);
        }
        let person = PersonRow {
            id: PersonId::from_bytes(random::bytes()?),
            username: new.username,
            realm: new.realm.slug().to_owned(),
            enabled: true,
            password_hash: None,
            totp: None,
            created_at: now,
            created_by: by,
            brands: new.brands.map(|brands| brands.iter().collect()),
            address: new.address.map(|text| Address { text, changed_at: None }),
            identity_provider: None,
        };
        let mut tx = self.store.begin().await?;
        if !tx.add_person(&person).await? {
            return Err(PeopleError::Taken);
        }
        if let Some(organisation) = new.organisation {
            tx.join_organisation(person.id, organisation, now).await?;
        }
        let brands = new.brands.unwrap_or(Brands::ALL);
        self.tell_security(&mut tx, person.id, brands, NoticeKind::AccountMade, now).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(person)
    }

    /// Gives somebody's own account another name or another address.
    pub async fn change_own(
        &self,
        person: &PersonRow,
        change: Change<'_>,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        self.change_in(&mut tx, person, change, now).await?;
        tx.commit().await?;
        self.changes.changed();
        self.outbox.send(now).await;
        Ok(())
    }

    /// Gives somebody else's account another name, another address or another organisation. Whoever puts an account
    /// into an organisation counts as having made it, and it has no function there yet: else one administrator alone
    /// could open a dealership's cars to whomever they like.
    pub async fn change(
        &self,
        known: &Known,
        change: Change<'_>,
        organisation: Option<Option<OrganisationId>>,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        if organisation.is_some() && known.realm != Realm::Partner {
            return Err(PeopleError::NoPartner);
        }
        let id = known.person.id;
        let mut tx = self.store.begin().await?;
        // Whether it may be changed was asked of the account as it was.
        let seen = Some(known.belonging());
        if tx.lock_account(id).await? != seen || tx.count_roles(id, now).await? != known.roles.len() {
            return Err(PeopleError::Changed);
        }
        self.change_in(&mut tx, &known.person, change, now).await?;
        match organisation.filter(|organisation| *organisation != known.organisation) {
            Some(Some(organisation)) => {
                // One that was made for no brands had those of its roles, and keeps them when these end.
                let is_of_brands = known.person.brands.is_some() || !known.roles.is_empty();
                let brands = is_of_brands.then(|| known.brands().iter().collect::<Vec<Brand>>());
                tx.begin_anew(id, by, brands.as_deref(), now).await?;
                tx.join_organisation(id, organisation, now).await?;
                if !known.roles.is_empty() {
                    self.tell_security(&mut tx, id, known.brands(), NoticeKind::RoleEnded, now).await?;
                }
            }
            Some(None) => tx.leave_organisation(id).await?,
            None => {}
        }
        self.tell_security(&mut tx, id, known.brands(), NoticeKind::AccountChanged, now).await?;
        tx.commit().await?;
        self.changes.changed();
        self.outbox.send(now).await;
        Ok(())
    }

    /// Who could be reached before hears of another address there.
    async fn change_in(
        &self,
        tx: &mut Transaction,
        person: &PersonRow,
        change: Change<'_>,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let Change { username, address, by_oneself } = change;
        // One that a provider's sign-in made has a colon, and may stay as it is.
        let username = username.filter(|name| *name != person.username);
        username.map_or(Ok(()), check_username)?;
        address.map_or(Ok(()), check_address)?;
        if let Some(username) = username {
            match tx.rename_person(person.id, username).await {
                Err(store::Error::Conflict { .. }) => return Err(PeopleError::Taken),
                renamed => renamed?,
            }
        }
        let before = person.address.as_ref().map(|address| address.text.as_str());
        if let Some(text) = address.filter(|text| before != Some(*text)) {
            // Also where somebody changes their own: it may be who found their screen unlocked.
            let address = Address { text: text.to_owned(), changed_at: Some(now) };
            tx.set_address(person.id, &address).await?;
            if let Some(before) = before {
                let (to, username) = (Some(before.to_owned()), person.username.clone());
                let letter = Letter { to, username, text: address_changed(by_oneself) };
                tx.add_to_outbox(&self.outbox.row("address-changed", person.id, &letter, now)?).await?;
            }
        }
        Ok(())
    }

    /// Tells all who guard a brand of the account what was done to it: who hands out rights is watched by others.
    async fn tell_security(
        &self,
        tx: &mut Transaction,
        person: PersonId,
        brands: Brands,
        kind: NoticeKind,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let security = (Function::Security, &self.region, brands);
        Ok(notices::tell_holders(tx, security, kind, About::person(person), now).await?)
    }

    /// Lets somebody sign in, or not any more: all sessions and links of who is disabled end. The last administrator
    /// of a brand stays.
    pub async fn set_enabled(&self, known: &Known, enabled: bool, now: Timestamp) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        if !enabled {
            let administers = |role: &&RoleRow| role.function == Function::Administrator.slug();
            let administered = known.roles.iter().filter(administers);
            let brands: Vec<Brand> = administered.flat_map(|role| role.brands.iter().copied()).collect();
            if !brands.is_empty() {
                self.check_administrators(&mut tx, Besides::Person(known.person.id), &brands, now).await?;
            }
        }
        tx.set_enabled(known.person.id, enabled).await?;
        let kind = if enabled { NoticeKind::AccountEnabled } else { NoticeKind::AccountDisabled };
        self.tell_security(&mut tx, known.person.id, known.brands(), kind, now).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// The brands of a customer's cars; all of them when there is none. Nothing when the account is no customer's.
    pub async fn customer(&self, id: PersonId, now: Timestamp) -> Result<Option<Brands>, store::Error> {
        let known = self.store.person(id).await?;
        if known.is_none_or(|person| person.realm != Realm::Customer.slug()) {
            return Ok(None);
        }
        let links = self.store.links_of(id, now).await?;
        Ok(Some(Brands::new(links.into_iter().map(|link| link.brand)).unwrap_or(Brands::ALL)))
    }

    /// Lets a customer sign in, or not any more.
    pub async fn set_customer_enabled(&self, id: PersonId, enabled: bool) -> Result<(), store::Error> {
        let mut tx = self.store.begin().await?;
        tx.set_enabled(id, enabled).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Voids password and second factor, and sends the person a one-time link for a new password.
    pub async fn reset_credentials(&self, known: &Known, now: Timestamp) -> Result<(), PeopleError> {
        let person = &known.person;
        if let Some(provider) = &person.identity_provider {
            return Err(PeopleError::Elsewhere { provider: provider.clone() });
        }
        let token = format!("mqr_{}", random::secret()?);
        let expires_at = now + RESET;
        let letter = Letter {
            to: person.address.as_ref().map(|address| address.text.clone()),
            username: person.username.clone(),
            text: format!(
                "Your password was voided. Set a new one until {}, with this token, which counts once:\n\n{token}\n\n\
                 POST /v1/credential-resets takes it. Tell it to nobody: whoever looks after accounts never asks for it.",
                rfc3339(expires_at)
            ),
        };
        let row = self.outbox.row("credential-reset", person.id, &letter, now)?;
        let token_hash = token_hash(&token);
        let reset = CredentialReset { person: person.id, token_hash, created_at: now, expires_at };
        let mut tx = self.store.begin().await?;
        tx.reset_credentials(&reset).await?;
        tx.add_to_outbox(&row).await?;
        self.tell_security(&mut tx, person.id, known.brands(), NoticeKind::CredentialsReset, now).await?;
        tx.commit().await?;
        self.changes.changed();
        self.outbox.send(now).await;
        Ok(())
    }
}

/// Nothing for a customer's account.
fn known(
    person: PersonRow,
    roles: Vec<RoleRow>,
    organisation: Option<OrganisationId>,
    now: Timestamp,
) -> Option<Known> {
    let realm = person.realm.parse().ok().filter(|realm| REALMS.contains(realm))?;
    let roles = roles.into_iter().filter(|role| role.ends_at.is_none_or(|end| now < end)).collect();
    Some(Known { person, realm, roles, organisation })
}

/// What is written to the address that was somebody's before.
fn address_changed(by_oneself: bool) -> String {
    let (who, unless) = if by_oneself {
        ("somebody who was signed in to it", "that was not you")
    } else {
        ("somebody who looks after accounts", "nobody told you of it")
    };
    format!(
        "From now on, notices and one-time links of your account go to another address, which {who} gave. If \
         {unless}, tell an administrator within seven days: for so long nobody is sent a link for a new password."
    )
}

/// Small letters only, so that no two names look the same.
fn check_username(username: &str) -> Result<(), PeopleError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_name = username.len() <= USERNAME_MAX
        && username.bytes().next().is_some_and(is_plain)
        && username.bytes().all(|byte| is_plain(byte) || b"._@+-".contains(&byte));
    if is_name { Ok(()) } else { Err(PeopleError::Username) }
}

/// Whether there is such a mailbox only a mail can tell.
pub(crate) fn is_address(address: &str) -> bool {
    let parts = address.rsplit_once('@');
    address.len() <= ADDRESS_MAX
        && parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !address.chars().any(|letter| letter.is_whitespace() || letter.is_control())
}

fn check_address(address: &str) -> Result<(), PeopleError> {
    if is_address(address) { Ok(()) } else { Err(PeopleError::Address) }
}

#[cfg(test)]
mod tests;
