//! Control-plane state in SQL: one text for SQLite and PostgreSQL.

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such {what}")]
    NotFound { what: &'static str },
    #[error("{what}")]
    Conflict { what: String },
    #[error("the cursor is not one of this list; begin again without it")]
    Cursor,
    #[error("the database failed: {0}")]
    Sql(#[from] sqlx::Error),
}
