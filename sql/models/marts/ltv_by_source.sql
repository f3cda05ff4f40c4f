-- One row per origin of people: how many came, and how many of them bought, in any currency (revenue_by_source has
-- their revenue). Everyone is in one row of every dimension.
-- @key: dimension, source_key
-- @stored: table
-- @filter: dimension = 'first_form'
-- @unknown: The origin of people who joined no form, acquisition costs, and people deleted before the first pull.
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`,
-- `utm_campaign`, `signup_month` (in the configured zone), or by Kit's attribution `source_type`, `source_name` or
-- `source_mechanism` (v4; missing where the mirror has none).
-- source_key: Id of the form or tag, the host, the value, or the month as 2026-01; '' if there is none.
-- source: Its name; null if there is none. Names of forms and tags need not be unique.
-- new_leads: People of this origin, in any state.
-- new_buyers: Of these, people who have bought.
-- conversion_rate: In percent: 100 * new_buyers / new_leads.
-- leads_30_days: People who signed up at least 30 days ago.
-- leads_90_days: People who signed up at least 90 days ago.
-- leads_180_days: People who signed up at least 180 days ago.
-- precision: Of the source: `exact` (Kit's attribution, or a known day), `assumed` (of some people from the memberships
-- that are known) or `unknown`.
with leads as (
    select
        dimension,
        source_key,
        count(*) as new_leads,
        count(*) filter (is_customer) as new_buyers,
        count(*) filter (is_30_days) as leads_30_days,
        count(*) filter (is_90_days) as leads_90_days,
        count(*) filter (is_180_days) as leads_180_days,
        bool_and(precision = 'exact') as is_exact,
        bool_and(precision = 'unknown') as is_unknown
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
    leads.leads_180_days,
    case when leads.is_exact then 'exact' when leads.is_unknown then 'unknown' else 'assumed' end as precision
from leads
left join forms on leads.dimension = 'first_form' and forms.id::varchar = leads.source_key
left join tags on leads.dimension = 'first_tag' and tags.id::varchar = leads.source_key
