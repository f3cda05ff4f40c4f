-- One row per day of sale and currency: revenue of orders with and without a touch in the hours before (see
-- attribution_last_touch), split by the kind of last touch.
-- @filter: day >= (select as_of from model_settings)::date - 365
-- @unknown: Who was sent or opened a broadcast: a broadcast is an *assumed exposure* of everyone who had signed up,
-- so organic revenue is a lower bound if broadcasts went to part of the list.
-- day: The day of sale in the configured zone; null if the API gave no readable time, or an impossible one (see
-- fct_purchase).
-- currency: The currency's code, '' if the order has none; never sum across currencies.
-- orders: Counted orders.
-- attributed_orders: Orders with a touch.
-- organic_orders: Orders without a touch.
-- orders_without_amount: Orders whose amount is unknown; they are in no sum of money.
-- revenue: Net of discount, without tax and shipping; null if no amount is known; parts of it without an order are 0.
-- attributed_revenue: Revenue of orders with a touch.
-- organic_revenue: Revenue of orders without a touch.
-- attributed_revenue_rate: In percent: 100 * attributed_revenue / revenue.
-- broadcast_revenue: Revenue whose last touch was a broadcast (assumed exposure).
-- form_revenue: Revenue whose last touch was a form.
-- sequence_revenue: Revenue whose last touch was a sequence.
-- tag_revenue: Revenue whose last touch was a tag.
-- new_revenue: Revenue of buyers' first orders.
-- new_attributed_revenue: The part of it with a touch.
select
    purchased_on as day,
    currency,
    count(*) as orders,
    count(*) filter (is_attributed) as attributed_orders,
    count(*) filter (not is_attributed) as organic_orders,
    count(*) - count(revenue) as orders_without_amount,
    sum(revenue)::decimal(38, 4) as revenue,
    case
        when count(*) filter (is_attributed) > 0 then sum(revenue) filter (is_attributed)
        else 0
    end::decimal(38, 4) as attributed_revenue,
    case
        when count(*) filter (not is_attributed) > 0 then sum(revenue) filter (not is_attributed)
        else 0
    end::decimal(38, 4) as organic_revenue,
    100.0 * attributed_revenue::double / nullif(sum(revenue), 0)::double as attributed_revenue_rate,
    case
        when count(*) filter (touch_type = 'broadcast') > 0 then sum(revenue) filter (touch_type = 'broadcast')
        else 0
    end::decimal(38, 4) as broadcast_revenue,
    case
        when count(*) filter (touch_type = 'form') > 0 then sum(revenue) filter (touch_type = 'form')
        else 0
    end::decimal(38, 4) as form_revenue,
    case
        when count(*) filter (touch_type = 'sequence') > 0 then sum(revenue) filter (touch_type = 'sequence')
        else 0
    end::decimal(38, 4) as sequence_revenue,
    case
        when count(*) filter (touch_type = 'tag') > 0 then sum(revenue) filter (touch_type = 'tag')
        else 0
    end::decimal(38, 4) as tag_revenue,
    case
        when count(*) filter (is_first_order) > 0 then sum(revenue) filter (is_first_order)
        else 0
    end::decimal(38, 4) as new_revenue,
    case
        when count(*) filter (is_first_order and is_attributed) > 0
        then sum(revenue) filter (is_first_order and is_attributed)
        else 0
    end::decimal(38, 4) as new_attributed_revenue
from attribution_last_touch
group by all
