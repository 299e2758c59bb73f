//! People who sign in, what they were told to do, and their sessions. Passwords are hashed and second factors sealed
//! by the caller; tokens are stored as hashes.

use std::collections::BTreeSet;

use model::{Brand, OrganisationId, PersonId, Region, Timestamp};

use crate::{
    Error, Store, Transaction,
    sql::{Composed, Row, args, select, slugs},
};

mod list;
mod resets;

pub use list::PeopleFilter;
pub use resets::CredentialReset;

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub id: PersonId,
    pub username: String,
    pub realm: String,
    pub enabled: bool,
    /// In PHC's string format.
    pub password_hash: Option<String>,
    pub totp: Option<TotpRow>,
    pub created_at: Timestamp,
    pub created_by: Option<PersonId>,
    /// What it was created for; none when nobody said.
    pub brands: Option<Vec<Brand>>,
    /// Where one-time links go.
    pub address: Option<Address>,
    /// What the configuration calls the provider that the account comes from; none of accounts of our own.
    pub identity_provider: Option<String>,
}

/// Who made an account, and which organisation it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belonging {
    pub created_by: Option<PersonId>,
    pub organisation: Option<OrganisationId>,
}

/// Where a person is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub text: String,
    /// When it was changed last; none while it is the one that the account was made with.
    pub changed_at: Option<Timestamp>,
}

/// A second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpRow {
    /// As the caller sealed it.
    pub sealed: Vec<u8>,
    /// The last step whose code was taken.
    pub step: i64,
}

impl std::fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonRow")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("changed_at", &self.changed_at).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TotpRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpRow").field("step", &self.step).finish_non_exhaustive()
    }
}

/// A function in brands of a region, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    pub id: String,
    pub person: PersonId,
    pub function: String,
    pub brands: Vec<Brand>,
    pub region: Region,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: Option<PersonId>,
}

/// Whose roles not to count.
#[derive(Debug, Clone, Copy)]
pub enum Besides<'a> {
    Role(&'a str),
    Person(PersonId),
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: String,
    pub person: PersonId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When its holder last proved who they are.
    pub proven_at: Timestamp,
    /// The network that it was opened from.
    pub address: Option<String>,
    /// Where it was opened, when at a provider.
    pub origin: Option<SessionOrigin>,
}

/// The provider where a session was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOrigin {
    pub issuer: String,
    /// What the provider calls it, when it says.
    pub session: Option<String>,
}

const PERSON: &str = "SELECT person_id, username, realm, enabled, password_hash, totp_secret, totp_step, created_at, \
                      created_by, brands, address, address_changed_at, identity_provider FROM people";
const ROLE: &str = "SELECT role_id, person_id, person_function, brands, region, starts_at, ends_at, created_at, \
                    created_by FROM roles";
const SESSION: &str = "SELECT session_id, person_id, created_at, expires_at, proven_at, address, issuer, \
                       provider_session FROM sessions";

/// Who a subject, `$2`, of an issuer, `$1`, is here.
pub(crate) fn person_of_identity() -> Composed {
    select(PERSON, " WHERE person_id = (SELECT person_id FROM identities WHERE issuer = $1 AND subject = $2)")
}

pub(crate) fn person(row: &Row) -> Result<PersonRow, Error> {
    let totp = match (row.opt_bytes(5)?, row.opt_int(6)?) {
        (Some(sealed), Some(step)) => Some(TotpRow { sealed, step }),
        (_, _) => None,
    };
    let changed_at = row.opt_int(11)?.map(Timestamp);
    Ok(PersonRow {
        id: row.word(0)?,
        username: row.text(1)?,
        realm: row.text(2)?,
        enabled: row.flag(3)?,
        password_hash: row.opt_text(4)?,
        totp,
        created_at: Timestamp(row.int(7)?),
        created_by: row.opt_word(8)?,
        brands: row.opt_text(9)?.map(|slugs| row.brands_of(9, &slugs)).transpose()?,
        address: row.opt_text(10)?.map(|text| Address { text, changed_at }),
        identity_provider: row.opt_text(12)?,
    })
}

fn role(row: &Row) -> Result<RoleRow, Error> {
    Ok(RoleRow {
        id: row.text(0)?,
        person: row.word(1)?,
        function: row.text(2)?,
        brands: row.brands(3)?,
        region: row.word(4)?,
        starts_at: Timestamp(row.int(5)?),
        ends_at: row.opt_int(6)?.map(Timestamp),
        created_at: Timestamp(row.int(7)?),
        created_by: row.opt_word(8)?,
    })
}

fn session(row: &Row) -> Result<SessionRow, Error> {
    let named = row.opt_text(7)?;
    Ok(SessionRow {
        id: row.text(0)?,
        person: row.word(1)?,
        created_at: Timestamp(row.int(2)?),
        expires_at: Timestamp(row.int(3)?),
        proven_at: Timestamp(row.int(4)?),
        address: row.opt_text(5)?,
        origin: row.opt_text(6)?.map(|issuer| SessionOrigin { issuer, session: named }),
    })
}

impl Store {
    pub async fn person(&self, id: PersonId) -> Result<Option<PersonRow>, Error> {
        let sql = select(PERSON, " WHERE person_id = $1");
        self.pool.fetch_optional(sql, args![id]).await?.as_ref().map(person).transpose()
    }

    pub async fn person_named(&self, username: &str) -> Result<Option<PersonRow>, Error> {
        let sql = select(PERSON, " WHERE username = $1");
        self.pool.fetch_optional(sql, args![username]).await?.as_ref().map(person).transpose()
    }

    /// What a person was told to do, the oldest first; also what is over or has not begun.
    pub async fn roles_of(&self, id: PersonId) -> Result<Vec<RoleRow>, Error> {
        let sql = select(ROLE, " WHERE person_id = $1 ORDER BY created_at, role_id");
        self.pool.fetch(sql, args![id]).await?.iter().map(role).collect()
    }

    /// One of a person's roles, also when it is over.
    pub async fn role(&self, person: PersonId, id: &str) -> Result<Option<RoleRow>, Error> {
        let sql = select(ROLE, " WHERE person_id = $1 AND role_id = $2");
        self.pool.fetch_optional(sql, args![person, id]).await?.as_ref().map(role).transpose()
    }

    /// How many people have, or ever had, a function in a region.
    pub async fn ever_held(&self, function: &str, region: &Region) -> Result<u64, Error> {
        let sql = "SELECT COUNT(DISTINCT person_id) FROM roles WHERE person_function = $1 AND region = $2";
        let row = self.pool.fetch_optional(sql, args![function, region]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// Whether anybody was ever told to do anything here.
    pub async fn has_roles(&self, region: &Region) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM roles WHERE region = $1 LIMIT 1";
        Ok(self.pool.fetch_optional(sql, args![region]).await?.is_some())
    }

    /// The session of a token, unless it has ended.
    pub async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SessionRow>, Error> {
        let sql = select(SESSION, " WHERE token_hash = $1 AND expires_at > $2");
        self.pool.fetch_optional(sql, args![token_hash, now]).await?.as_ref().map(session).transpose()
    }

    /// A person's open sessions, the newest first.
    pub async fn sessions_of(&self, id: PersonId, now: Timestamp) -> Result<Vec<SessionRow>, Error> {
        let sql =
            select(SESSION, " WHERE person_id = $1 AND expires_at > $2 ORDER BY created_at DESC, session_id");
        self.pool.fetch(sql, args![id, now]).await?.iter().map(session).collect()
    }

    /// Whether the person of a name has signed in from a network since then.
    pub async fn is_familiar(&self, username: &str, network: &str, since: Timestamp) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM networks JOIN people ON people.person_id = networks.person_id \
                   WHERE people.username = $1 AND networks.network = $2 AND networks.seen_at > $3";
        Ok(self.pool.fetch_optional(sql, args![username, network, since]).await?.is_some())
    }

    /// Forgets where people signed in before then.
    pub async fn forget_networks(&self, before: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM networks WHERE seen_at <= $1", args![before]).await
    }

    /// Notes that a session's holder has proven who they are.
    pub async fn prove_session(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE sessions SET proven_at = $2 WHERE session_id = $1 AND expires_at > $2";
        Ok(self.pool.execute(sql, args![id, now]).await? == 1)
    }

    /// Ends one session of a person; `false` when they have none of that name.
    pub async fn end_session(&self, person: PersonId, id: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM sessions WHERE person_id = $1 AND session_id = $2";
        Ok(self.pool.execute(sql, args![person, id]).await? == 1)
    }

    /// Forgets sessions that have ended; how many.
    pub async fn forget_ended_sessions(&self, now: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM sessions WHERE expires_at <= $1", args![now]).await
    }

    /// Takes a one-time password's step; `false` when it, or a later one, was taken already.
    pub async fn take_totp_step(&self, person: PersonId, step: i64) -> Result<bool, Error> {
        let sql = "UPDATE people SET totp_step = $2 WHERE person_id = $1 AND totp_step < $2";
        Ok(self.pool.execute(sql, args![person, step]).await? == 1)
    }
}

impl Transaction {
    /// Adds an account; `false` when the name is taken.
    pub async fn add_person(&mut self, new: &PersonRow) -> Result<bool, Error> {
        let brands = new.brands.as_deref().map(slugs);
        let added = self
            .execute(
                "INSERT INTO people (person_id, username, realm, enabled, password_hash, created_at, created_by, \
                 brands, address, identity_provider) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                 ON CONFLICT (username) DO NOTHING",
                args![
                    new.id,
                    &new.username,
                    &new.realm,
                    new.enabled,
                    new.password_hash.as_deref(),
                    new.created_at,
                    new.created_by,
                    brands.as_deref(),
                    new.address.as_ref().map(|address| address.text.as_str()),
                    new.identity_provider.as_deref()
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// Gives an account another name. One that is taken is a conflict.
    pub async fn rename_person(&mut self, person: PersonId, username: &str) -> Result<(), Error> {
        let sql = "UPDATE people SET username = $2 WHERE person_id = $1";
        self.execute(sql, args![person, username]).await.map(drop)
    }

    pub async fn set_address(&mut self, person: PersonId, address: &Address) -> Result<(), Error> {
        let sql = "UPDATE people SET address = $2, address_changed_at = $3 WHERE person_id = $1";
        self.execute(sql, args![person, &address.text, address.changed_at]).await.map(drop)
    }

    pub async fn add_role(&mut self, new: &RoleRow) -> Result<(), Error> {
        self.execute(
            "INSERT INTO roles (role_id, person_id, person_function, brands, region, starts_at, ends_at, created_at, \
             created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                &new.id,
                new.person,
                &new.function,
                slugs(&new.brands),
                &new.region,
                new.starts_at,
                new.ends_at,
                new.created_at,
                new.created_by
            ],
        )
        .await
        .map(drop)
    }

    /// Ends a role now; `false` when the person has no such role, or it is over.
    pub async fn end_role(&mut self, person: PersonId, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE roles SET ends_at = $3 WHERE person_id = $1 AND role_id = $2 AND starts_at <= $3 \
                   AND (ends_at IS NULL OR ends_at > $3)";
        Ok(self.execute(sql, args![person, id, now]).await? == 1)
    }

    /// The brands for which somebody who is enabled has the function in the region now, and without an end. Until the
    /// end of this transaction nobody else ends such a role, or disables who has it.
    pub async fn brands_held_besides(
        &mut self,
        besides: Besides<'_>,
        function: &str,
        region: &Region,
        now: Timestamp,
    ) -> Result<BTreeSet<Brand>, Error> {
        // One transaction at a time writes in SQLite; in PostgreSQL a row that was updated is locked.
        let lock =
            "UPDATE roles SET region = region WHERE person_function = $1 AND region = $2 AND ends_at IS NULL";
        self.execute(lock, args![function, region]).await?;
        let (role, person) = match besides {
            Besides::Role(role) => (role, String::new()),
            Besides::Person(person) => ("", person.to_string()),
        };
        let sql = "SELECT roles.brands FROM roles JOIN people ON people.person_id = roles.person_id \
                   WHERE roles.role_id <> $1 AND roles.person_id <> $2 AND person_function = $3 AND region = $4 \
                   AND starts_at <= $5 AND ends_at IS NULL AND enabled = 1";
        let rows = self.fetch(sql, args![role, person, function, region, now]).await?;
        let held = rows.iter().map(|row| row.brands(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(held.into_iter().flatten().collect())
    }

    /// Who is enabled and has a function in the region now, each with the brands of one role.
    pub async fn holders(
        &mut self,
        function: &str,
        region: &Region,
        now: Timestamp,
    ) -> Result<Vec<(PersonId, Vec<Brand>)>, Error> {
        let sql = "SELECT roles.person_id, roles.brands FROM roles JOIN people ON people.person_id = roles.person_id \
                   WHERE person_function = $1 AND region = $2 AND starts_at <= $3 \
                   AND (ends_at IS NULL OR ends_at > $3) AND enabled = 1 ORDER BY roles.person_id";
        let rows = self.fetch(sql, args![function, region, now]).await?;
        rows.iter().map(|row| Ok((row.word(0)?, row.brands(1)?))).collect()
    }

    /// The account counts as made by somebody else and for these brands, if for any, and has no role any more.
    pub async fn begin_anew(
        &mut self,
        person: PersonId,
        by: Option<PersonId>,
        brands: Option<&[Brand]>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "UPDATE people SET created_by = $2, brands = $3 WHERE person_id = $1";
        self.execute(sql, args![person, by, brands.map(slugs).as_deref()]).await?;
        let sql = "UPDATE roles SET ends_at = $2 WHERE person_id = $1 AND (ends_at IS NULL OR ends_at > $2)";
        self.execute(sql, args![person, now]).await.map(drop)
    }

    /// Who made an account and where it belongs, none where there is none. Until the end of this transaction nobody
    /// else changes it or gives it a role.
    pub async fn lock_account(&mut self, person: PersonId) -> Result<Option<Belonging>, Error> {
        self.execute("UPDATE people SET enabled = enabled WHERE person_id = $1", args![person]).await?;
        let sql = "SELECT created_by, organisation_id FROM people \
                   LEFT JOIN members ON members.person_id = people.person_id WHERE people.person_id = $1";
        let rows = self.fetch(sql, args![person]).await?;
        let belonging =
            |row: &Row| Ok(Belonging { created_by: row.opt_word(0)?, organisation: row.opt_word(1)? });
        rows.first().map(belonging).transpose()
    }

    /// How many roles a person has that are not over.
    pub async fn count_roles(&mut self, person: PersonId, now: Timestamp) -> Result<usize, Error> {
        let sql = "SELECT role_id FROM roles WHERE person_id = $1 AND (ends_at IS NULL OR ends_at > $2)";
        Ok(self.fetch(sql, args![person, now]).await?.len())
    }

    /// Enables or disables an account; whoever is disabled is signed out everywhere, no open link counts, and it is
    /// forgotten where they were.
    pub async fn set_enabled(&mut self, person: PersonId, enabled: bool) -> Result<bool, Error> {
        let sql = "UPDATE people SET enabled = $2 WHERE person_id = $1";
        let known = self.execute(sql, args![person, enabled]).await? == 1;
        if !enabled {
            self.end_sessions(person, None).await?;
            self.forget_networks_of(person).await?;
            self.execute("DELETE FROM credential_resets WHERE person_id = $1", args![person]).await?;
        }
        Ok(known)
    }

    /// Opens a session, unless its person was disabled, or the credentials are others than those that were looked at.
    /// Whoever changes them at once waits, and ends this session too.
    pub async fn add_session(
        &mut self,
        token_hash: &str,
        new: &SessionRow,
        as_proven: &PersonRow,
    ) -> Result<bool, Error> {
        let sql = "UPDATE people SET enabled = enabled WHERE person_id = $1 AND enabled = 1 \
                   AND password_hash IS NOT DISTINCT FROM $2 AND totp_secret IS NOT DISTINCT FROM $3";
        let totp = as_proven.totp.as_ref().map(|totp| totp.sealed.as_slice());
        if self.execute(sql, args![new.person, as_proven.password_hash.as_deref(), totp]).await? == 0 {
            return Ok(false);
        }
        let origin = new.origin.as_ref();
        self.execute(
            "INSERT INTO sessions (token_hash, session_id, person_id, created_at, expires_at, proven_at, address, \
             issuer, provider_session) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            args![
                token_hash,
                &new.id,
                new.person,
                new.created_at,
                new.expires_at,
                new.proven_at,
                new.address.as_deref(),
                origin.map(|origin| origin.issuer.as_str()),
                origin.and_then(|origin| origin.session.as_deref())
            ],
        )
        .await?;
        // Who comes from a provider has no password to guess at, and needs to be known nowhere.
        if let Some(network) = new.address.as_deref().filter(|_| new.origin.is_none()) {
            let sql = "INSERT INTO networks (person_id, network, seen_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (person_id, network) DO UPDATE SET seen_at = excluded.seen_at";
            self.execute(sql, args![new.person, network, new.created_at]).await?;
        }
        Ok(true)
    }

    /// Forgets where a person signed in: it may have been somebody else.
    pub(crate) async fn forget_networks_of(&mut self, person: PersonId) -> Result<(), Error> {
        self.execute("DELETE FROM networks WHERE person_id = $1", args![person]).await.map(drop)
    }

    /// Ends a person's sessions but one; how many.
    pub async fn end_sessions(&mut self, person: PersonId, but: Option<&str>) -> Result<u64, Error> {
        let sql = "DELETE FROM sessions WHERE person_id = $1 AND session_id <> $2";
        self.execute(sql, args![person, but.unwrap_or_default()]).await
    }

    pub async fn set_password(&mut self, person: PersonId, hash: Option<&str>) -> Result<(), Error> {
        let sql = "UPDATE people SET password_hash = $2 WHERE person_id = $1";
        self.execute(sql, args![person, hash]).await.map(drop)
    }

    /// Sets or takes away the second factor.
    pub async fn set_totp(&mut self, person: PersonId, totp: Option<&TotpRow>) -> Result<(), Error> {
        match totp {
            Some(totp) => {
                let sql = "UPDATE people SET totp_secret = $2, totp_step = $3 WHERE person_id = $1";
                self.execute(sql, args![person, totp.sealed.as_slice(), totp.step]).await
            }
            None => {
                let sql = "UPDATE people SET totp_secret = NULL, totp_step = NULL WHERE person_id = $1";
                self.execute(sql, args![person]).await
            }
        }
        .map(drop)
    }
}
