-- PostHog refuses a batch as a whole for one bad record. The halves it was divided into outlive the flusher
-- that divided it, so that the next one goes on where that one ended.

-- The id of the first record of the half that this record is sent with; null: it was never refused.
ALTER TABLE record ADD COLUMN half_id INTEGER;
