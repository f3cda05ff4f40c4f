-- One row per way in which people came: how many, and how many of them bought, in whatever currency (their revenue is in revenue_by_source). Everybody is in one row of every dimension.
-- @key: dimension, source_key
-- @stored: table
-- @filter: dimension = 'first_form'
-- @unknown: Where somebody came from who joined no form, costs of acquiring people, and people deleted before the first pull.
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`, `utm_campaign` or `signup_month` (in the configured zone).
-- source_key: The id of the form or tag, the host, the utm value or the month as 2026-01; '' where there is none.
-- source: Its name; null where there is none. Names of forms and tags need not be unique.
-- new_leads: People who came so, in whatever state.
-- new_buyers: Those of them who have bought.
-- conversion_rate: Percent: 100 * new_buyers / new_leads.
-- leads_30_days: People who signed up at least 30 days ago.
-- leads_90_days: People who signed up at least 90 days ago.
-- leads_180_days: People who signed up at least 180 days ago.
with dimensions(dimension, number) as (
    values
        ('first_form', 127), ('first_tag', 191), ('acquisition_source', 223), ('referrer_host', 239),
        ('utm_source', 247), ('utm_medium', 251), ('utm_campaign', 253), ('signup_month', 254)
),

people as (
    select
        dim_subscriber.id,
        first_form_id,
        first_tag_id,
        acquisition_source,
        referrer_host,
        utm_source,
        utm_medium,
        utm_campaign,
        date_trunc('month', created_on) as signup_month,
        is_customer,
        created_at,
        created_at <= as_of - to_hours(30 * 24) as is_30_days,
        created_at <= as_of - to_hours(90 * 24) as is_90_days,
        created_at <= as_of - to_hours(180 * 24) as is_180_days
    from dim_subscriber
    cross join model_settings
),

leads as (
    select
        grouping_id(
            first_form_id, first_tag_id, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, signup_month
        ) as number,
        coalesce(
            first_form_id::varchar, first_tag_id::varchar, acquisition_source, referrer_host,
            utm_source, utm_medium, utm_campaign, strftime(signup_month, '%Y-%m'), ''
        ) as source_key,
        count(*) as new_leads,
        count(*) filter (is_customer) as new_buyers,
        count(*) filter (is_30_days) as leads_30_days,
        count(*) filter (is_90_days) as leads_90_days,
        count(*) filter (is_180_days) as leads_180_days
    from people
    group by grouping sets (
        first_form_id, first_tag_id, acquisition_source, referrer_host,
        utm_source, utm_medium, utm_campaign, signup_month
    )
)

select
    dimensions.dimension,
    leads.source_key,
    case dimensions.dimension
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
join dimensions on dimensions.number = leads.number
left join forms on dimensions.dimension = 'first_form' and forms.id::varchar = leads.source_key
left join tags on dimensions.dimension = 'first_tag' and tags.id::varchar = leads.source_key
