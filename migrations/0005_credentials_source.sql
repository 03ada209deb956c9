-- A flusher sees the environment of the one command that started it. Credentials that it does not see there may still
-- be in force in another shell, so it must know where those of a capture stood.

-- 1 when the command had its credentials from the environment, 0 when from the file, or none.
ALTER TABLE record ADD COLUMN from_environment INTEGER NOT NULL DEFAULT 0 CHECK (from_environment IN (0, 1));
