-- One row per country, and per region of a country: who is there. Under v3 there are none.
-- @key: level, country, region
-- @stored: table
-- @filter: level = 'country'
-- @unknown: Everything under v3, and where people are whose sign-up had no address that Kit could place. A place is
-- that of an IP address: a phone, a company or a VPN may be elsewhere.
-- level: `country` or `region`. Never add the two together: everyone is in one row of each.
-- country: The country's name, as Kit gives it; '' if it is unknown.
-- region: The state or region; '' for a country, and if it is unknown.
-- people: People there, in any state.
-- people_share_rate: In percent: 100 * people / everyone in the mirror.
-- active: Of these, active people.
-- active_rate: In percent: 100 * active / people.
-- measured: Of these, people known to be cold or not.
-- cold: Of these, cold people (see subscriber_engagement).
-- cold_rate: In percent: 100 * cold / measured.
-- sent: Emails sent to the active people within the window of subscriber_engagement.
-- opened: Of these, emails opened.
-- open_rate: In percent: 100 * opened / sent.
-- clicked: Of these, emails clicked.
-- click_rate: In percent: 100 * clicked / sent.
-- customers: People who have bought.
-- conversion_rate: In percent: 100 * customers / people.
-- is_supported: Whether people is at least model_settings.minimum_support.
-- precision: `assumed` (by IP address) or `unknown` (no place).
with people as (
    select
        person.id,
        coalesce(person.country, '') as country,
        coalesce(person.region, '') as region,
        person.state,
        person.is_customer,
        engagement.is_cold,
        engagement.sent,
        engagement.opened,
        engagement.clicked
    from dim_subscriber as person
    left join subscriber_engagement as engagement on engagement.subscriber_id = person.id
    where exists (from dim_subscriber where coalesce(country, region, city) is not null)
),

places as (
    select 'country' as level, * replace ('' as region) from people
    union all
    select 'region', * from people
),

counted as (
    select
        level,
        country,
        region,
        count(*) as people,
        count(*) filter (state = 'active') as active,
        count(is_cold) as measured,
        count(*) filter (is_cold) as cold,
        try_cast(sum(sent) as bigint) as sent,
        try_cast(sum(opened) as bigint) as opened,
        try_cast(sum(clicked) as bigint) as clicked,
        count(*) filter (is_customer) as customers
    from places
    group by level, country, region
)

select
    level,
    country,
    region,
    people,
    100.0 * people / sum(people) over (partition by level) as people_share_rate,
    active,
    100.0 * active / people as active_rate,
    measured,
    cold,
    100.0 * cold / nullif(measured, 0) as cold_rate,
    sent,
    opened,
    100.0 * opened / nullif(sent, 0) as open_rate,
    clicked,
    100.0 * clicked / nullif(sent, 0) as click_rate,
    customers,
    100.0 * customers / people as conversion_rate,
    people >= minimum_support as is_supported,
    case when country = '' and region = '' then 'unknown' else 'assumed' end as precision
from counted
cross join model_settings
