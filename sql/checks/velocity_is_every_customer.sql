-- The stretches of velocity contain every customer exactly once, and its last row contains all of them.
select *
from (
    select
        sum(customers) as customers, max_by(cumulative_customers, place) as cumulative, max(all_customers) as told
    from velocity
) as velocity, (select count(*) filter (is_customer) as known from dim_subscriber) as people
where velocity.customers <> people.known or velocity.cumulative <> people.known or velocity.told <> people.known
