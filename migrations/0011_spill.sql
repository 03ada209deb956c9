-- When a capture that was spilled came into the database (ms since 1970): from then on it waits for its account. Null:
-- when it was recorded.
ALTER TABLE record ADD COLUMN entered_at INTEGER;
