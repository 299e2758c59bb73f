//! People of OpenID Connect providers: who they are here, sign-ins on their way, and logout tokens that were taken.

use model::{PersonId, Timestamp};

use crate::{
    Error, PersonRow, Store, Transaction,
    people::person_of_identity,
    sql::{Row, args},
};

/// A sign-in that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    pub state_hash: String,
    pub provider: String,
    /// Of the cookie of the browser that began it.
    pub browser_hash: String,
    /// As the caller sealed them.
    pub secrets: Vec<u8>,
    pub return_to: String,
    /// The session that is to be proven; none where one is to be opened.
    pub proves: Option<ProvenSession>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A session whose holder proves again who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenSession {
    pub id: String,
    pub person: PersonId,
}

/// Whose sessions end.
#[derive(Debug, Clone, Copy)]
pub struct LoggedOut<'a> {
    pub issuer: &'a str,
    /// One session of the provider.
    pub session: Option<&'a str>,
    /// All of a subject.
    pub subject: Option<&'a str>,
}

fn sign_in(row: &Row) -> Result<SignInRow, Error> {
    let proves = match (row.opt_text(5)?, row.opt_word(6)?) {
        (Some(id), Some(person)) => Some(ProvenSession { id, person }),
        (_, _) => None,
    };
    Ok(SignInRow {
        state_hash: row.text(0)?,
        provider: row.text(1)?,
        browser_hash: row.text(2)?,
        secrets: row.bytes(3)?,
        return_to: row.text(4)?,
        proves,
        created_at: Timestamp(row.int(7)?),
        expires_at: Timestamp(row.int(8)?),
    })
}

impl Store {
    /// Who a subject is here, when they have signed in before.
    pub async fn person_of_subject(&self, issuer: &str, subject: &str) -> Result<Option<PersonRow>, Error> {
        let row = self.pool.fetch_optional(person_of_identity(), args![issuer, subject]).await?;
        row.as_ref().map(crate::people::person).transpose()
    }

    /// Keeps a sign-in that has begun; `false` when so many are on their way that no more are kept.
    pub async fn add_sign_in(&self, new: &SignInRow, rows_max: u32) -> Result<bool, Error> {
        let (session, person) = match &new.proves {
            Some(proven) => (Some(proven.id.as_str()), Some(proven.person.to_string())),
            None => (None, None),
        };
        let added = self
            .pool
            .execute(
                "INSERT INTO sign_ins (state_hash, provider, browser_hash, secrets, return_to, session_id, person_id, \
                 created_at, expires_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
                 WHERE (SELECT COUNT(*) FROM sign_ins) < $10",
                args![
                    &new.state_hash,
                    &new.provider,
                    &new.browser_hash,
                    new.secrets.as_slice(),
                    &new.return_to,
                    session,
                    person.as_deref(),
                    new.created_at,
                    new.expires_at,
                    rows_max
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// Forgets sign-ins that nobody came back from, and logout tokens that would be refused for their age.
    pub async fn forget_sign_ins(&self, now: Timestamp) -> Result<u64, Error> {
        let tokens =
            self.pool.execute("DELETE FROM logout_tokens WHERE expires_at <= $1", args![now]).await?;
        let begun = self.pool.execute("DELETE FROM sign_ins WHERE expires_at <= $1", args![now]).await?;
        Ok(tokens + begun)
    }

    /// Notes that a session's holder has proven at their provider who they are, and what the session is called there
    /// by now.
    pub async fn prove_provider_session(
        &self,
        proven: &ProvenSession,
        provider_session: Option<&str>,
        proven_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "UPDATE sessions SET proven_at = $3, provider_session = COALESCE($4, provider_session) \
                   WHERE session_id = $1 AND person_id = $2 AND expires_at > $5";
        let args = args![&proven.id, proven.person, proven_at, provider_session, now];
        Ok(self.pool.execute(sql, args).await? == 1)
    }
}

impl Transaction {
    /// Takes a sign-in up again. Of two who try, one has it: this statement decides.
    pub async fn take_sign_in(
        &mut self,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Option<SignInRow>, Error> {
        let sql = "DELETE FROM sign_ins WHERE state_hash = $1 AND expires_at > $2 RETURNING state_hash, provider, \
                   browser_hash, secrets, return_to, session_id, person_id, created_at, expires_at";
        self.fetch_optional(sql, args![state_hash, now]).await?.as_ref().map(sign_in).transpose()
    }

    /// Makes a subject somebody here; `false` when they are somebody already.
    pub async fn add_identity(
        &mut self,
        issuer: &str,
        subject: &str,
        person: PersonId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO identities (issuer, subject, person_id, created_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (issuer, subject) DO NOTHING";
        Ok(self.execute(sql, args![issuer, subject, person, now]).await? == 1)
    }

    /// What the configuration calls the account's provider by now.
    pub async fn set_identity_provider(&mut self, person: PersonId, provider: &str) -> Result<(), Error> {
        let sql = "UPDATE people SET identity_provider = $2 WHERE person_id = $1";
        self.execute(sql, args![person, provider]).await.map(drop)
    }

    /// Takes a logout token; `false` when it was taken before.
    pub async fn take_logout_token(
        &mut self,
        issuer: &str,
        token_id: &str,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO logout_tokens (issuer, token_id, expires_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (issuer, token_id) DO NOTHING";
        Ok(self.execute(sql, args![issuer, token_id, expires_at]).await? == 1)
    }

    /// Ends the sessions that a provider says are over, by all that it says; whose they were.
    pub async fn end_provider_sessions(&mut self, who: LoggedOut<'_>) -> Result<Vec<PersonId>, Error> {
        let LoggedOut { issuer, session, subject } = who;
        let rows = match (session, subject) {
            (Some(session), None) => {
                let sql =
                    "DELETE FROM sessions WHERE issuer = $1 AND provider_session = $2 RETURNING person_id";
                self.fetch(sql, args![issuer, session]).await?
            }
            (None, Some(subject)) => {
                let sql = "DELETE FROM sessions WHERE issuer = $1 AND person_id IN \
                           (SELECT person_id FROM identities WHERE issuer = $1 AND subject = $2) RETURNING person_id";
                self.fetch(sql, args![issuer, subject]).await?
            }
            (Some(session), Some(subject)) => {
                let sql = "DELETE FROM sessions WHERE issuer = $1 AND provider_session = $2 AND person_id IN \
                           (SELECT person_id FROM identities WHERE issuer = $1 AND subject = $3) RETURNING person_id";
                self.fetch(sql, args![issuer, session, subject]).await?
            }
            (None, None) => Vec::new(),
        };
        rows.iter().map(|row| row.word(0)).collect()
    }
}
