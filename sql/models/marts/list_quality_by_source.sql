-- One row per origin of people: how many of them stay, open, click and buy (ltv_by_source and revenue_by_source have
-- what they are worth). Everyone is in one row of every dimension.
-- @key: dimension, source_key
-- @stored: table
-- @filter: dimension = 'acquisition_source' and is_supported
-- @unknown: The origin of people who joined no form, unless v4 tells it; people deleted before the first pull; under
-- v3 opens and clicks, and who left before the first pull when.
-- dimension: As in ltv_by_source.
-- source_key: As in ltv_by_source; '' if there is none.
-- source: Its name; null if there is none. Names of forms and tags need not be unique.
-- new_leads: People of this origin, in any state.
-- active: Of these, active people.
-- active_rate: In percent: 100 * active / new_leads.
-- active_low: Lower bound of the rate, given the number of people (Wilson, 95 %).
-- active_high: Upper bound. Do not rank rates whose ranges overlap.
-- cancelled: Of these, people who are cancelled.
-- troubled: Of these, people who bounced or complained.
-- troubled_rate: In percent: 100 * troubled / new_leads.
-- leads_30_days: People who signed up at least 30 days ago.
-- early_lost: Of these, people known to have left within 30 days of joining.
-- early_lost_rate: In percent, lower bound: 100 * early_lost / leads_30_days.
-- measured: Active people known to be cold or not (v4); null under v3, as with all columns that
-- follow up to click_rate.
-- cold: Of these, cold people (see subscriber_engagement).
-- cold_rate: In percent: 100 * cold / measured.
-- sent: Emails sent to the active people within the window.
-- opened: Of these, emails opened.
-- open_rate: In percent: 100 * opened / sent.
-- clicked: Of these, emails clicked.
-- click_rate: In percent: 100 * clicked / sent.
-- new_buyers: People who have bought.
-- conversion_rate: In percent: 100 * new_buyers / new_leads.
-- is_supported: Whether new_leads is at least model_settings.minimum_support.
-- source_precision: Of the source: `exact`, `assumed` or `unknown`, as in ltv_by_source.
-- precision: Of the engagement: `exact` (of all active people), `interval` (of some) or `unknown` (of none).
with early_leavers as (
    select distinct subscriber_id
    from fct_state_change
    where is_leaving and changed_before <= created_at + to_hours(30 * 24)
),

counted as (
    select
        sources.dimension,
        sources.source_key,
        count(*) filter (sources.state = 'active') as active,
        count(*) filter (sources.state = 'cancelled') as cancelled,
        count(*) filter (sources.state in ('bounced', 'complained')) as troubled,
        count(*) filter (sources.is_30_days and early_leavers.subscriber_id is not null) as early_lost,
        count(engagement.is_cold) as measured,
        count(*) filter (engagement.is_cold) as cold,
        try_cast(sum(engagement.sent) as bigint) as sent,
        try_cast(sum(engagement.opened) as bigint) as opened,
        try_cast(sum(engagement.clicked) as bigint) as clicked,
        exists (from subscriber_engagement) as is_read
    from subscriber_sources as sources
    left join subscriber_engagement as engagement on engagement.subscriber_id = sources.subscriber_id
    left join early_leavers on early_leavers.subscriber_id = sources.subscriber_id
    group by sources.dimension, sources.source_key
)

select
    leads.dimension,
    leads.source_key,
    leads.source,
    leads.new_leads,
    counted.active,
    100.0 * counted.active / leads.new_leads as active_rate,
    100 * (active + 1.9208 - 1.96 * sqrt(active * (new_leads - active) / new_leads + 0.9604)) / (new_leads + 3.8416)
        as active_low,
    100 * (active + 1.9208 + 1.96 * sqrt(active * (new_leads - active) / new_leads + 0.9604)) / (new_leads + 3.8416)
        as active_high,
    counted.cancelled,
    counted.troubled,
    100.0 * counted.troubled / leads.new_leads as troubled_rate,
    leads.leads_30_days,
    counted.early_lost,
    100.0 * counted.early_lost / nullif(leads.leads_30_days, 0) as early_lost_rate,
    case when counted.is_read then counted.measured end as measured,
    case when counted.is_read then counted.cold end as cold,
    100.0 * counted.cold / nullif(counted.measured, 0) as cold_rate,
    counted.sent,
    counted.opened,
    100.0 * counted.opened / nullif(counted.sent, 0) as open_rate,
    counted.clicked,
    100.0 * counted.clicked / nullif(counted.sent, 0) as click_rate,
    leads.new_buyers,
    leads.conversion_rate,
    leads.new_leads >= model_settings.minimum_support as is_supported,
    leads.precision as source_precision,
    case
        when counted.measured = 0 then 'unknown'
        when counted.measured = counted.active then 'exact'
        else 'interval'
    end as precision
from ltv_by_source as leads
join counted on counted.dimension = leads.dimension and counted.source_key = leads.source_key
cross join model_settings
