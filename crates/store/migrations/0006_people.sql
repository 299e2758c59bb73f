-- People who sign in. The id stands everywhere else; the name only here.
CREATE TABLE people (
    person_id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    realm TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    -- None for who signs in elsewhere, or has not set one yet.
    password_hash TEXT,
    -- The second factor, sealed by the platform's key, and the last step whose code was taken.
    totp_secret BYTEA,
    totp_step BIGINT,
    created_at BIGINT NOT NULL,
    -- None of the first account, and of those that a provider's sign-in made.
    created_by TEXT
);
CREATE UNIQUE INDEX people_by_username ON people (username);

-- Before this there was one account, the operator's.
INSERT INTO people (person_id, username, realm, enabled, password_hash, created_at)
SELECT '00000000000000000000000000000001', username, 'staff', 1, password_hash, created_at FROM accounts;

-- A function in brands of a region, for a time. What it may do is in `identity`'s policies.
CREATE TABLE roles (
    role_id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    person_function TEXT NOT NULL,
    -- Their slugs with commas.
    brands TEXT NOT NULL,
    region TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT
);
CREATE INDEX roles_by_person ON roles (person_id);
CREATE INDEX roles_by_function ON roles (person_function, region);

DROP TABLE sessions;
DROP TABLE accounts;

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    -- Names it to people; the token is its holder's alone.
    session_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When its holder last proved who they are.
    proven_at BIGINT NOT NULL,
    -- The network that it was opened from.
    address TEXT
);
CREATE UNIQUE INDEX sessions_by_id ON sessions (session_id);
CREATE INDEX sessions_by_person ON sessions (person_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
