-- Deletes from `_cksync.digests` what newer records of the same people replaced.
delete from _cksync.digests as old using _cksync.digests as new
where old.key = new.key and old.observed_at < new.observed_at
