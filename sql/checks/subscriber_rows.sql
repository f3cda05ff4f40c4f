-- dim_subscriber has everyone in subscribers exactly once, in the same state.
select id, subscribers.state, person.state as state_in_dim_subscriber
from subscribers
full join dim_subscriber as person using (id)
where person.id is null or subscribers.id is null or person.state is distinct from subscribers.state
