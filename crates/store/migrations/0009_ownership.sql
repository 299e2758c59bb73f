-- Guesses at what else a shown code could do.
ALTER TABLE link_codes ADD COLUMN wrong_tries BIGINT NOT NULL DEFAULT 0;

-- What a car collected under an earlier epoch is of the owner before.
ALTER TABLE subjects ADD COLUMN first_epoch BIGINT NOT NULL DEFAULT 0;
-- A car is in one ownership interval at a time.
CREATE UNIQUE INDEX subjects_of_now ON subjects (vehicle_id) WHERE ended_at IS NULL;

-- Nobody has the same link twice.
CREATE UNIQUE INDEX links_of_now ON links (vehicle_id, person_id, person_function) WHERE ends_at IS NULL;

-- Open invitations of drivers. Whoever brings one, with a code shown in the car, becomes a driver.
CREATE TABLE invitations (
    invitation_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    invited_by TEXT NOT NULL REFERENCES people (person_id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX invitations_by_vehicle ON invitations (vehicle_id);

-- Cars that their owners offer to a buyer now.
CREATE TABLE offers (
    vehicle_id TEXT NOT NULL PRIMARY KEY REFERENCES vehicles (vehicle_id),
    offered_by TEXT NOT NULL REFERENCES people (person_id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Fleets and dealerships.
CREATE TABLE organisations (
    organisation_id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Their slugs with commas.
    brands TEXT NOT NULL,
    region TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX organisations_by_kind ON organisations (kind, organisation_id);

-- The one organisation that an account belongs to.
CREATE TABLE members (
    person_id TEXT NOT NULL PRIMARY KEY REFERENCES people (person_id),
    organisation_id TEXT NOT NULL REFERENCES organisations (organisation_id),
    joined_at BIGINT NOT NULL
);
CREATE INDEX members_by_organisation ON members (organisation_id);

-- Cars in fleets, with brand and region as they were when it began.
CREATE TABLE fleet_memberships (
    membership_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    organisation_id TEXT NOT NULL REFERENCES organisations (organisation_id),
    brand TEXT NOT NULL,
    region TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT
);
CREATE UNIQUE INDEX fleet_memberships_of_now ON fleet_memberships (vehicle_id) WHERE ends_at IS NULL;
CREATE INDEX fleet_memberships_by_organisation ON fleet_memberships (organisation_id);

-- Dealerships' access to cars.
CREATE TABLE access_grants (
    access_grant_id TEXT NOT NULL PRIMARY KEY,
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    organisation_id TEXT NOT NULL REFERENCES organisations (organisation_id),
    brand TEXT NOT NULL,
    region TEXT NOT NULL,
    -- Their slugs with commas.
    categories TEXT NOT NULL,
    given_by TEXT NOT NULL REFERENCES people (person_id),
    -- Redeemed by the code shown in the car, not given by its owner.
    by_code INTEGER NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX access_grants_by_vehicle ON access_grants (vehicle_id, starts_at);
CREATE INDEX access_grants_by_organisation ON access_grants (organisation_id, starts_at);

-- What people are told outside of their cars.
CREATE TABLE notices (
    notice_id TEXT NOT NULL PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (person_id),
    kind TEXT NOT NULL,
    vehicle_id TEXT,
    organisation_id TEXT,
    noticed_at BIGINT NOT NULL,
    acknowledged_at BIGINT
);
CREATE INDEX notices_by_person ON notices (person_id, noticed_at, notice_id);
CREATE INDEX notices_by_age ON notices (noticed_at);

-- What drivers are told in their cars; a car fetches those above the number that it has.
CREATE TABLE access_notices (
    vehicle_id TEXT NOT NULL REFERENCES vehicles (vehicle_id),
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    noticed_at BIGINT NOT NULL,
    PRIMARY KEY (vehicle_id, number)
);
