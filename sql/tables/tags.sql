-- One row per tag.
-- @key: id
-- @from: tags
-- @slice: tags
-- id: The tag's id.
-- name: The tag's name, unique within the account.
-- created_at: When the tag was created.
with answers as (
    select
        from_json(record, texts('id, name, created_at')) as given,
        record,
        observed_at
    from records
    where stream = 'tags'
)

select
    as_bigint(given.id) as id,
    given.name,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    ['subscriber_count'] as _read,
    observed_at as _synced_at
from answers
