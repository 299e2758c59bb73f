-- Requests that a car's owner, who sold it and never let go, loses it.
CREATE TABLE ownership_releases (
    release_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    -- The ownership that it is against, and whose that is.
    subject_id TEXT NOT NULL REFERENCES subjects (subject_id),
    owner_id TEXT NOT NULL REFERENCES people (person_id),
    requested_by TEXT NOT NULL REFERENCES people (person_id),
    state TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    approved_at BIGINT,
    -- When an open one lapses, or takes effect if it was approved.
    due_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX ownership_releases_open ON ownership_releases (vehicle_id, requested_by)
    WHERE ended_at IS NULL;
CREATE INDEX ownership_releases_by_due ON ownership_releases (due_at) WHERE ended_at IS NULL;
CREATE INDEX ownership_releases_by_time ON ownership_releases (requested_at, release_id);
