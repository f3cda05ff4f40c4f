-- One row per person of the account, with the facts used most often.
-- @key: id
-- @stored: table
-- @filter: state = 'active'
-- @unknown: When someone bounced or complained before the first pull, and under v3 cancelled; forms and tags left
-- before it. Under v3 what someone opened or clicked, and where Kit says that someone came from (under v4 see
-- subscriber_engagement).
-- id: The person's id; it stays when the address changes.
-- email_address: The address, as the person wrote it.
-- email_hash: SHA-256 of the address in lower case, for joins that do not reveal the address.
-- email_domain: The part after the @, in lower case.
-- first_name: The first name; often null.
-- state: `active`, `inactive` (not yet confirmed), `cancelled`, `bounced` or `complained`.
-- created_at: When the person joined the account; null if the API gave no readable time, or one before
-- model_settings.plausible_from or after plausible_to (`subscribers` has the original).
-- created_on: The day of created_at in the configured zone, no later than that of the newest observation.
-- first_seen_at: When the mirror first saw the person.
-- tenure_days: Days from created_on to the newest observation.
-- state_since: When the state was first seen, or its exact start; null if it was already so at the first pull.
-- state_since_from: The state began after this; null if unknown.
-- state_precision: `exact`, `interval` (between state_since_from and state_since) or `unknown`.
-- first_form_id: The first form joined; among several in the same second, the one with the smallest id.
-- first_form: Its name.
-- first_tag_id: The first tag given, chosen the same way.
-- first_tag: Its name.
-- acquisition_source: utm_source, else referrer_host, else source_mechanism or source_type, else `form`, `sequence` or
-- `tag`, whichever was joined first, else `unknown`.
-- referrer_host: The site that the person came from, by Kit's attribution (v4), else the one in the first referrer of
-- a membership.
-- utm_source: From the same; likewise.
-- utm_medium: From the same; likewise.
-- utm_campaign: From the same; likewise.
-- source_type: What created the person, such as `form_subscription` (v4).
-- source_name: Its name, such as that of a form (v4).
-- source_mechanism: How, such as `landing_page` or `import` (v4).
-- source_precision: Of acquisition_source: `exact` (Kit's attribution, v4), `assumed` (the first membership that is
-- known) or `unknown`.
-- country: The country, by IP address (v4).
-- region: The state or region, likewise.
-- city: The city, likewise.
-- form_count: Current number of forms.
-- tag_count: Current number of tags.
-- sequence_count: Current number of sequences.
-- order_count: Counted purchases.
-- is_customer: Whether the person has a counted purchase.
-- first_purchase_at: When the first of them was made.
-- days_to_first_purchase: Days from created_on to the first purchase; negative if the person bought before joining;
-- null if either is unknown.
-- revenue: Net revenue in revenue_currency; null if no amount is known. customer_value has all currencies.
-- revenue_currency: The currency in which the person bought most often ('' if orders have none); in a tie, the one
-- with more orders in the account.
-- orders_without_amount: Counted purchases in revenue_currency whose amount is unknown.
with memberships as (
    select
        subscribable_type, subscribable_id, subscriber_id,
        case when created_at between plausible_from and plausible_to then created_at end as joined_at,
        referrer, utm_source, utm_medium, utm_campaign, 1 as is_current
    from subscriptions
    cross join model_settings
    union all
    select
        subscribable_type, subscribable_id, subscriber_id, joined_at, referrer, utm_source, utm_medium, utm_campaign, 0
    from bridge_membership
    where not is_current
),

joined as (
    select
        subscriber_id,
        min_by(subscribable_id, (joined_at, subscribable_id))
            filter (subscribable_type = 'form' and joined_at is not null) as first_form_id,
        min_by(subscribable_id, (joined_at, subscribable_id))
            filter (subscribable_type = 'tag' and joined_at is not null) as first_tag_id,
        -- a form before a sequence before a tag of the same instant
        min_by(subscribable_type, (joined_at, subscribable_type)) filter (joined_at is not null) as first_kind,
        coalesce(sum(is_current) filter (subscribable_type = 'form'), 0)::bigint as form_count,
        coalesce(sum(is_current) filter (subscribable_type = 'tag'), 0)::bigint as tag_count,
        coalesce(sum(is_current) filter (subscribable_type = 'sequence'), 0)::bigint as sequence_count
    from memberships
    group by subscriber_id
),

first_referrers as (
    select
        subscriber_id,
        unnest(min_by(
            {
                'referrer': referrer, 'utm_source': utm_source, 'utm_medium': utm_medium, 'utm_campaign': utm_campaign
            },
            (joined_at, subscribable_type, subscribable_id)
        ))
    from memberships
    where (referrer <> '' or utm_source <> '') and joined_at is not null
    group by subscriber_id
),

-- Kit's attribution as a whole, else the first membership's: never one part of each
referrers as (
    select
        id as subscriber_id, 'exact' as precision, attribution_referrer as referrer,
        attribution_utm_source as utm_source, attribution_utm_medium as utm_medium,
        attribution_utm_campaign as utm_campaign
    from subscribers
    where attribution_referrer <> '' or attribution_utm_source <> ''
    union all
    select subscriber_id, 'assumed', referrer, utm_source, utm_medium, utm_campaign
    from first_referrers
    where subscriber_id not in (
        select id from subscribers where attribution_referrer <> '' or attribution_utm_source <> ''
    )
),

origins as (
    select
        subscriber_id,
        precision,
        nullif(regexp_replace(lower(regexp_extract(referrer, '^[a-zA-Z]+://([^/?#:]+)', 1)), '^www[.]', ''), '')
            as referrer_host,
        coalesce(
            nullif(utm_source, ''),
            nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_source=([^&#]*)', 1), '+', ' ')), '')
        ) as utm_source,
        coalesce(
            nullif(utm_medium, ''),
            nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_medium=([^&#]*)', 1), '+', ' ')), '')
        ) as utm_medium,
        coalesce(
            nullif(utm_campaign, ''),
            nullif(url_decode(replace(regexp_extract(referrer, '[?&]utm_campaign=([^&#]*)', 1), '+', ' ')), '')
        ) as utm_campaign
    from referrers
),

spent as (
    select
        subscriber_id,
        coalesce(currency, '') as currency,
        sum(net)::decimal(38, 4) as revenue,
        count(*) as orders,
        count(*) - count(net) as orders_without_amount,
        min(transaction_time) as first_purchase_at
    from fct_purchase
    where is_counted and subscriber_id is not null
    group by 1, 2
),

ranked as (
    select
        spent.*,
        row_number() over (
            partition by spent.subscriber_id order by spent.orders desc, dim_currency.currency_rank
        ) as place
    from spent
    join dim_currency on dim_currency.currency = spent.currency
),

bought as (
    select
        subscriber_id,
        sum(orders)::bigint as order_count,
        min(first_purchase_at) as first_purchase_at,
        max(revenue) filter (place = 1) as revenue,
        max(currency) filter (place = 1) as revenue_currency,
        max(orders_without_amount) filter (place = 1) as orders_without_amount
    from ranked
    group by subscriber_id
),

last_changes as (
    select *
    from fct_state_change
    qualify row_number() over (
        partition by subscriber_id order by seen_at desc, is_entering::int, to_state
    ) = 1
),

dated as (
    select
        subscribers.*,
        timezone(model_settings.timezone, model_settings.as_of)::date as last_day,
        case when created_at between plausible_from and plausible_to then created_at end as joined_at,
        case when joined_at is not null then least(timezone(model_settings.timezone, joined_at)::date, last_day) end
            as joined_on,
        model_settings.timezone
    from subscribers
    cross join model_settings
)

select
    dated.id,
    dated.email_address,
    sha256(lower(dated.email_address)) as email_hash,
    lower(nullif(split_part(dated.email_address, '@', 2), '')) as email_domain,
    dated.first_name,
    dated.state,
    dated.joined_at as created_at,
    dated.joined_on as created_on,
    dated._first_seen_at as first_seen_at,
    date_diff('day', dated.joined_on, dated.last_day) as tenure_days,
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
        nullif(dated.attribution_source_mechanism, ''),
        nullif(dated.attribution_source_type, ''),
        joined.first_kind,
        'unknown'
    ) as acquisition_source,
    origins.referrer_host,
    origins.utm_source,
    origins.utm_medium,
    origins.utm_campaign,
    nullif(dated.attribution_source_type, '') as source_type,
    nullif(dated.attribution_source_name, '') as source_name,
    nullif(dated.attribution_source_mechanism, '') as source_mechanism,
    case
        when coalesce(origins.utm_source, origins.referrer_host) is not null then origins.precision
        when coalesce(source_mechanism, source_type) is not null then 'exact'
        when joined.first_kind is not null then 'assumed'
        else 'unknown'
    end as source_precision,
    nullif(dated.location_country, '') as country,
    nullif(dated.location_state, '') as region,
    nullif(dated.location_city, '') as city,
    coalesce(joined.form_count, 0) as form_count,
    coalesce(joined.tag_count, 0) as tag_count,
    coalesce(joined.sequence_count, 0) as sequence_count,
    coalesce(bought.order_count, 0) as order_count,
    coalesce(bought.order_count, 0) > 0 as is_customer,
    bought.first_purchase_at,
    date_diff('day', dated.joined_on, timezone(dated.timezone, bought.first_purchase_at)::date)
        as days_to_first_purchase,
    bought.revenue,
    bought.revenue_currency,
    coalesce(bought.orders_without_amount, 0) as orders_without_amount
from dated
left join joined on joined.subscriber_id = dated.id
left join origins on origins.subscriber_id = dated.id
left join forms on forms.id = joined.first_form_id
left join tags on tags.id = joined.first_tag_id
left join bought on bought.subscriber_id = dated.id
left join last_changes on last_changes.subscriber_id = dated.id
