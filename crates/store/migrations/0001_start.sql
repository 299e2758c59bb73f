-- Points in time are BIGINT microseconds since 1970, ids are lower-case hexadecimal TEXT, flags INTEGER 0 or 1.
-- The same text runs on SQLite and PostgreSQL. Statements end with a semicolon at the end of a line.

CREATE TABLE vehicles (
    vehicle_id TEXT NOT NULL PRIMARY KEY,
    vin TEXT NOT NULL UNIQUE,
    brand TEXT NOT NULL,
    model TEXT NOT NULL,
    model_year BIGINT NOT NULL,
    architecture TEXT NOT NULL,
    region TEXT NOT NULL,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX vehicles_by_brand ON vehicles (brand, vehicle_id);
CREATE INDEX vehicles_by_model ON vehicles (model, vehicle_id);
CREATE INDEX vehicles_by_architecture ON vehicles (architecture, vehicle_id);

-- One row for each ownership interval; the newest has no end.
CREATE TABLE subjects (
    subject_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    consent_epoch BIGINT NOT NULL
);
CREATE INDEX subjects_by_vehicle ON subjects (vehicle_id, began_at);

CREATE TABLE grants (
    subject_id TEXT NOT NULL REFERENCES subjects (subject_id),
    purpose TEXT NOT NULL,
    category TEXT NOT NULL,
    granted INTEGER NOT NULL,
    said_at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, purpose, category)
);

CREATE TABLE certificates (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    serial TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX certificates_by_vehicle ON certificates (vehicle_id, not_after);

-- Rows that count; an id is drawn by adding one, so that no backend's own sequences are needed.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('campaign', 0);

CREATE TABLE campaigns (
    campaign_id BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Every version stays: batches name the version that they were collected by.
CREATE TABLE campaign_versions (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (campaign_id),
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    -- What lists show of the document.
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    signals BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, version)
);

CREATE TABLE assignments (
    campaign_id BIGINT NOT NULL REFERENCES campaigns (campaign_id),
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    assigned_at BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, vehicle_id)
);
CREATE INDEX assignments_by_vehicle ON assignments (vehicle_id);

-- The newest envelope of each kind; a car fetches it when it has an older version.
CREATE TABLE desired (
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    envelope BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (vehicle_id, kind)
);

CREATE TABLE reported (
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    kind TEXT NOT NULL,
    version BIGINT NOT NULL,
    problem TEXT,
    reported_at BIGINT NOT NULL,
    PRIMARY KEY (vehicle_id, kind)
);

-- What else a car said in its newest report: the wire's bytes, which `wire` reads.
CREATE TABLE reports (
    vehicle_id TEXT NOT NULL PRIMARY KEY REFERENCES vehicles (vehicle_id),
    report BYTEA NOT NULL,
    reported_at BIGINT NOT NULL
);

CREATE TABLE catalogues (
    hash TEXT NOT NULL PRIMARY KEY,
    leaf_count BIGINT NOT NULL,
    source BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX catalogues_by_age ON catalogues (created_at, hash);

CREATE TABLE accounts (
    username TEXT NOT NULL PRIMARY KEY,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL REFERENCES accounts (username),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Answers of creates that a client may repeat with its key.
CREATE TABLE idempotency (
    username TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT,
    location TEXT,
    body BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (username, idempotency_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Finished Parquet files: pending until the committer has them in Delta.
CREATE TABLE lake_files (
    path TEXT NOT NULL PRIMARY KEY,
    table_name TEXT NOT NULL,
    shard BIGINT NOT NULL,
    from_offset BIGINT NOT NULL,
    to_offset BIGINT NOT NULL,
    brand TEXT NOT NULL,
    date TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    stats TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX lake_files_by_state ON lake_files (table_name, state, shard, to_offset);

CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
