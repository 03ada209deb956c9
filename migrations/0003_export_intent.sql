-- What is about to be written to usage.json, noted before the transaction that writes it: found there without
-- that transaction, it is our own work that a crash has undone, and not the other program's.
CREATE TABLE export_intent (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- Looked up when an account comes back whose identity nobody has logged out.
CREATE INDEX identity_principal ON identity (principal_id) WHERE principal_id IS NOT NULL;
