-- Whose account a notice is about.
ALTER TABLE notices ADD COLUMN about_person_id TEXT;

-- Sign-ins that were taken: each counts once. What is on its way, browsers keep.
DROP TABLE sign_ins;
CREATE TABLE sign_ins (
    state_hash TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
