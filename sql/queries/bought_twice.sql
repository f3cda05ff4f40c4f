-- Active people with more than one counted order in any currency (refunds do not count), best customers first.
select
    person.id as subscriber_id,
    person.email_address,
    person.order_count as orders,
    person.revenue_currency as currency,
    person.revenue,
    customer_value.last_purchase_at::date as last_purchase_on,
    customer_value.segment
from dim_subscriber as person
join dim_currency on dim_currency.currency = person.revenue_currency
left join customer_value
    on customer_value.subscriber_id = person.id and customer_value.currency = person.revenue_currency
where person.order_count > 1 and person.state = 'active'
order by dim_currency.currency_rank, person.revenue desc nulls last, person.id
