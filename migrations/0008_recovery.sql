-- What recovery from a damaged database needs: a record is known by its uuid, it may arrive in any state, and a
-- flusher that is killed in the middle goes on where it was.
CREATE UNIQUE INDEX record_uuid ON record (uuid);

DROP TRIGGER record_inserted;
CREATE TRIGGER record_inserted AFTER INSERT ON record BEGIN
  UPDATE ledger SET value = value + 1 WHERE name IN ('recorded', NEW.state);
  UPDATE ledger SET value = value + NEW.bytes WHERE name = 'pending_bytes' AND NEW.state = 'pending';
END;

-- One row for each damaged database until its file is marked as recovered.
CREATE TABLE recovery (
  -- The file's name.
  file TEXT PRIMARY KEY,
  -- The greatest id of its records that has not been tried yet; null before the first step.
  upto INTEGER,
  -- How many of its records are here now, and how many of these were delivered.
  found INTEGER NOT NULL DEFAULT 0,
  found_delivered INTEGER NOT NULL DEFAULT 0,
  -- 1 once its counters have been taken over as well.
  done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1))
) STRICT, WITHOUT ROWID;
INSERT INTO recovery (file, done) SELECT salvaged, 1 FROM installation WHERE salvaged IS NOT NULL;
ALTER TABLE installation DROP COLUMN salvaged;
