-- One row per email of a sequence with its statistics as last read (v4); history shows how they grew.
-- @key: email_id
-- @from: sequence_emails
-- @child_of: sequence_emails (email_id)
-- @unknown: Who opened or clicked. Statistics are read again when their sequence changes, else within the verify cycle.
-- email_id: Id of the email.
-- sequence_id: Id of the sequence.
-- recipients: Number of people it was sent to.
-- opens: Number of people who opened it.
-- clicks: Number of people who clicked.
-- email_unsubscribes: Number of people who unsubscribed from it.
-- bounces: Number of bounces.
-- complaints: Number of complaints.
-- open_rate: Opens as a percentage of recipients, 0 to 100.
-- click_rate: Clickers as a percentage of recipients, 0 to 100.
-- click_to_open_rate: Clickers as a percentage of opens, 0 to 100.
-- unsubscribe_rate: Unsubscribes as a percentage of recipients, 0 to 100.
-- bounce_rate: Bounces as a percentage of recipients, 0 to 100.
-- complaint_rate: Complaints as a percentage of recipients, 0 to 100.
with answers as (
    select
        from_json(record, '{"id": "VARCHAR"}').id as email_id,
        from_json(
            record -> 'stats',
            texts(
                'recipients, opens, clicks, email_unsubscribes, bounces, complaints, open_rate, click_rate, '
                || 'click_to_open_rate, unsubscribe_rate, bounce_rate, complaint_rate'
            )
        ) as given,
        slice,
        record -> 'stats' as record,
        observed_at
    from records
    where stream = 'sequence_emails' and json_type(record, '$.stats') = 'OBJECT'
)

select
    as_bigint(email_id) as email_id,
    split_part(slice, '/', 2)::bigint as sequence_id,
    as_bigint(given.recipients) as recipients,
    as_bigint(given.opens) as opens,
    as_bigint(given.clicks) as clicks,
    as_bigint(given.email_unsubscribes) as email_unsubscribes,
    as_bigint(given.bounces) as bounces,
    as_bigint(given.complaints) as complaints,
    as_double(given.open_rate) as open_rate,
    as_double(given.click_rate) as click_rate,
    as_double(given.click_to_open_rate) as click_to_open_rate,
    as_double(given.unsubscribe_rate) as unsubscribe_rate,
    as_double(given.bounce_rate) as bounce_rate,
    as_double(given.complaint_rate) as complaint_rate,
    record as _record,
    observed_at as _synced_at
from answers
