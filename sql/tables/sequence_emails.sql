-- One row per email of a sequence (v4).
-- @key: id
-- @from: sequence_emails
-- @child_of: sequences (sequence_id)
-- @slice: 'sequence_emails/' || sequence_id
-- @partly: content
-- id: The email's id.
-- sequence_id: Id of the sequence.
-- subject: The subject line.
-- preview_text: The preview text.
-- content: The content, as HTML; null with `pull.content = false`.
-- email_address: The sender's address; null: the sequence's.
-- email_template_id: Id of the email template.
-- published: Whether it is sent.
-- position: Its position in the sequence.
-- delay_value: How long after the email before, in delay_unit.
-- delay_unit: `days` or `hours`.
-- send_days: The days of the week on which it is sent; null with hours.
with answers as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "subject": "VARCHAR", "preview_text": "VARCHAR", "content": "VARCHAR",
              "email_address": "VARCHAR", "email_template_id": "VARCHAR", "published": "VARCHAR",
              "position": "VARCHAR", "delay_value": "VARCHAR", "delay_unit": "VARCHAR", "send_days": "JSON"}'
        ) as given,
        slice,
        record,
        observed_at
    from records
    where stream = 'sequence_emails'
)

select
    as_bigint(given.id) as id,
    split_part(slice, '/', 2)::bigint as sequence_id,
    given.subject,
    given.preview_text,
    given.content,
    given.email_address,
    as_bigint(given.email_template_id) as email_template_id,
    as_boolean(given.published) as published,
    as_bigint(given.position) as position,
    as_bigint(given.delay_value) as delay_value,
    given.delay_unit,
    given.send_days,
    record as _record,
    ['stats'] as _read,
    lacking(record, 'content') as _lacks,
    observed_at as _synced_at
from answers
