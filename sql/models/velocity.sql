-- One row per stretch of days from sign-up to a person's first counted purchase: how many bought then, and what share had bought by its end.
-- @key: from_days
-- @filter: customers > 0
-- @unknown: Purchases never reported to the account, and buyers whose address belongs to nobody on the list (orphans have no sign-up).
-- stretch: The stretch in words.
-- from_days: Its first day; day 0 is the day of sign-up in the configured zone, and has whoever bought before.
-- to_days: Its last day; null: no end.
-- customers: People whose first purchase fell into it.
-- customer_share_rate: Percent: 100 * customers / all_customers.
-- cumulative_customers: People whose first purchase came by its end.
-- subscribers: Everybody in the mirror, in whatever state.
-- purchase_rate: Percent: 100 * cumulative_customers / subscribers; in the last row customers / subscribers of the account.
-- old_enough_subscribers: People who signed up long enough ago for the whole stretch to have passed.
-- old_enough_customers: Those of them whose first purchase came by its end.
-- old_enough_purchase_rate: Percent: 100 * old_enough_customers / old_enough_subscribers: what young sign-ups do not dilute.
-- all_customers: Everybody on the list who has bought.
-- average_time_to_purchase: Mean days from sign-up to first purchase over all_customers (0 for who bought before).
-- median_time_to_purchase: Median of the same.
with stretches(stretch, from_days, to_days) as (
    values
        ('same day', 0, 0),
        ('day 1 to 6', 1, 6),
        ('day 7 to 29', 7, 29),
        ('day 30 to 89', 30, 89),
        ('day 90 to 179', 90, 179),
        ('day 180 to 364', 180, 364),
        ('a year or later', 365, null)
),

people as (
    select case when days_to_first_purchase is not null then greatest(days_to_first_purchase, 0) end as days, tenure_days
    from dim_subscriber
),

counted as (
    select days, tenure_days, count(*) as people
    from people
    group by all
),

overall as (
    select
        count(*) as subscribers,
        count(days) as all_customers,
        avg(days) as average_time_to_purchase,
        median(days) as median_time_to_purchase
    from people
),

summed as (
    select
        stretch,
        from_days,
        to_days,
        coalesce(sum(people) filter (days between from_days and coalesce(to_days, days)), 0)::bigint as customers,
        coalesce(sum(people) filter (days <= coalesce(to_days, days)), 0)::bigint as cumulative_customers,
        coalesce(sum(people) filter (tenure_days > coalesce(to_days, from_days)), 0)::bigint as old_enough_subscribers,
        coalesce(
            sum(people) filter (tenure_days > coalesce(to_days, from_days) and days <= coalesce(to_days, days)), 0
        )::bigint as old_enough_customers
    from stretches
    left join counted on true
    group by all
)

select
    stretch,
    from_days::bigint as from_days,
    to_days::bigint as to_days,
    customers,
    100.0 * customers / nullif(all_customers, 0) as customer_share_rate,
    cumulative_customers,
    subscribers,
    100.0 * cumulative_customers / nullif(subscribers, 0) as purchase_rate,
    old_enough_subscribers,
    old_enough_customers,
    100.0 * old_enough_customers / nullif(old_enough_subscribers, 0) as old_enough_purchase_rate,
    all_customers,
    average_time_to_purchase,
    median_time_to_purchase
from summed
cross join overall
order by from_days
