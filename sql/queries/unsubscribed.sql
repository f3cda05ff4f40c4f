-- People who left in the last 30 days, as seen by pulls.
select
    fct_state_change.seen_at::date as seen_on,
    fct_state_change.subscriber_id,
    subscribers.email_address,
    fct_state_change.from_state,
    fct_state_change.to_state
from fct_state_change
left join subscribers on subscribers.id = fct_state_change.subscriber_id
where fct_state_change.is_leaving
    and fct_state_change.seen_at >= (select as_of from model_settings) - to_days(30)
order by fct_state_change.seen_at desc, fct_state_change.subscriber_id, fct_state_change.to_state
