-- One row per segment: its name alone (v4).
-- @key: id
-- @from: segments
-- @slice: segments
-- @unknown: The rules and the members of a segment.
-- id: The segment's id.
-- name: The segment's name.
-- created_at: When the segment was created.
with answers as (
    select
        from_json(record, texts('id, name, created_at')) as given,
        record,
        observed_at
    from records
    where stream = 'segments'
)

select
    as_bigint(given.id) as id,
    given.name,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    observed_at as _synced_at
from answers
