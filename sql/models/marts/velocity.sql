-- One row per stretch of days from sign-up to a person's first counted purchase: how many bought then, and the share
-- that had bought by its end.
-- @key: place
-- @filter: customers > 0
-- @unknown: Purchases never reported to the account, and buyers whose address no one on the list has (orphans
-- have no sign-up).
-- place: The stretch's position in time, from 0; the last one is for unknown times.
-- stretch: The stretch in words: `before sign-up` for people who bought on a day before sign-up, `unknown` for people
-- without a plausible day for either.
-- from_days: Its first day; day 0 is the day of sign-up in the configured zone; null: no beginning.
-- to_days: Its last day; null: no end.
-- customers: People whose first purchase was in it.
-- customer_share_rate: In percent: 100 * customers / all_customers.
-- cumulative_customers: People whose first purchase was by its end, including before sign-up; in the last row
-- everyone.
-- subscribers: Everyone in the mirror, in any state.
-- purchase_rate: In percent: 100 * cumulative_customers / subscribers; in the last row customers / subscribers of the
-- account.
-- old_enough_subscribers: People who signed up long enough ago for the whole stretch to have passed; null for
-- `unknown`.
-- old_enough_customers: Of these, people whose first purchase was by its end.
-- old_enough_purchase_rate: In percent: 100 * old_enough_customers / old_enough_subscribers, which recent sign-ups do
-- not dilute.
-- all_customers: Everyone on the list who has bought.
-- later_customers: Of these, people who first bought on the day of sign-up or later; the same in each row.
-- average_time_to_purchase: Mean days from sign-up to first purchase over later_customers.
-- median_time_to_purchase: Median of the same.
with stretches (place, stretch, from_days, to_days) as (
    values
        (0, 'before sign-up', null, -1),
        (1, 'same day', 0, 0),
        (2, 'day 1 to 6', 1, 6),
        (3, 'day 7 to 29', 7, 29),
        (4, 'day 30 to 89', 30, 89),
        (5, 'day 90 to 179', 90, 179),
        (6, 'day 180 to 364', 180, 364),
        (7, 'a year or later', 365, null),
        (8, 'unknown', null, null)
),

counted as (
    select
        days_to_first_purchase as days,
        tenure_days,
        is_customer,
        count(*) as people
    from dim_subscriber
    group by all
),

overall as (
    select
        coalesce(sum(people), 0)::bigint as subscribers,
        coalesce(sum(people) filter (is_customer), 0)::bigint as all_customers
    from counted
),

later as (
    select
        count(*) as later_customers,
        avg(days_to_first_purchase) as average_time_to_purchase,
        median(days_to_first_purchase) as median_time_to_purchase
    from dim_subscriber
    where days_to_first_purchase >= 0
),

summed as (
    select
        stretches.place,
        stretch,
        from_days,
        to_days,
        coalesce(
            sum(people) filter (
                is_customer and case
                    when days is null then stretches.place = 8
                    else stretches.place < 8 and days between coalesce(from_days, days) and coalesce(to_days, days)
                end
            ), 0
        )::bigint as customers,
        coalesce(
            sum(people) filter (is_customer and (stretches.place = 8 or days <= coalesce(to_days, days))), 0
        )::bigint as cumulative_customers,
        coalesce(sum(people) filter (tenure_days > coalesce(to_days, from_days)), 0)::bigint as old_enough_subscribers,
        coalesce(
            sum(people) filter (tenure_days > coalesce(to_days, from_days) and days <= coalesce(to_days, days)), 0
        )::bigint as old_enough_customers
    from stretches
    left join counted on true
    group by all
)

select
    place::bigint as place,
    stretch,
    from_days::bigint as from_days,
    to_days::bigint as to_days,
    customers,
    100.0 * customers / nullif(all_customers, 0) as customer_share_rate,
    cumulative_customers,
    subscribers,
    100.0 * cumulative_customers / nullif(subscribers, 0) as purchase_rate,
    case when place < 8 then old_enough_subscribers end as old_enough_subscribers,
    case when place < 8 then old_enough_customers end as old_enough_customers,
    case when place < 8 then 100.0 * old_enough_customers / nullif(old_enough_subscribers, 0) end
        as old_enough_purchase_rate,
    all_customers,
    later_customers,
    average_time_to_purchase,
    median_time_to_purchase
from summed
cross join overall
cross join later
order by place
