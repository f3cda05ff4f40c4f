-- The 50 most clicked pages of the last year, over all broadcasts (v4): people who clicked, per recipient.
-- @empty: no link was clicked in the last year; only API v4 gives clicks of links
select
    page,
    sum(unique_clicks)::bigint as clicks,
    round(
        100.0 * sum(unique_clicks) / nullif(sum(recipients) filter (unique_clicks is not null), 0), 2
    ) as click_rate,
    count(distinct broadcast_id) as broadcasts,
    max(sent_on) as last_sent_on
from link_performance
where sent_at >= (select as_of from model_settings) - to_days(365)
group by page
having sum(unique_clicks) > 0
order by clicks desc, page
limit 50
