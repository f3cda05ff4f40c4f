-- One row per active person whose opens and clicks were read: when and how often, and whether the person is cold.
-- Under v3 there are none.
-- @key: subscriber_id
-- @stored: table
-- @filter: is_cold
-- @unknown: Everything under v3. What happened since read_at (`pull.engagement_days` says how often it is read), and
-- anything before the window. Machines that open mail by themselves count as people; people who block pictures seem
-- not to open. Which mails a person opened.
-- subscriber_id: The person.
-- created_at: When the person joined the account, if known.
-- read_at: When the figures were read; all days are counted back from then.
-- window_days: The days before read_at that the figures cover (`pull.engagement_window_days`).
-- sent: Emails sent to the person within the window.
-- opened: Of these, emails opened.
-- open_rate: In percent: 100 * opened / sent.
-- clicked: Of these, emails clicked.
-- click_rate: In percent: 100 * clicked / sent.
-- bounced: Of these, emails that bounced.
-- last_sent_at: When the last email was sent.
-- last_opened_at: When an email was last opened; null if not within the window.
-- last_clicked_at: When an email was last clicked; likewise.
-- last_engaged_at: The later of the two.
-- days_since_engaged: Whole days from then to read_at.
-- sends_since_last_open: Emails sent since the last open.
-- sends_since_last_click: Emails sent since the last click.
-- recency: `not mailed` (nothing was sent or opened within the window), else when the person last opened or clicked:
-- `within 7 days`, `8 to 30 days ago`, `31 to 60 days ago`, `61 to 90 days ago`, `longer ago` (which includes never),
-- or `unknown` (at some time within the window).
-- cold_after_days: The days without open and click that make the person cold: 90 for people who joined at least 90
-- days before, 30 for those who joined 30 to 89 days before; null if newer, or of unknown age.
-- is_cold: Kit's definition: no open and no click within cold_after_days; false if newer; null if unknown,
-- since the window is shorter or the sign-up has no date.
-- precision: Of is_cold: `exact` (at read_at) or `unknown`.
with readings as (
    select split_part(slice, '=', 2) as days, max(cursor_at) as read_at
    from _cksync.slices
    where stream = 'subscriber_stats'
    group by 1
),

figures as (
    select
        stats.*,
        people.created_at,
        coalesce(greatest(readings.read_at, stats._synced_at), stats._synced_at) as read_at,
        greatest(stats.last_opened, stats.last_clicked) as last_engaged_at,
        coalesce(stats.opened, 0) + coalesce(stats.clicked, 0) > 0 as is_engaged
    from subscriber_stats as stats
    join dim_subscriber as people on people.id = stats.subscriber_id
    left join readings on readings.days = stats.window_days::varchar
    where people.state = 'active'
),

aged as (
    select
        *,
        case
            when created_at <= read_at - to_hours(90 * 24) then 90
            when created_at <= read_at - to_hours(30 * 24) then 30
        end as cold_after_days,
        case
            when last_engaged_at is not null
            then floor(greatest(0, epoch(read_at) - epoch(last_engaged_at)) / 86400)
        end::bigint as days_since_engaged
    from figures
),

judged as (
    select
        *,
        case
            when created_at is null then null
            when cold_after_days is null then false
            when last_engaged_at is not null then last_engaged_at < read_at - to_hours(24 * cold_after_days)
            when is_engaged and window_days <= cold_after_days then false
            when is_engaged then null
            when window_days >= cold_after_days then true
        end as is_cold
    from aged
)

select
    subscriber_id,
    created_at,
    read_at,
    window_days,
    sent,
    opened,
    100.0 * opened / nullif(sent, 0) as open_rate,
    clicked,
    100.0 * clicked / nullif(sent, 0) as click_rate,
    bounced,
    last_sent as last_sent_at,
    last_opened as last_opened_at,
    last_clicked as last_clicked_at,
    last_engaged_at,
    days_since_engaged,
    sends_since_last_open,
    sends_since_last_click,
    case
        when days_since_engaged <= 7 then 'within 7 days'
        when days_since_engaged <= 30 then '8 to 30 days ago'
        when days_since_engaged <= 60 then '31 to 60 days ago'
        when days_since_engaged <= 90 then '61 to 90 days ago'
        when days_since_engaged is not null then 'longer ago'
        when is_engaged then 'unknown'
        when coalesce(sent, 0) = 0 then 'not mailed'
        else 'longer ago'
    end as recency,
    cold_after_days,
    is_cold,
    case when is_cold is null then 'unknown' else 'exact' end as precision
from judged
