-- One row per person and dimension of origin: how the person found the account. ltv_by_source counts these
-- people, revenue_by_source their purchases, list_quality_by_source their state and engagement. Dimensions that only v4
-- gives are missing where the mirror has none of it.
-- @filter: dimension = 'first_form'
-- @unknown: The origin of people who joined no form, and people deleted before the first pull.
-- subscriber_id: The person.
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`,
-- `utm_campaign`, `signup_month` (in the configured zone), or by Kit's attribution `source_type`, `source_name` or
-- `source_mechanism` (v4).
-- source_key: Id of the form or tag, the host, the value, or the month as 2026-01; '' if there is none.
-- precision: `exact` (Kit's attribution, or a known day), `assumed` (from the memberships that are known) or `unknown`.
-- state: The person's state.
-- created_at: When the person signed up, as in dim_subscriber.
-- is_customer: Whether the person has bought.
-- is_30_days: Whether the person signed up at least 30 days ago.
-- is_90_days: Whether the person signed up at least 90 days ago.
-- is_180_days: Whether the person signed up at least 180 days ago.
with dimensions (dimension) as (
    values
        ('first_form'), ('first_tag'), ('acquisition_source'), ('referrer_host'),
        ('utm_source'), ('utm_medium'), ('utm_campaign'), ('signup_month')
    union all
    select unnest(['source_type', 'source_name', 'source_mechanism'])
    where exists (from dim_subscriber where source_type is not null or source_name is not null)
)

select
    people.id as subscriber_id,
    dimensions.dimension,
    coalesce(
        case dimensions.dimension
            when 'first_form' then people.first_form_id::varchar
            when 'first_tag' then people.first_tag_id::varchar
            when 'acquisition_source' then people.acquisition_source
            when 'referrer_host' then people.referrer_host
            when 'utm_source' then people.utm_source
            when 'utm_medium' then people.utm_medium
            when 'utm_campaign' then people.utm_campaign
            when 'signup_month' then strftime(people.created_on, '%Y-%m')
            when 'source_type' then people.source_type
            when 'source_name' then people.source_name
            when 'source_mechanism' then people.source_mechanism
        end,
        ''
    ) as source_key,
    case
        when dimensions.dimension in ('source_type', 'source_name', 'source_mechanism', 'signup_month')
        then case when source_key <> '' then 'exact' else 'unknown' end
        when dimensions.dimension in ('first_form', 'first_tag')
        then case when source_key <> '' then 'assumed' else 'unknown' end
        else people.source_precision
    end as precision,
    people.state,
    people.created_at,
    people.is_customer,
    people.created_at <= model_settings.as_of - to_hours(30 * 24) as is_30_days,
    people.created_at <= model_settings.as_of - to_hours(90 * 24) as is_90_days,
    people.created_at <= model_settings.as_of - to_hours(180 * 24) as is_180_days
from dim_subscriber as people
cross join model_settings
cross join dimensions
