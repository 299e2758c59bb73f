//! People who sign in, and their sessions. Passwords are hashed by the caller, tokens are stored as hashes.

use model::Timestamp;

use crate::{
    Error, Store,
    sql::{Row, args},
};

/// A person who may sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub username: String,
    /// In PHC's string format.
    pub password_hash: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub username: String,
    pub expires_at: Timestamp,
}

impl Store {
    pub async fn account(&self, username: &str) -> Result<Option<Account>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT username, password_hash FROM accounts WHERE username = $1",
                args![username],
            )
            .await?;
        let account = |row: Row| Ok(Account { username: row.text(0)?, password_hash: row.text(1)? });
        row.map(account).transpose()
    }

    /// Creates an account; `false` when it was there already.
    pub async fn add_account(
        &self,
        username: &str,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let added = self
            .pool
            .execute(
                "INSERT INTO accounts (username, password_hash, created_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (username) DO NOTHING",
                args![username, password_hash, now],
            )
            .await?;
        Ok(added == 1)
    }

    pub async fn add_session(
        &self,
        token_hash: &str,
        username: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        self.pool
            .execute(
                "INSERT INTO sessions (token_hash, username, created_at, expires_at) VALUES ($1, $2, $3, $4)",
                args![token_hash, username, now, expires_at],
            )
            .await
            .map(drop)
    }

    /// The session of a token, unless it has ended.
    pub async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SessionRow>, Error> {
        let row = self
            .pool
            .fetch_optional(
                "SELECT username, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2",
                args![token_hash, now],
            )
            .await?;
        row.map(|row| Ok(SessionRow { username: row.text(0)?, expires_at: Timestamp(row.int(1)?) }))
            .transpose()
    }

    pub async fn end_session(&self, token_hash: &str) -> Result<(), Error> {
        self.pool.execute("DELETE FROM sessions WHERE token_hash = $1", args![token_hash]).await.map(drop)
    }

    /// Forgets sessions that have ended; how many.
    pub async fn forget_ended_sessions(&self, now: Timestamp) -> Result<u64, Error> {
        self.pool.execute("DELETE FROM sessions WHERE expires_at <= $1", args![now]).await
    }
}
