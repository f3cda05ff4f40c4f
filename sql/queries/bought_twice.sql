-- Active people who bought more than once, the best customers first.
select
    customer_value.subscriber_id,
    customer_value.buyer,
    customer_value.currency,
    customer_value.orders,
    customer_value.revenue,
    customer_value.last_purchase_at::date as last_purchase_on,
    customer_value.segment
from customer_value
join subscribers on subscribers.id = customer_value.subscriber_id and subscribers.state = 'active'
where customer_value.is_repeat
order by customer_value.currency, customer_value.revenue desc, customer_value.buyer
