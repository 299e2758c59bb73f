-- Cars whose identity lets nobody in, since two may have it. What was before stands in the audit log.
CREATE TABLE quarantines (
    vehicle_id TEXT NOT NULL PRIMARY KEY REFERENCES vehicles (vehicle_id),
    since BIGINT NOT NULL,
    reason TEXT NOT NULL,
    -- The networks that the two came from, where that was the reason.
    first_network TEXT,
    second_network TEXT
);
CREATE INDEX quarantines_by_time ON quarantines (since, vehicle_id);
