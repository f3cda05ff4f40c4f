-- Deletes from the listings the single records that were requested again, by `newest`.
-- single: The slices whose records are requested one by one.
delete from _cksync.listings as old using newest as asked
where asked.slice in ({single})
    and asked.slice = old.slice
    and asked.key = old.key
