-- Takes out of the listings the single records that were asked for again, by `newest`.
-- single: The slices in which single records are asked for one by one.
delete from _cksync.listings as old using newest as asked
where asked.slice in ({single})
    and asked.slice = old.slice
    and asked.key = old.key
