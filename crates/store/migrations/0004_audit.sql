-- What the audit log's entries are found by; the log itself is in files. Nothing here names anybody.
CREATE TABLE audit_entries (
    entry_index BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    brand TEXT,
    outcome TEXT NOT NULL
);
CREATE INDEX audit_entries_by_time ON audit_entries (at, entry_index);
CREATE INDEX audit_entries_by_action ON audit_entries (action, entry_index);
CREATE INDEX audit_entries_by_brand ON audit_entries (brand, entry_index);

-- What opens the entries' commitments. A row that is deleted is forgotten for good.
CREATE TABLE audit_openings (
    entry_index BIGINT NOT NULL,
    label TEXT NOT NULL,
    salt BYTEA NOT NULL,
    value TEXT NOT NULL,
    -- Of a car: whose it was then.
    subject_id TEXT,
    PRIMARY KEY (entry_index, label)
);
CREATE INDEX audit_openings_by_value ON audit_openings (label, value, entry_index);
CREATE INDEX audit_openings_by_subject ON audit_openings (subject_id);
