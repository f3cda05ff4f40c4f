-- One row per custom field of subscribers.
-- @key: id
-- @from: custom_fields
-- @slice: custom_fields
-- id: The field's id, the only part that never changes.
-- name: The name used in HTML forms, `ck_field_{id}_{key}`, fixed when the field was created.
-- key: The key in `subscribers.fields`; it follows the label.
-- label: The label that people see.
with answers as (
    select
        from_json(record, texts('id, name, key, label')) as given,
        record,
        observed_at
    from records
    where stream = 'custom_fields'
)

select
    as_bigint(given.id) as id,
    given.name,
    given.key,
    given.label,
    record as _record,
    observed_at as _synced_at
from answers
