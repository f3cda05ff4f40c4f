-- Each sent broadcast is in broadcast_performance and deliverability_watch and, if its day is known, in a week and a
-- month of engagement_trend.
with sent as (
    select count(*) as broadcasts, count(sent_on) as dated from fct_broadcast where is_sent
),

told as (
    select
        (select count(*) from broadcast_performance) as performance,
        (select count(*) from deliverability_watch) as watched,
        (select coalesce(sum(broadcasts), 0) from engagement_trend where period = 'week') as by_week,
        (select coalesce(sum(broadcasts), 0) from engagement_trend where period = 'month') as by_month
)

select *
from sent
cross join told
where performance <> broadcasts or watched <> broadcasts or by_week <> dated or by_month <> dated
