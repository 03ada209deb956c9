-- What pictures of usage need and the records alone cannot tell, since most of them are gone once they are
-- delivered: how many events each hour brought, and how long the queue was. Kept for 90 days. Hours are counted
-- from 1970-01-01 UTC.

CREATE TABLE activity (
  hour INTEGER NOT NULL,
  command_name TEXT NOT NULL,
  failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
  events INTEGER NOT NULL,
  PRIMARY KEY (hour, command_name, failed)
) STRICT, WITHOUT ROWID;

INSERT INTO activity (hour, command_name, failed, events)
  SELECT recorded_at / 3600000, command_name, event = 'CLI execution failed', count(*)
  FROM record WHERE command_name IS NOT NULL GROUP BY 1, 2, 3;

-- No event's whole name: the schema is in the file, and a search for what was erased must find nothing.
CREATE TRIGGER activity_counted AFTER INSERT ON record WHEN NEW.command_name IS NOT NULL BEGIN
  INSERT INTO activity (hour, command_name, failed, events)
    VALUES (NEW.recorded_at / 3600000, NEW.command_name, NEW.event LIKE '% failed', 1)
    ON CONFLICT DO UPDATE SET events = events + 1;
END;

CREATE TABLE queue_length (
  hour INTEGER PRIMARY KEY,
  -- The most records that waited at once in this hour, and how many did at its end.
  most INTEGER NOT NULL,
  last INTEGER NOT NULL
) STRICT;

-- Whatever moves the gauge moves the curve; the clock is the database's own, for what leaves has no time.
CREATE TRIGGER queue_measured AFTER UPDATE ON ledger WHEN NEW.name = 'pending' BEGIN
  INSERT INTO queue_length (hour, most, last) VALUES (unixepoch() / 3600, NEW.value, NEW.value)
    ON CONFLICT DO UPDATE SET most = max(most, excluded.most), last = excluded.last;
END;

-- Runs once an hour: an upsert that finds its row does not insert.
CREATE TRIGGER history_trimmed AFTER INSERT ON queue_length BEGIN
  DELETE FROM activity WHERE hour < NEW.hour - 2160;
  DELETE FROM queue_length WHERE hour < NEW.hour - 2160;
END;
