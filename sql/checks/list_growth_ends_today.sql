-- The last day of list_growth_daily ends with the people who are active, and no day with fewer than none.
select day, active_end
from list_growth_daily
where active_end < 0
    or (
        day = (select max(day) from list_growth_daily)
        and active_end <> (select count(*) from subscribers where state = 'active')
    )
