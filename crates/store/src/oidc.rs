//! People of OpenID Connect providers: who they are here, and the sign-ins and logout tokens that were taken.

use model::{PersonId, Timestamp};

use crate::{
    Error, PersonRow, Store, Transaction, people::person_of_identity, sql::args, vehicles::Conditions,
};

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

/// The sessions that a provider means, by all that it says. Where it names a session, one whose name at the provider
/// is not known is the subject's.
fn meant<'a>(select: &'static str, who: LoggedOut<'a>) -> Conditions<'a> {
    let LoggedOut { issuer, session, subject } = who;
    let mut query = Conditions::new(select);
    query.and("issuer = ", issuer.into());
    match (session, subject) {
        (Some(session), Some(_)) => {
            query
                .and_part("(provider_session = ")
                .value(session.into())
                .part(" OR provider_session IS NULL)");
        }
        (Some(session), None) => query.and("provider_session = ", session.into()),
        (None, Some(_)) => {}
        // Nobody.
        (None, None) => drop(query.and_part("1 = 0")),
    }
    if let Some(subject) = subject {
        query.and_part("person_id IN (SELECT person_id FROM identities WHERE issuer = ").value(issuer.into());
        query.part(" AND subject = ").value(subject.into()).part(")");
    }
    query
}

impl Store {
    /// Who a subject is here, when they have signed in before.
    pub async fn person_of_subject(&self, issuer: &str, subject: &str) -> Result<Option<PersonRow>, Error> {
        let row = self.pool.fetch_optional(person_of_identity(), args![issuer, subject]).await?;
        row.as_ref().map(crate::people::person).transpose()
    }

    /// Takes a sign-in, by its state; `false` when it was taken before.
    pub async fn take_sign_in(&self, state_hash: &str, expires_at: Timestamp) -> Result<bool, Error> {
        let sql = "INSERT INTO sign_ins (state_hash, expires_at) VALUES ($1, $2) \
                   ON CONFLICT (state_hash) DO NOTHING";
        Ok(self.pool.execute(sql, args![state_hash, expires_at]).await? == 1)
    }

    /// Whose sessions a provider means.
    pub async fn people_of_provider_sessions(&self, who: LoggedOut<'_>) -> Result<Vec<PersonId>, Error> {
        let mut query = meant("SELECT DISTINCT person_id FROM sessions", who);
        query.end_part(" ORDER BY person_id");
        self.pool.fetch(query.sql, &query.args).await?.iter().map(|row| row.word(0)).collect()
    }

    /// Forgets sign-ins and logout tokens that would be refused for their age.
    pub async fn forget_sign_ins(&self, now: Timestamp) -> Result<u64, Error> {
        let tokens =
            self.pool.execute("DELETE FROM logout_tokens WHERE expires_at <= $1", args![now]).await?;
        let taken = self.pool.execute("DELETE FROM sign_ins WHERE expires_at <= $1", args![now]).await?;
        Ok(tokens + taken)
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

    /// Ends the sessions that a provider says are over.
    pub async fn end_provider_sessions(&mut self, who: LoggedOut<'_>) -> Result<u64, Error> {
        let query = meant("DELETE FROM sessions", who);
        self.execute(query.sql, &query.args).await
    }
}
