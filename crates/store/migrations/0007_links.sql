-- Who is tied to which car: its owner, its drivers, the fleet and the dealerships that may see it.
CREATE TABLE links (
    link_id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    person_function TEXT NOT NULL,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    -- As they were when it began.
    brand TEXT NOT NULL,
    region TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT
);
CREATE INDEX links_by_person ON links (person_id);
CREATE INDEX links_by_vehicle ON links (vehicle_id);
-- A car has one owner.
CREATE UNIQUE INDEX links_of_owners ON links (vehicle_id) WHERE person_function = 'owner' AND ends_at IS NULL;

-- The code that a car shows now, as its hash. A car shows one at a time.
CREATE TABLE link_codes (
    vehicle_id TEXT NOT NULL PRIMARY KEY REFERENCES vehicles (vehicle_id),
    kind TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    shown_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX link_codes_by_hash ON link_codes (code_hash);
