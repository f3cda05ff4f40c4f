-- One row per custom field of subscribers.
-- @key: id
-- @from: custom_fields
-- @slice: custom_fields
-- id: The field's id: the only part of it that never changes.
-- name: The name used in HTML forms, `ck_field_{id}_{key}`, frozen when the field was made.
-- key: The key in `subscribers.fields`; it follows the label.
-- label: What people see.
select
    as_bigint(record ->> 'id') as id,
    record ->> 'name' as name,
    record ->> 'key' as key,
    record ->> 'label' as label,
    record as _extra,
    observed_at as _synced_at
from records
where stream = 'custom_fields'
