-- The total lost in churn_monthly equals the total lost in list_growth_daily.
select *
from
    (select coalesce(sum(lost), 0) as lost_by_month from churn_monthly) as months,
    (select coalesce(sum(lost), 0) as lost_by_day from list_growth_daily) as days
where lost_by_month <> lost_by_day
