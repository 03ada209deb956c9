-- The spool: records that wait for PostHog, whose they are, and the counters that prove that none is lost.
-- All times are milliseconds since 1970-01-01 UTC.

-- Who events are sent as. Exactly one row is current (not retired).
CREATE TABLE identity (
  id INTEGER PRIMARY KEY,
  anon_id TEXT NOT NULL,
  principal_id TEXT,
  -- 1 when we know that the principal owns the credentials; 0 when another program's usage.json said so.
  verified INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
  -- Which credentials were last in force, as a keyed hash.
  fingerprint TEXT,
  created_at INTEGER NOT NULL,
  linked_at INTEGER,
  retired_at INTEGER
) STRICT;
CREATE UNIQUE INDEX identity_current ON identity (retired_at IS NULL) WHERE retired_at IS NULL;
CREATE INDEX identity_anon_id ON identity (anon_id);

-- Credentials whose principal has been found out.
CREATE TABLE account (
  fingerprint TEXT PRIMARY KEY,
  principal_id TEXT NOT NULL,
  resolved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
  -- Never reused: the id is what a person types into `arcade usage show`.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('alias', 'capture')),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'quarantined', 'delivered')),
  event TEXT NOT NULL,
  command_name TEXT,
  -- Null while it is not known whose the event is.
  distinct_id TEXT,
  -- 1 when distinct_id is nobody's account: PostHog is then told not to make a person of it.
  personless INTEGER NOT NULL DEFAULT 0 CHECK (personless IN (0, 1)),
  identity_id INTEGER NOT NULL REFERENCES identity (id),
  fingerprint TEXT,
  -- 0 when the coordinator must not be asked whose these credentials are.
  resolvable INTEGER NOT NULL DEFAULT 1 CHECK (resolvable IN (0, 1)),
  properties TEXT NOT NULL,
  -- Events that were dropped before this one, reported by it; fixed when it is first sent.
  spool_dropped INTEGER NOT NULL DEFAULT 0,
  sealed INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1)),
  bytes INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  settled_at INTEGER,
  reason TEXT
) STRICT;
CREATE INDEX record_pending ON record (kind, id) WHERE state = 'pending';
CREATE INDEX record_sendable ON record (kind, id) WHERE state = 'pending' AND distinct_id IS NOT NULL;
CREATE INDEX record_fence ON record (distinct_id) WHERE state = 'pending' AND kind = 'alias';
CREATE INDEX record_unbound ON record (fingerprint, id) WHERE state = 'pending' AND distinct_id IS NULL;
CREATE INDEX record_settled ON record (state, id) WHERE state <> 'pending';

-- What came of each try of a record, the latest few.
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY,
  record_id INTEGER NOT NULL REFERENCES record (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  status INTEGER,
  duration_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX attempt_record ON attempt (record_id, id);

-- recorded = delivered + pending + quarantined + dropped.* + purged, always.
CREATE TABLE ledger (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO ledger (name, value) VALUES
  ('recorded', 0), ('delivered', 0), ('pending', 0), ('pending_bytes', 0), ('quarantined', 0), ('purged', 0),
  ('unreported', 0);

-- The gauges follow the rows by themselves; only what leaves the spool is counted by the program.
CREATE TRIGGER record_inserted AFTER INSERT ON record BEGIN
  UPDATE ledger SET value = value + 1 WHERE name IN ('recorded', 'pending');
  UPDATE ledger SET value = value + NEW.bytes WHERE name = 'pending_bytes';
END;
CREATE TRIGGER record_moved AFTER UPDATE OF state ON record WHEN OLD.state <> NEW.state BEGIN
  UPDATE ledger SET value = value - 1 WHERE name = OLD.state;
  UPDATE ledger SET value = value + 1 WHERE name = NEW.state;
  UPDATE ledger SET value = value + CASE 'pending' WHEN NEW.state THEN OLD.bytes WHEN OLD.state THEN -OLD.bytes ELSE 0 END
    WHERE name = 'pending_bytes';
END;
CREATE TRIGGER record_deleted AFTER DELETE ON record WHEN OLD.state <> 'delivered' BEGIN
  UPDATE ledger SET value = value - 1 WHERE name = OLD.state;
  UPDATE ledger SET value = value - OLD.bytes WHERE name = 'pending_bytes' AND OLD.state = 'pending';
END;

CREATE TABLE installation (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- Key of the fingerprints: without this file they say nothing about the credentials.
  fingerprint_key BLOB NOT NULL,
  consent INTEGER NOT NULL DEFAULT 1 CHECK (consent IN (0, 1)),
  notice_shown_at INTEGER,
  -- What usage.json looked like when we last wrote it ("mtime size inode"), and whether it is out of date.
  export_stamp TEXT,
  export_due INTEGER NOT NULL DEFAULT 1 CHECK (export_due IN (0, 1)),
  flusher_asked_at INTEGER,
  -- While the coordinator does not answer, it is not asked again before `resolve_until`.
  resolve_since INTEGER NOT NULL DEFAULT 0,
  resolve_until INTEGER NOT NULL DEFAULT 0,
  resolve_streak INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO installation (id, fingerprint_key) VALUES (1, randomblob(32));

-- At most one row: no try before `until`.
CREATE TABLE backoff (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('offline', 'portal', 'throttled', 'unauthorized')),
  status INTEGER,
  -- Failures in a row.
  streak INTEGER NOT NULL,
  -- Whether connectivity seen by a command has already brought one try forward in this streak.
  hastened INTEGER NOT NULL DEFAULT 0 CHECK (hastened IN (0, 1)),
  -- Keyed hash of host and project key: another destination starts afresh.
  destination TEXT NOT NULL
) STRICT;

CREATE TABLE flusher_run (
  id INTEGER PRIMARY KEY,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- 'drained', 'nothing due', 'backing off', 'out of time', 'consent withdrawn', 'failed'; null while it runs or was killed.
  outcome TEXT,
  delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
