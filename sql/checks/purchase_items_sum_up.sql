-- The net and the discount of a purchase's lines add up to those of the purchase.
select fct_purchase.id, max(fct_purchase.net) as net, sum(items.net) as net_of_lines
from fct_purchase
join fct_purchase_item as items on items.purchase_id = fct_purchase.id
group by fct_purchase.id
having sum(items.net) <> max(fct_purchase.net) or sum(items.discount_share) <> max(fct_purchase.discount)
