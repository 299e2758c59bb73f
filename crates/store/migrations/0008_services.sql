-- The brands that a staff or partner account was created for, their slugs with commas; none when nobody said.
ALTER TABLE people ADD COLUMN brands TEXT;
-- Where one-time links go, and when somebody else changed it last.
ALTER TABLE people ADD COLUMN address TEXT;
ALTER TABLE people ADD COLUMN address_changed_at BIGINT;

-- Whoever has the token sets a password, once. A person's newest replaces the one before.
CREATE TABLE credential_resets (
    person_id TEXT NOT NULL PRIMARY KEY REFERENCES people (person_id),
    token_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX credential_resets_by_token ON credential_resets (token_hash);
CREATE INDEX credential_resets_by_expiry ON credential_resets (expires_at);

-- What has to reach people outside of the platform. The payload is sealed, and gone when it was sent.
CREATE TABLE outbox (
    outbox_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    payload BYTEA,
    created_at BIGINT NOT NULL,
    sent_at BIGINT
);
CREATE INDEX outbox_by_sending ON outbox (sent_at, created_at);

-- Machines of ours. One that was disabled stays so, and its name is free again.
CREATE TABLE services (
    service_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- Their slugs with commas, like the profiles'.
    brands TEXT NOT NULL,
    region TEXT NOT NULL,
    profiles TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    -- None of those that the platform itself made.
    created_by TEXT,
    last_seen_at BIGINT
);
CREATE UNIQUE INDEX services_by_name ON services (name) WHERE enabled = 1;

CREATE TABLE service_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES services (service_id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX service_tokens_by_service ON service_tokens (service_id);
CREATE INDEX service_tokens_by_expiry ON service_tokens (expires_at);
