-- Active people by the last open or click, and how many of them are cold by Kit's definition (v4).
-- @empty: no active person has engagement; only API v4 gives it
select
    recency,
    count(*) as people,
    count(*) filter (is_cold) as cold,
    sum(sent)::bigint as sent,
    round(100.0 * sum(opened) / nullif(sum(sent), 0), 1) as open_rate,
    round(100.0 * sum(clicked) / nullif(sum(sent), 0), 2) as click_rate,
    max(read_at) as read_at
from subscriber_engagement
group by recency
order by min(coalesce(days_since_engaged, 100000)), recency
