-- People who left in the last 30 days, by date where Kit gives it, else as seen by pulls.
-- @empty: no one has left in the last 30 days, as far as pulls have seen; the first pull was {first_pull}
select
    fct_state_change.happened_on as left_on,
    subscribers.email_address,
    fct_state_change.to_state,
    fct_state_change.from_state,
    fct_state_change.precision,
    fct_state_change.subscriber_id
from fct_state_change
left join subscribers on subscribers.id = fct_state_change.subscriber_id
where fct_state_change.is_leaving
    and fct_state_change.changed_before >= (select as_of from model_settings) - to_days(30)
order by fct_state_change.changed_before desc, fct_state_change.subscriber_id, fct_state_change.to_state
