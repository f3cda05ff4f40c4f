-- One row per email domain and currency: people and their purchases.
with people as (
    select id, split_part(email_address, '@', 2) as domain
    from {{ source('mirror', 'subscribers') }}
)

select
    people.domain,
    purchases.currency,
    count(distinct purchases.buyer) as buyers,
    sum(purchases.net) as revenue
from people
join {{ source('mirror', 'fct_purchase') }} as purchases on purchases.subscriber_id = people.id
where purchases.is_counted
group by all
