-- Events are counted by quarters of an hour: local days begin at half past an hour of UTC in India, at a quarter past in
-- Nepal. What was counted by the hour before counts for its first quarter.
DROP TRIGGER activity_counted;
DROP TRIGGER history_trimmed;
ALTER TABLE activity RENAME TO activity_by_hour;

CREATE TABLE activity (
  -- Quarters of an hour since 1970-01-01 UTC.
  quarter INTEGER NOT NULL,
  command_name TEXT NOT NULL,
  failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
  events INTEGER NOT NULL,
  PRIMARY KEY (quarter, command_name, failed)
) STRICT, WITHOUT ROWID;
INSERT INTO activity (quarter, command_name, failed, events)
  SELECT hour * 4, command_name, failed, events FROM activity_by_hour;
DROP TABLE activity_by_hour;

-- No event's whole name: the schema is in the file, and a search for what was erased must find nothing.
CREATE TRIGGER activity_counted AFTER INSERT ON record WHEN NEW.command_name IS NOT NULL BEGIN
  INSERT INTO activity (quarter, command_name, failed, events)
    VALUES (NEW.recorded_at / 900000, NEW.command_name, NEW.event LIKE '% failed', 1)
    ON CONFLICT DO UPDATE SET events = events + 1;
END;

-- Runs once an hour: an upsert that finds its row does not insert.
CREATE TRIGGER history_trimmed AFTER INSERT ON queue_length BEGIN
  DELETE FROM activity WHERE quarter < (NEW.hour - 2160) * 4;
  DELETE FROM queue_length WHERE hour < NEW.hour - 2160;
END;
