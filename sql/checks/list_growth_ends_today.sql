-- The last day of list_growth_daily ends with the people who are active now, and no day has a negative count.
select day, active_end
from list_growth_daily
where active_end < 0
    or (
        day = (select max(day) from list_growth_daily)
        and active_end <> (select count(*) from subscribers where state = 'active')
    )
