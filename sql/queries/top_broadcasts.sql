-- The 20 most clicked broadcasts of the last year, among those with at least 100 recipients.
-- @empty: no broadcast of the last year has 100 recipients
select
    subject,
    round(click_rate, 2) as click_rate,
    round(open_rate, 1) as open_rate,
    sent_on,
    recipients,
    click_verdict,
    unsubscribes
from broadcast_performance
where sent_at >= (select as_of from model_settings) - to_days(365) and recipients >= 100
order by click_rate desc nulls last, id
limit 20
