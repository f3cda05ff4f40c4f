-- fct_broadcast has every broadcast exactly once.
select id
from broadcasts
full join fct_broadcast using (id)
where broadcasts.id is null or fct_broadcast.id is null
