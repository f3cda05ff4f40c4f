-- One row per person and dimension of origin: how the person came. ltv_by_source counts these people,
-- revenue_by_source their purchases.
-- @filter: dimension = 'first_form'
-- @unknown: The origin of people who joined no form, and people deleted before the first pull.
-- subscriber_id: The person.
-- dimension: `first_form`, `first_tag`, `acquisition_source`, `referrer_host`, `utm_source`, `utm_medium`,
-- `utm_campaign` or `signup_month` (in the configured zone).
-- source_key: Id of the form or tag, the host, the utm value, or the month as 2026-01; '' if there is none.
-- created_at: When the person signed up, as in dim_subscriber.
-- is_customer: Whether the person has bought.
-- is_30_days: Whether the person signed up at least 30 days ago.
-- is_90_days: Whether the person signed up at least 90 days ago.
-- is_180_days: Whether the person signed up at least 180 days ago.
with dimensions (dimension) as (
    values
        ('first_form'), ('first_tag'), ('acquisition_source'), ('referrer_host'),
        ('utm_source'), ('utm_medium'), ('utm_campaign'), ('signup_month')
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
        end,
        ''
    ) as source_key,
    people.created_at,
    people.is_customer,
    people.created_at <= model_settings.as_of - to_hours(30 * 24) as is_30_days,
    people.created_at <= model_settings.as_of - to_hours(90 * 24) as is_90_days,
    people.created_at <= model_settings.as_of - to_hours(180 * 24) as is_180_days
from dim_subscriber as people
cross join model_settings
cross join dimensions
