-- The revenue of people in the mirror and of buyers outside it adds up to the revenue of all purchases.
select all_purchases.orders, people.orders as orders_of_people, orphans.orders as orders_of_orphans
from (select count(*) as orders from fct_purchase where is_counted) as all_purchases,
    (select coalesce(sum(order_count), 0) as orders from dim_subscriber) as people,
    (select count(*) as orders from fct_purchase where is_counted and is_orphan) as orphans
where all_purchases.orders <> people.orders + orphans.orders
