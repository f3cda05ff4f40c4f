-- fct_purchase_item has every line of every purchase exactly once.
select purchase_id, position
from purchase_products
full join fct_purchase_item as items using (purchase_id, position)
where purchase_products.purchase_id is null or items.purchase_id is null
