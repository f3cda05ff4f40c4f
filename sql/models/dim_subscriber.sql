-- One row per person of the account, with what one asks about a person first.
-- @key: id
-- @stored: table
-- @filter: state = 'active'
-- @unknown: Since when somebody has been cancelled or bounced, where it was so at the first pull; forms and tags left before it. What somebody opened or clicked: v3 has no events of single people.
-- id: The person's id; it stays when the address changes.
-- email_address: The address, as written by the person.
-- email_hash: SHA-256 of the address in lower case, to join without showing it.
-- email_domain: What follows the @, in lower case.
-- first_name: The first name; often null.
-- state: `active`, `inactive` (not yet confirmed), `cancelled`, `bounced` or `complained`.
-- created_at: When the person joined the account.
-- created_on: The day of created_at in the configured zone.
-- tenure_days: Days from then to the newest observation.
-- state_since: When the state was first seen, or began where that is exact; null: it was so at the first pull.
-- state_since_from: The state began after this; null where nobody knows.
-- state_precision: `exact`, `interval` (between state_since_from and state_since) or `unknown`.
-- first_form_id: The form joined first.
-- first_form: Its name.
-- first_tag_id: The tag given first.
-- first_tag: Its name.
-- acquisition_source: utm_source, else referrer_host, else `form`, `sequence` or `tag`, by what was joined first, else `unknown`.
-- referrer_host: The site that the first referrer names.
-- utm_source: In the first referrer.
-- utm_medium: In the first referrer.
-- utm_campaign: In the first referrer.
-- form_count: Forms the person is in now.
-- tag_count: Tags the person has now.
-- sequence_count: Sequences the person is in now.
-- order_count: Counted purchases.
-- is_customer: Whether there are any.
-- first_purchase_at: When the first of them was made.
-- days_to_first_purchase: Days from created_at to it; below zero where the person bought before joining.
-- revenue: Net revenue by currency, as JSON; null where there is none.
with memberships as (
    select id, subscribable_type, subscribable_id, subscriber_id, created_at as joined_at, referrer, 1 as is_current
    from subscriptions
    union all
    select subscription_id, subscribable_type, subscribable_id, subscriber_id, joined_at, referrer, 0
    from bridge_membership
    where not is_current
),

joined as (
    select
        subscriber_id,
        min_by(subscribable_id, joined_at) filter (subscribable_type = 'form') as first_form_id,
        min_by(subscribable_id, joined_at) filter (subscribable_type = 'tag') as first_tag_id,
        min(joined_at) filter (subscribable_type = 'form') as first_form_at,
        min(joined_at) filter (subscribable_type = 'tag') as first_tag_at,
        min(joined_at) filter (subscribable_type = 'sequence') as first_sequence_at,
        coalesce(sum(is_current) filter (subscribable_type = 'form'), 0)::bigint as form_count,
        coalesce(sum(is_current) filter (subscribable_type = 'tag'), 0)::bigint as tag_count,
        coalesce(sum(is_current) filter (subscribable_type = 'sequence'), 0)::bigint as sequence_count
    from memberships
    group by subscriber_id
),

first_referrers as (
    select subscriber_id, min_by(referrer, joined_at) as referrer
    from memberships
    where referrer <> ''
    group by subscriber_id
),

origins as (
    select
        subscriber_id,
        nullif(regexp_replace(lower(regexp_extract(referrer, '^[a-zA-Z]+://([^/?#:]+)', 1)), '^www[.]', ''), '')
            as referrer_host,
        nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_source=([^&#]*)', 1), '+', ' ')), '')
            as utm_source,
        nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_medium=([^&#]*)', 1), '+', ' ')), '')
            as utm_medium,
        nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_campaign=([^&#]*)', 1), '+', ' ')), '')
            as utm_campaign
    from first_referrers
),

spent as (
    select subscriber_id, currency, sum(net) as net, count(*) as orders, min(transaction_time) as first_purchase_at
    from fct_purchase
    where is_counted and subscriber_id is not null
    group by subscriber_id, currency
),

bought as (
    select
        subscriber_id,
        sum(orders)::bigint as order_count,
        min(first_purchase_at) as first_purchase_at,
        to_json(map_from_entries(list(row(coalesce(currency, ''), net) order by currency))) as revenue
    from spent
    group by subscriber_id
),

last_changes as (
    select *
    from fct_state_change
    qualify row_number() over (partition by subscriber_id order by seen_at desc, (precision = 'exact')::int) = 1
)

select
    subscribers.id,
    subscribers.email_address,
    sha256(lower(subscribers.email_address)) as email_hash,
    lower(nullif(split_part(subscribers.email_address, '@', 2), '')) as email_domain,
    subscribers.first_name,
    subscribers.state,
    subscribers.created_at,
    timezone(model_settings.timezone, subscribers.created_at)::date as created_on,
    date_diff(
        'day',
        timezone(model_settings.timezone, subscribers.created_at)::date,
        timezone(model_settings.timezone, model_settings.as_of)::date
    ) as tenure_days,
    last_changes.changed_before as state_since,
    last_changes.changed_after as state_since_from,
    coalesce(last_changes.precision, 'unknown') as state_precision,
    joined.first_form_id,
    forms.name as first_form,
    joined.first_tag_id,
    tags.name as first_tag,
    coalesce(
        origins.utm_source,
        origins.referrer_host,
        case least(joined.first_form_at, joined.first_tag_at, joined.first_sequence_at)
            when joined.first_form_at then 'form'
            when joined.first_sequence_at then 'sequence'
            when joined.first_tag_at then 'tag'
        end,
        'unknown'
    ) as acquisition_source,
    origins.referrer_host,
    origins.utm_source,
    origins.utm_medium,
    origins.utm_campaign,
    coalesce(joined.form_count, 0) as form_count,
    coalesce(joined.tag_count, 0) as tag_count,
    coalesce(joined.sequence_count, 0) as sequence_count,
    coalesce(bought.order_count, 0) as order_count,
    coalesce(bought.order_count, 0) > 0 as is_customer,
    bought.first_purchase_at,
    date_diff(
        'day',
        timezone(model_settings.timezone, subscribers.created_at)::date,
        timezone(model_settings.timezone, bought.first_purchase_at)::date
    ) as days_to_first_purchase,
    bought.revenue
from subscribers
cross join model_settings
left join joined on joined.subscriber_id = subscribers.id
left join origins on origins.subscriber_id = subscribers.id
left join forms on forms.id = joined.first_form_id
left join tags on tags.id = joined.first_tag_id
left join bought on bought.subscriber_id = subscribers.id
left join last_changes on last_changes.subscriber_id = subscribers.id
