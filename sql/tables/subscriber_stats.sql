-- One row per active person with their engagement in a window of days, as last read (v4).
-- @key: subscriber_id
-- @from: subscriber_stats
-- @child_of: subscribers (subscriber_id)
-- @slice: subscriber_stats
-- @unknown: Which broadcasts a person opened. Rows are read every `pull.engagement_days`.
-- subscriber_id: Id of the person.
-- sent: Emails sent to the person within the window.
-- opened: Emails opened.
-- clicked: Emails clicked.
-- bounced: Emails bounced.
-- open_rate: Share of sent emails that were opened, 0 to 1.
-- click_rate: Share of sent emails that were clicked, 0 to 1.
-- last_sent: When the last email was sent.
-- last_opened: When an email was last opened.
-- last_clicked: When an email was last clicked.
-- sends_since_last_open: Emails sent since then.
-- sends_since_last_click: Emails sent since the last click.
-- window_days: Length of the window in days (`pull.engagement_window_days`).
with answers as (
    select
        from_json(record, '{"id": "VARCHAR"}').id as subscriber_id,
        from_json(
            record -> 'stats',
            texts(
                'sent, opened, clicked, bounced, open_rate, click_rate, last_sent, last_opened, last_clicked, '
                || 'sends_since_last_open, sends_since_last_click'
            )
        ) as given,
        split_part(parameter, '=', 2) as window_days,
        record -> 'stats' as record,
        observed_at
    from records
    where stream = 'subscriber_stats' and json_type(record, '$.stats') = 'OBJECT'
)

select
    as_bigint(subscriber_id) as subscriber_id,
    as_bigint(given.sent) as sent,
    as_bigint(given.opened) as opened,
    as_bigint(given.clicked) as clicked,
    as_bigint(given.bounced) as bounced,
    as_double(given.open_rate) as open_rate,
    as_double(given.click_rate) as click_rate,
    as_timestamp(given.last_sent) as last_sent,
    as_timestamp(given.last_opened) as last_opened,
    as_timestamp(given.last_clicked) as last_clicked,
    as_bigint(given.sends_since_last_open) as sends_since_last_open,
    as_bigint(given.sends_since_last_click) as sends_since_last_click,
    as_bigint(window_days) as window_days,
    record as _record,
    observed_at as _synced_at
from answers
