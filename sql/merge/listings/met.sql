-- Creates `met`, from `newest`: people that no list of people shows, seen inside a subscription.
create or replace temp table met as
select person.id as key, epoch_us(max(newest.observed_at)) as place
from newest
join main.subscriptions as membership
    on membership.id = newest.key
    and newest.slice = 'subscriptions/' || membership.subscribable_type || '/' || membership.subscribable_id
join main.subscribers as person
    on person.id = membership.subscriber_id
    and person.state not in ('active', 'cancelled')
where not newest.is_absent
group by person.id
