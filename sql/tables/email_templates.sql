-- One row per email template (v4).
-- @key: id
-- @from: email_templates
-- @slice: email_templates
-- id: The template's id.
-- name: The template's name.
-- is_default: Whether new emails use it.
-- category: `HTML` or `Starting point`.
with answers as (
    select
        from_json(record, texts('id, name, is_default, category')) as given,
        record,
        observed_at
    from records
    where stream = 'email_templates'
)

select
    as_bigint(given.id) as id,
    given.name,
    as_boolean(given.is_default) as is_default,
    given.category,
    record as _record,
    observed_at as _synced_at
from answers
