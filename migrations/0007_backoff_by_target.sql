-- One back-off for each party that is left alone after a failure: PostHog, and Arcade's coordinator, which had columns
-- of its own in `installation`.
ALTER TABLE backoff RENAME TO backoff_before;
CREATE TABLE backoff (
  target TEXT PRIMARY KEY CHECK (target IN ('posthog', 'coordinator')),
  -- PostHog: keyed hash of host and project key, so that another destination starts without a back-off. Else empty.
  destination TEXT NOT NULL,
  -- No attempt from `since`, the moment of the failure, until `until`.
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('offline', 'portal', 'throttled', 'unauthorized', 'rejected', 'proxy')),
  -- The HTTP status, if there was an answer.
  status INTEGER,
  -- Failures in a row.
  streak INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO backoff (target, destination, since, until, reason, status, streak)
  SELECT 'posthog', destination, since, until, reason, status, streak FROM backoff_before;
INSERT INTO backoff (target, destination, since, until, reason, status, streak)
  SELECT 'coordinator', '', resolve_since, resolve_until, 'offline', NULL, resolve_streak
  FROM installation WHERE resolve_streak > 0;
DROP TABLE backoff_before;

ALTER TABLE installation DROP COLUMN resolve_since;
ALTER TABLE installation DROP COLUMN resolve_until;
ALTER TABLE installation DROP COLUMN resolve_streak;
