-- The current rows of bridge_membership equal the subscriptions.
select subscribable_type, subscribable_id, count(distinct side) as sides
from (
    select 'bridge_membership' as side, subscribable_type, subscribable_id, count(*) as members
    from bridge_membership
    where is_current
    group by all
    union all
    select 'subscriptions', subscribable_type, subscribable_id, count(*)
    from subscriptions
    group by all
)
group by subscribable_type, subscribable_id
having count(*) <> 2 or min(members) <> max(members)
