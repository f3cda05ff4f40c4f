-- Active people with more than one counted order in any currency (refunds do not count), best customers first.
-- @empty: no active person has more than one counted order
select
    person.email_address,
    person.revenue,
    person.revenue_currency as currency,
    person.order_count as orders,
    customer_value.last_purchase_at::date as last_purchase_on,
    customer_value.segment,
    person.id as subscriber_id
from dim_subscriber as person
join dim_currency on dim_currency.currency = person.revenue_currency
left join customer_value
    on customer_value.subscriber_id = person.id and customer_value.currency = person.revenue_currency
where person.order_count > 1 and person.state = 'active'
order by dim_currency.currency_rank, person.revenue desc nulls last, person.id
