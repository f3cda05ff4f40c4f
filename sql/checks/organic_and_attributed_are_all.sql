-- Attributed and organic revenue in organic_vs_attributed add up to the revenue, and so do the orders.
select day, currency
from organic_vs_attributed
where attributed_orders + organic_orders <> orders
    or coalesce(attributed_revenue, 0) + coalesce(organic_revenue, 0) <> coalesce(revenue, 0)
