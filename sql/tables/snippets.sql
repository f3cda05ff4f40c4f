-- One row per snippet, a piece of content to reuse, including archived ones (v4).
-- @key: id
-- @from: snippets
-- @slice: snippets
-- @partly: content
-- id: The snippet's id.
-- name: The snippet's name.
-- snippet_type: `inline` or `block`.
-- archived: Whether it is archived.
-- key: The name by which emails refer to it.
-- content: The content; null with `pull.content = false`.
-- created_at: When it was created.
-- updated_at: When it was last edited.
with answers as (
    select
        from_json(record, texts('id, name, snippet_type, archived, key, content, created_at, updated_at')) as given,
        record,
        observed_at
    from records
    where stream = 'snippets'
)

select
    as_bigint(given.id) as id,
    given.name,
    given.snippet_type,
    as_boolean(given.archived) as archived,
    given.key,
    given.content,
    as_timestamp(given.created_at) as created_at,
    as_timestamp(given.updated_at) as updated_at,
    record as _record,
    ['document'] as _read,
    lacking(record, 'content') as _lacks,
    observed_at as _synced_at
from answers
