-- In every dimension of list_quality_by_source, and at both levels of geography, all people and all active people are
-- counted once.
with told as (
    select dimension as part, sum(new_leads) as people, sum(active) as active, bool_and(active <= new_leads) as fits
    from list_quality_by_source
    group by dimension

    union all

    select level, sum(people), sum(active), bool_and(active <= people) from geography group by level
)

select told.*
from told
cross join (select count(*) as people, count(*) filter (state = 'active') as active from subscribers) as known
where told.people <> known.people or told.active <> known.active or not fits
