-- usage.json is written after the commit of what it says: nothing has to be noted before.
DROP TABLE export_intent;

-- When usage.json could not be written last (ms since 1970); null once it was, or something about it has changed.
ALTER TABLE installation ADD COLUMN export_failed_at INTEGER;

-- 1 when we drew the anon_id and no capture was ever bound to it.
ALTER TABLE identity ADD COLUMN unused INTEGER NOT NULL DEFAULT 0 CHECK (unused IN (0, 1));
-- The birth time of usage.db (ns since 1970) when the anon_id was drawn or imported; another one tells a copy of the
-- database. Null: not known.
ALTER TABLE identity ADD COLUMN birth TEXT;

CREATE TRIGGER identity_used AFTER INSERT ON record WHEN NEW.kind = 'capture' AND NEW.distinct_id IS NOT NULL BEGIN
  UPDATE identity SET unused = 0 WHERE anon_id = NEW.distinct_id AND unused = 1;
END;
CREATE TRIGGER identity_used_later AFTER UPDATE OF distinct_id ON record
  WHEN NEW.kind = 'capture' AND NEW.distinct_id IS NOT NULL BEGIN
  UPDATE identity SET unused = 0 WHERE anon_id = NEW.distinct_id AND unused = 1;
END;
