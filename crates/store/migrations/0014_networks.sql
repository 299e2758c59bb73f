-- Where people signed in: strangers elsewhere cannot use up their tries there.
CREATE TABLE networks (
    person_id TEXT NOT NULL REFERENCES people (person_id),
    network TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, network)
);
CREATE INDEX networks_by_time ON networks (seen_at);
