-- One row per sequence (the API calls them courses).
-- @key: id
-- @from: sequences
-- @slice: sequences
-- @unknown: The emails of a sequence, their statistics, and a person's progress.
-- id: The sequence's id.
-- name: The sequence's name.
-- hold: Whether the sequence is on hold.
-- repeat: Whether people may take the sequence again.
-- created_at: When the sequence was created.
with answers as (
    select
        from_json(record, texts('id, name, hold, repeat, created_at')) as given,
        record,
        observed_at
    from records
    where stream = 'sequences'
)

select
    as_bigint(given.id) as id,
    given.name,
    as_boolean(given.hold) as hold,
    as_boolean(given.repeat) as repeat,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    observed_at as _synced_at
from answers
