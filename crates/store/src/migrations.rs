//! Migrations go forward only: expand first, contract in a later release, so that two versions of the
//! program can share a database.

use model::Timestamp;

use crate::{Error, Store, sql::args};

struct Migration {
    version: i64,
    script: &'static str,
}

/// In order; a released one is never changed.
const MIGRATIONS: [Migration; 15] = [
    Migration { version: 1, script: include_str!("../migrations/0001_start.sql") },
    Migration { version: 2, script: include_str!("../migrations/0002_ended_campaigns.sql") },
    Migration { version: 3, script: include_str!("../migrations/0003_current_assignments.sql") },
    Migration { version: 4, script: include_str!("../migrations/0004_audit.sql") },
    Migration { version: 5, script: include_str!("../migrations/0005_enrolment_credentials.sql") },
    Migration { version: 6, script: include_str!("../migrations/0006_people.sql") },
    Migration { version: 7, script: include_str!("../migrations/0007_links.sql") },
    Migration { version: 8, script: include_str!("../migrations/0008_services.sql") },
    Migration { version: 9, script: include_str!("../migrations/0009_ownership.sql") },
    Migration { version: 10, script: include_str!("../migrations/0010_quarantine.sql") },
    Migration { version: 11, script: include_str!("../migrations/0011_oidc.sql") },
    Migration { version: 12, script: include_str!("../migrations/0012_campaign_brands.sql") },
    Migration { version: 13, script: include_str!("../migrations/0013_releases.sql") },
    Migration { version: 14, script: include_str!("../migrations/0014_networks.sql") },
    Migration { version: 15, script: include_str!("../migrations/0015_people_told.sql") },
];

pub(crate) async fn run(store: &Store) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    tx.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)",
        &[],
    )
    .await?;
    let row = tx.fetch_optional("SELECT COALESCE(MAX(version), 0) FROM migrations", &[]).await?;
    let found = row.map_or(Ok(0), |row| row.int(0))?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let now: Timestamp = tx.database_now().await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
        tx.run_script(migration.script).await?;
        tx.execute(
            "INSERT INTO migrations (version, applied_at) VALUES ($1, $2)",
            args![migration.version, now],
        )
        .await?;
        tracing::info!(version = migration.version, "database migrated");
    }
    tx.commit().await
}
