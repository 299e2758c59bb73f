-- Accounts of people who sign in at OpenID Connect providers. A subject is one person at its issuer.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX identities_by_person ON identities (person_id);

-- What the configuration calls the provider that the account comes from; none of accounts of our own.
ALTER TABLE people ADD COLUMN identity_provider TEXT;

-- Where a session was opened, and what is its name there: the provider may end it.
ALTER TABLE sessions ADD COLUMN issuer TEXT;
ALTER TABLE sessions ADD COLUMN provider_session TEXT;
CREATE INDEX sessions_by_issuer ON sessions (issuer, provider_session);

-- Sign-ins that have begun: their browsers are at a provider now.
CREATE TABLE sign_ins (
    state_hash TEXT NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    -- Of the cookie of the browser that began it.
    browser_hash TEXT NOT NULL,
    -- The nonce and the code verifier, sealed by the platform's key.
    secrets BYTEA NOT NULL,
    return_to TEXT NOT NULL,
    -- The session that is to be proven, and whose it is; none where one is to be opened.
    session_id TEXT,
    person_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

-- Logout tokens that were taken: each counts once.
CREATE TABLE logout_tokens (
    issuer TEXT NOT NULL,
    token_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_id)
);
CREATE INDEX logout_tokens_by_expiry ON logout_tokens (expires_at);
