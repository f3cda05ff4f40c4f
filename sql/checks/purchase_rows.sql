-- fct_purchase has every purchase exactly once.
select id, purchases.id is null as is_only_in_fct_purchase
from purchases
full join fct_purchase using (id)
where purchases.id is null or fct_purchase.id is null
