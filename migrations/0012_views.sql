-- The identity that holds now: no row before the first event.
CREATE VIEW current_identity AS SELECT * FROM identity WHERE retired_at IS NULL;

-- Captures that wait for their account, and since when: one that was spilled waits from when it was taken in.
CREATE VIEW unbound AS SELECT *, coalesce(entered_at, recorded_at) AS waits_since FROM record
  WHERE state = 'pending' AND distinct_id IS NULL;
