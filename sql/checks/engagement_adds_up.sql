-- The active people whose engagement was read are in subscriber_engagement once; the cold ones add up in list_health,
-- in every dimension of list_quality_by_source, and at both levels of geography.
with known as (
    select count(*) as people, count(is_cold) as measured, count(*) filter (is_cold) as cold from subscriber_engagement
),

told as (
    select 'subscriber_stats' as model, count(*) as people, null as measured, null as cold
    from subscriber_stats
    join subscribers on subscribers.id = subscriber_stats.subscriber_id and subscribers.state = 'active'

    union all

    select 'list_health', null, coalesce(sum(of_people), 0), coalesce(sum(people), 0)
    from list_health
    where kind = 'engagement'

    union all

    select 'list_quality_by_source ' || dimension, null, sum(measured), sum(cold)
    from list_quality_by_source
    group by dimension

    union all

    select 'geography ' || level, null, sum(measured), sum(cold) from geography group by level
)

select told.*
from told
cross join known
where told.people <> known.people or told.measured <> known.measured or told.cold <> known.cold
