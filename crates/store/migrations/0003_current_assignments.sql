-- Lists and states of campaigns count the vehicles that have one now, however many had it once.

CREATE INDEX assignments_current ON assignments (campaign_id, vehicle_id) WHERE ended_at IS NULL;
