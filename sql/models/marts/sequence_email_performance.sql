-- One row per email of a sequence: how many people it reached, and what they did. Under v3 there are none.
-- @key: email_id
-- @filter: recipients > 0
-- @unknown: Everything under v3. Who opened or clicked, where a person is in a sequence, and people who received an
-- email before it was moved or changed. The figures are of all time, and as last read: when the sequence changed, else
-- within the verify cycle.
-- email_id: The email.
-- sequence_id: Its sequence.
-- sequence: The sequence's name; names need not be unique.
-- place: Its number in the sequence, from 1.
-- subject: Its subject; null if it has none.
-- is_published: Whether it is sent.
-- delay_days: Days after the email before, as set; hours are fractions.
-- days_after_entry: The sum of delays up to it, of published emails and its own; sending days and hours come on top.
-- recipients: People it was sent to; null if no figures are known, as with all numbers.
-- reach_rate: In percent: 100 * recipients / first_recipients.
-- first_recipients: Recipients of the sequence's first email that has any.
-- fewer_recipients: Recipients of the published email before it minus its own; negative if it reached more.
-- opens: People who opened it.
-- open_rate: In percent: 100 * opens / recipients.
-- open_rate_low: Lower bound of the rate, given the number of recipients (Wilson, 95 %).
-- open_rate_high: Upper bound. Do not rank rates whose ranges overlap.
-- clickers: People who clicked.
-- click_rate: In percent: 100 * clickers / recipients.
-- click_to_open_rate: In percent: 100 * clickers / opens.
-- unsubscribes: People who unsubscribed from it.
-- unsubscribe_rate: In percent: 100 * unsubscribes / recipients.
-- is_unsubscribe_alarm: Whether unsubscribe_rate is above model_settings.unsubscribe_alarm.
-- bounces: Emails that bounced.
-- complaints: People who complained.
-- problem_rate: In percent: 100 * (bounces + complaints) / recipients.
-- precision: `exact`: as Kit counts; `unknown`: no figures are known.
with emails as (
    select
        emails.id as email_id,
        emails.sequence_id,
        row_number() over (partition by emails.sequence_id order by emails.position, emails.id) as place,
        emails.subject,
        coalesce(emails.published, false) as is_published,
        emails.delay_value / case emails.delay_unit when 'hours' then 24.0 when 'days' then 1.0 end as delay_days,
        stats.recipients,
        stats.opens,
        stats.clicks as clickers,
        stats.email_unsubscribes as unsubscribes,
        stats.bounces,
        stats.complaints
    from sequence_emails as emails
    left join sequence_email_stats as stats on stats.email_id = emails.id
),

placed as (
    select
        *,
        coalesce(
            sum(delay_days) filter (is_published) over (
                partition by sequence_id order by place rows between unbounded preceding and 1 preceding
            ), 0
        ) + delay_days as days_after_entry,
        first_value(case when recipients > 0 then recipients end ignore nulls) over (
            partition by sequence_id order by place rows between unbounded preceding and unbounded following
        ) as first_recipients,
        lag(case when is_published then recipients end ignore nulls) over (partition by sequence_id order by place)
            - recipients as fewer_recipients,
        case when opens between 0 and recipients then opens end::double as counted_opens
    from emails
)

select
    placed.email_id,
    placed.sequence_id,
    sequences.name as sequence,
    placed.place,
    placed.subject,
    placed.is_published,
    placed.delay_days,
    placed.days_after_entry,
    placed.recipients,
    100.0 * placed.recipients / placed.first_recipients as reach_rate,
    placed.first_recipients,
    placed.fewer_recipients,
    placed.opens,
    100.0 * placed.opens / nullif(placed.recipients, 0) as open_rate,
    case
        when placed.recipients > 0
        then 100 * (
            counted_opens + 1.9208 - 1.96 * sqrt(counted_opens * (recipients - counted_opens) / recipients + 0.9604)
        ) / (recipients + 3.8416)
    end as open_rate_low,
    case
        when placed.recipients > 0
        then 100 * (
            counted_opens + 1.9208 + 1.96 * sqrt(counted_opens * (recipients - counted_opens) / recipients + 0.9604)
        ) / (recipients + 3.8416)
    end as open_rate_high,
    placed.clickers,
    100.0 * placed.clickers / nullif(placed.recipients, 0) as click_rate,
    100.0 * placed.clickers / nullif(placed.opens, 0) as click_to_open_rate,
    placed.unsubscribes,
    100.0 * placed.unsubscribes / nullif(placed.recipients, 0) as unsubscribe_rate,
    coalesce(100.0 * placed.unsubscribes / nullif(placed.recipients, 0) > model_settings.unsubscribe_alarm, false)
        as is_unsubscribe_alarm,
    placed.bounces,
    placed.complaints,
    100.0 * (placed.bounces + placed.complaints) / nullif(placed.recipients, 0) as problem_rate,
    case when placed.recipients is not null then 'exact' else 'unknown' end as precision
from placed
cross join model_settings
left join sequences on sequences.id = placed.sequence_id
