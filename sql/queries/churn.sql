-- People who left, by month whose losses are known, as a percentage of the people active at the start.
-- @empty: churn is known from the second day of pulls on; the first pull was {first_pull}
select month, round(churn_rate, 2) as churn_rate, lost, active_start, cancelled,
    round(early_churn_rate, 1) as early_churn_rate, early_lost, days_covered, precision
from churn_monthly
order by month desc
