-- Adds to `_cksync.digests` the records of people in the list of API v4, so that the same record is not stored again.
-- log: The new rows of the log.
-- people: The slices with such records.
insert into _cksync.digests by name
select
    try_cast(key as bigint) as key,
    arg_max(md5_number_lower(record), observed_at) as digest,
    max(observed_at) as observed_at
from {log}
where slice in ({people}) and record is not null and try_cast(key as bigint) is not null
group by try_cast(key as bigint)
