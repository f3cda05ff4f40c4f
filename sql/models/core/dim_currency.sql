-- One row per currency of the counted orders; '' for orders without one, or if there are no orders.
-- @key: currency
-- @filter: true
-- @unknown: Exchange rates: money is never added across currencies.
-- currency: The currency code in capitals.
-- currency_rank: 1 for the currency with the most counted orders of the account.
-- orders: Counted orders.
with counted as (
    select coalesce(currency, '') as currency, count(*) as orders
    from fct_purchase
    where is_counted
    group by 1

    union all

    select '', 0
    where not exists (from fct_purchase where is_counted)
)

select
    currency,
    row_number() over (order by orders desc, currency) as currency_rank,
    orders
from counted
