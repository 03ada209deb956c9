-- What is about to be written to usage.json, noted before the transaction that writes it, with what it replaces.
-- A text that is found there without that transaction is our own work that a crash has undone, not the other
-- program's; what it replaced is then still the other program's word.
CREATE TABLE export_intent (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE,
  -- Null when that was ours, missing or broken.
  replaces TEXT
) STRICT;

-- Looked up when an account comes back whose identity nobody has logged out.
CREATE INDEX identity_principal ON identity (principal_id) WHERE principal_id IS NOT NULL;
