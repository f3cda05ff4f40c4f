-- One row per tag.
-- @key: id
-- @from: tags
-- @slice: tags
-- id: The tag's id.
-- name: The tag's name, unique in the account.
-- created_at: When the tag was made.
select
    as_bigint(record ->> 'id') as id,
    record ->> 'name' as name,
    as_timestamp(record ->> 'created_at') as created_at,
    record as _extra,
    observed_at as _synced_at
from records
where stream = 'tags'
