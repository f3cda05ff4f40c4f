-- The states of list_health add up to everyone.
select *
from
    (select coalesce(sum(people), 0) as people from list_health where kind = 'state') as states,
    (select count(*) as everybody from subscribers) as subscribers
where people <> everybody
