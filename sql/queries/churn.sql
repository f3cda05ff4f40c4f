-- People who left, by month whose losses are known, as a percentage of the people active at the start.
select month, days_covered, active_start, lost, cancelled, round(churn_rate, 2) as churn_rate,
    early_lost, round(early_churn_rate, 1) as early_churn_rate, precision
from churn_monthly
order by month desc
