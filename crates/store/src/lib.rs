//! Control-plane state in SQL: one text for SQLite and PostgreSQL.
//!
//! [`Store`] reads; changes go through a [`Transaction`], so that what belongs together happens
//! together. Each capability has a module with its methods on both.
//!
//! Invariants, as absences: `store` never reads a clock but the database's own (for leases), draws no
//! randomness, composes no value into a statement's text, and gives out a VIN through no query.

mod access_grants;
mod audit;
mod campaigns;
mod catalogues;
mod certificates;
mod consent;
mod credentials;
mod desired;
mod idempotency;
mod lake_files;
mod leases;
mod links;
mod migrations;
mod notices;
mod oidc;
mod organisations;
mod outbox;
mod ownership;
mod page;
mod people;
mod quarantines;
mod releases;
mod services;
mod settings;
mod sql;
mod subjects;
mod vehicles;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use access_grants::{AccessGrantRow, GrantsOf};
pub use audit::{AuditEntry, AuditFilter, AuditOpening};
pub use campaigns::{
    Assignment, CampaignName, CampaignRow, CampaignSummary, HeldCampaign, NewCampaign, Selector,
    StatusCounts, Unassignment,
};
pub use catalogues::CatalogueRow;
pub use certificates::{Certificate, CertificateFilter, CertificateState, KeyUse, NewCertificate};
pub use credentials::{Credential, CredentialUse};
pub use desired::{DesiredRow, NewDesired, ReportedRow};
pub use idempotency::{Claim, StoredAnswer};
pub use lake_files::{LakeFile, LakeFileState, LakeFileStats};
pub use leases::Lease;
pub use links::{LinkCodeRow, LinkRow};
pub use notices::{AccessNoticeRow, NoticeRow};
pub use oidc::{LoggedOut, ProvenSession};
pub use organisations::OrganisationRow;
pub use outbox::{OutboxRow, Recipient};
pub use ownership::{InvitationRow, OfferRow};
pub use page::{Cursor, Page};
pub use people::{
    Address, Belonging, Besides, CredentialReset, PeopleFilter, PersonRow, RoleRow, SessionOrigin,
    SessionRow, TotpRow,
};
pub use quarantines::QuarantineRow;
pub use releases::{ListedRelease, ReleaseFilter, ReleaseRow};
pub use services::ServiceRow;
pub use sql::Transaction;
pub use subjects::Subject;
pub use vehicles::{FleetCount, NewVehicle, Vehicle, VehicleFilter, VehicleReach};

use sql::Pool;

/// Readers wait for one of these when all are busy. SQLite reads in microseconds; more connections would
/// only hold more caches.
const READERS: u32 = 4;

/// Connections of one node. PostgreSQL allows 100 by default, for all nodes together.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How long a request may wait for a connection before it fails as overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such {what}")]
    NotFound { what: &'static str },
    #[error("{what}")]
    Conflict { what: &'static str },
    #[error("the cursor is not one of this list; begin again without it")]
    Cursor,
    #[error(
        "the column `{column}` holds what no version of Marque wrote; restore the database from a backup"
    )]
    Corrupt { column: String },
    #[error("the database is at version {found}, this program knows {known}; start a newer program")]
    Newer { found: i64, known: i64 },
    #[error("cannot open the database at {place}")]
    Open { place: String, source: sqlx::Error },
    #[error("another platform holds this database by now; this one changes nothing in it any more")]
    Fenced,
    #[error("the database failed")]
    Sql(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => {
                Self::Conflict { what: "it is there already" }
            }
            Some(_) | None => Self::Sql(error),
        }
    }
}

/// The control plane's state. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    fence: Option<Arc<leases::Fence>>,
}

impl Store {
    /// Opens or creates a SQLite file. Every commit is on disk when it returns.
    pub async fn sqlite(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE_TIMEOUT);
        let open = |source| Error::Open { place: path.display().to_string(), source };
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let write = pool().max_connections(1).connect_with(options.clone()).await.map_err(open)?;
        let read = pool().max_connections(READERS).connect_lazy_with(options.read_only(true));
        Self::migrated(Pool::Sqlite { read, write }).await
    }

    /// Connects to PostgreSQL by its URL (`postgres://user@host/database`), over TLS as its `sslmode` says.
    pub async fn postgres(url: &str) -> Result<Self, Error> {
        // The URL may hold a password, so that no error may hold the URL.
        let place = || "the PostgreSQL URL".to_owned();
        let options: PgConnectOptions =
            with_sslmode(url).parse().map_err(|source| Error::Open { place: place(), source })?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|source| Error::Open { place: place(), source })?;
        Self::migrated(Pool::Postgres(pool)).await
    }

    async fn migrated(pool: Pool) -> Result<Self, Error> {
        let store = Self { pool, fence: None };
        migrations::run(&store).await?;
        Ok(store)
    }

    /// Begins changes that happen together or not at all.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let mut transaction = self.pool.begin().await?;
        if let Some(fence) = &self.fence {
            transaction.check(fence).await?;
        }
        Ok(transaction)
    }

    /// Asks the database for an answer; for readiness.
    pub async fn ping(&self) -> Result<(), Error> {
        self.pool.fetch_optional("SELECT 1", &[]).await.map(drop)
    }

    /// Waits for what runs and closes all connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// The URL with an `sslmode` in front of its own parameters, of which the last counts. Without any, the
/// environment's `PGSSLMODE` would.
fn with_sslmode(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _fragment)| url);
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    format!("{place}?sslmode=prefer&{parameters}")
}

#[cfg(test)]
mod tests;
