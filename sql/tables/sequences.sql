-- One row per sequence (the API calls them courses).
-- @key: id
-- @from: sequences
-- @slice: sequences
-- @unknown: The mails of a sequence, their figures, and how far somebody is in it.
-- id: The sequence's id.
-- name: The sequence's name.
-- hold: Whether the sequence is on hold.
-- repeat: Whether people may go through it again.
-- created_at: When the sequence was made.
select
    as_bigint(record ->> 'id') as id,
    record ->> 'name' as name,
    as_boolean(record ->> 'hold') as hold,
    as_boolean(record ->> 'repeat') as repeat,
    as_timestamp(record ->> 'created_at') as created_at,
    record as _extra,
    observed_at as _synced_at
from records
where stream = 'sequences'
