-- subscribers_wide has everyone in subscribers.
select subscribers.rows, wide.rows as rows_of_subscribers_wide
from (select count(*) as rows from subscribers) as subscribers, (select count(*) as rows from subscribers_wide) as wide
where subscribers.rows <> wide.rows
