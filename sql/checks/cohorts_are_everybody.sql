-- The cohorts of cohort_retention contain everyone exactly once per variant, and the current number of active people.
with people as (
    select count(*) filter (state = 'active') as active, count(*) as people from subscribers
),

last_month as (
    select variant, sum(size) as size, sum(active) as active, min(active) as least, bool_and(active <= size) as fits
    from cohort_retention
    where month = (select max(month) from cohort_retention)
    group by variant
)

select *
from last_month
cross join people
where last_month.active <> people.active or not fits or least < 0
    or last_month.size <> (select max(size) from last_month) or last_month.size < people.people
