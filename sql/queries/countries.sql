-- Where people are (v4): by country, with the share still active, cold and buying.
-- @empty: no person has a location; only API v4 gives it
select
    case when country = '' then '(unknown)' else country end as country,
    people,
    round(people_share_rate, 1) as people_share_rate,
    round(active_rate, 1) as active_rate,
    round(cold_rate, 1) as cold_rate,
    round(open_rate, 1) as open_rate,
    round(conversion_rate, 1) as conversion_rate
from geography
where level = 'country'
order by people desc, geography.country
