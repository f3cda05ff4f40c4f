-- One row per way in which people came: how many, and how many of them bought, in whatever currency (their revenue is
-- in revenue_by_source). Everybody is in one row of every dimension.
-- @key: dimension, source_key
-- @stored: table
-- @filter: dimension = 'first_form'
-- @unknown: Where somebody came from who joined no form, costs of acquiring people, and people deleted before the first
-- pull.
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`,
-- `utm_campaign` or `signup_month` (in the configured zone).
-- source_key: The id of the form or tag, the host, the utm value or the month as 2026-01; '' where there is none.
-- source: Its name; null where there is none. Names of forms and tags need not be unique.
-- new_leads: People who came so, in whatever state.
-- new_buyers: Those of them who have bought.
-- conversion_rate: Percent: 100 * new_buyers / new_leads.
-- leads_30_days: People who signed up at least 30 days ago.
-- leads_90_days: People who signed up at least 90 days ago.
-- leads_180_days: People who signed up at least 180 days ago.
with leads as (
    select
        dimension,
        source_key,
        count(*) as new_leads,
        count(*) filter (is_customer) as new_buyers,
        count(*) filter (is_30_days) as leads_30_days,
        count(*) filter (is_90_days) as leads_90_days,
        count(*) filter (is_180_days) as leads_180_days
    from subscriber_sources
    group by dimension, source_key
)

select
    leads.dimension,
    leads.source_key,
    case leads.dimension
        when 'first_form' then forms.name
        when 'first_tag' then tags.name
        else nullif(leads.source_key, '')
    end as source,
    leads.new_leads,
    leads.new_buyers,
    100.0 * leads.new_buyers / leads.new_leads as conversion_rate,
    leads.leads_30_days,
    leads.leads_90_days,
    leads.leads_180_days
from leads
left join forms on leads.dimension = 'first_form' and forms.id::varchar = leads.source_key
left join tags on leads.dimension = 'first_tag' and tags.id::varchar = leads.source_key
