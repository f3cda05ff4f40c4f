-- Every row of reengagement_candidates is a cold and active person who was mailed, and everyone like that has one.
select subscriber_id, candidates.place
from (select subscriber_id from subscriber_engagement where is_cold and sent > 0) as cold
full join reengagement_candidates as candidates using (subscriber_id)
left join subscribers on subscribers.id = subscriber_id
where cold.subscriber_id is null or candidates.subscriber_id is null or subscribers.state is distinct from 'active'
