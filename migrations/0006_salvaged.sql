-- The database whose records were carried over last, of those that were set aside. It is renamed after that is
-- committed: by this it is known again if a crash came in between.
ALTER TABLE installation ADD COLUMN salvaged TEXT;
