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

-- Sign-ins that were taken: each counts once. What is on its way, browsers keep.
CREATE TABLE sign_ins (
    state_hash TEXT NOT NULL PRIMARY KEY,
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
