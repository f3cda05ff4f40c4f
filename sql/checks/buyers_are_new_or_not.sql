-- Every buyer has exactly one first purchase: the new orders of revenue_daily equal the distinct buyers of
-- fct_purchase.
select told.orders, buyers.buyers
from (select coalesce(sum(new_orders), 0) as orders from revenue_daily) as told,
    (select count(distinct buyer) as buyers from fct_purchase where is_counted) as buyers
where told.orders <> buyers.buyers
