-- One row per sequence (API v3 calls them courses).
-- @key: id
-- @from: sequences
-- @slice: sequences
-- @partly: updated_at, email_address, email_template_id, send_days, send_hour, time_zone, active,
-- exclude_subscriber_sources
-- @unknown: A person's progress; under v3 the emails of a sequence and their statistics.
-- id: The sequence's id.
-- name: The sequence's name.
-- hold: Whether the sequence is on hold.
-- repeat: Whether people may take the sequence again.
-- created_at: When the sequence was created.
-- updated_at: When it was last edited (v4).
-- email_address: The sender's address (v4).
-- email_template_id: Id of the email template (v4).
-- send_days: The days of the week on which emails are sent (v4).
-- send_hour: The hour of the day at which emails are sent (v4).
-- time_zone: The time zone of that hour (v4).
-- active: Whether it sends (v4).
-- exclude_subscriber_sources: Excluded people: tags, sequences, forms and segments (v4).
with answers as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "name": "VARCHAR", "hold": "VARCHAR", "repeat": "VARCHAR", "created_at": "VARCHAR",
              "updated_at": "VARCHAR", "email_address": "VARCHAR", "email_template_id": "VARCHAR", "send_days": "JSON",
              "send_hour": "VARCHAR", "time_zone": "VARCHAR", "active": "VARCHAR",
              "exclude_subscriber_sources": "JSON"}'
        ) as given,
        version,
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
    as_timestamp(given.updated_at) as updated_at,
    given.email_address,
    as_bigint(given.email_template_id) as email_template_id,
    given.send_days,
    as_bigint(given.send_hour) as send_hour,
    given.time_zone,
    as_boolean(given.active) as active,
    given.exclude_subscriber_sources,
    record as _record,
    ['subscriber_count', 'email_count', 'stats'] as _read, -- they change with every look
    lacking(
        record,
        'updated_at, email_address, email_template_id, send_days, send_hour, time_zone, active, '
        || 'exclude_subscriber_sources'
    ) as _lacks,
    observed_at as _synced_at
from answers
