-- Campaigns end, and vehicles are taken out of them. The rows stay: what cars queued before is still taken.

ALTER TABLE campaigns ADD COLUMN ended_at BIGINT;
ALTER TABLE assignments ADD COLUMN ended_at BIGINT;
