-- Active people at the end of a day are those at its start plus those who came minus those who left.
select *
from (select *, lag(active_end, 1, 0) over (order by day) as active_end_before from list_growth_daily)
where active_start is not null
    and (active_end <> active_start + new - lost or active_start is distinct from active_end_before)
