-- A car's one-time factory credential; the newest replaces the one before. Of the secret only a salted hash stands
-- here. The key is the SHA-256 of the SubjectPublicKeyInfo that the credential was used for.

CREATE TABLE enrolment_credentials (
    vehicle_id TEXT NOT NULL PRIMARY KEY REFERENCES vehicles (vehicle_id),
    salt TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    used_at BIGINT,
    used_key TEXT,
    fingerprint TEXT
);

-- The certified key, so that no two cars have the same and none is certified again after it was taken back; and the
-- certificate itself, so that a lost answer can be given again. Older rows have neither.
ALTER TABLE certificates ADD COLUMN key_hash TEXT;
ALTER TABLE certificates ADD COLUMN der BYTEA;
CREATE INDEX certificates_by_key ON certificates (key_hash);
