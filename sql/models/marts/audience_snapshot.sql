-- One row: the account at a glance, at the newest observation.
-- @filter: true
-- @unknown: What happened before the first pull: changes over 7 and 28 days are null until pulls cover that period.
-- as_of: The newest observation.
-- active: Active people.
-- people: Everyone the mirror knows.
-- joined_7d: New Leads in the last seven days.
-- joined_28d: New Leads in the last 28 days.
-- net_7d: Change of the number of active people in the last seven days; null if pulls do not cover them.
-- net_28d: The same for 28 days.
-- last_broadcast_id: The broadcast sent most recently.
-- last_subject: Its subject.
-- last_sent_at: When it was sent.
-- last_recipients: Number of people it was sent to.
-- last_open_rate: Its open rate in percent.
-- customers: Buyers ever: people, and addresses that no one on the list has, with a counted purchase.
-- orders_28d: Counted purchases in the last 28 days, in all currencies.
-- revenue_28d: Net revenue of these in revenue_currency; null if no amount is known. revenue_daily has all
-- currencies.
-- revenue_currency: The currency of most of these ('' if orders have none); null: there is no order.
-- orders_without_amount_28d: Of these in revenue_currency, those whose amount is unknown.
-- last_pull_at: When the last complete pull ended.
-- hours_since_pull: Hours from then to the newest observation.
-- incomplete_lists: Lists that are not proved complete.
with days as (
    select
        joined, net, row_number() over (order by day desc) as days_ago
    from list_growth_daily
),

growth as (
    select
        sum(joined) filter (days_ago <= 7)::bigint as joined_7d,
        sum(joined) filter (days_ago <= 28)::bigint as joined_28d,
        case when count(net) filter (days_ago <= 7) = 7 then sum(net) filter (days_ago <= 7)::bigint end as net_7d,
        case when count(net) filter (days_ago <= 28) = 28 then sum(net) filter (days_ago <= 28)::bigint end as net_28d
    from days
),

last_broadcast as (
    select id, subject, sent_at, recipients, open_rate
    from fct_broadcast
    cross join model_settings
    where is_sent and sent_at <= as_of
    order by sent_at desc, id desc
    limit 1
),

sold as (
    select
        coalesce(currency, '') as currency,
        sum(net)::decimal(38, 4) as revenue,
        count(*) as orders,
        count(*) - count(net) as orders_without_amount
    from fct_purchase
    cross join model_settings
    where is_counted and purchased_on > timezone(timezone, as_of)::date - 28
    group by 1
),

sales as (
    select
        sum(sold.orders) over ()::bigint as orders_28d,
        sold.revenue as revenue_28d,
        sold.currency as revenue_currency,
        sold.orders_without_amount as orders_without_amount_28d
    from sold
    join dim_currency on dim_currency.currency = sold.currency
    qualify row_number() over (order by sold.orders desc, dim_currency.currency_rank) = 1
),

pulled as (
    select max(ended_at) as last_pull_at from _cksync.loads where is_finished and streams <> 'push'
)

select
    model_settings.as_of,
    (select count(*) from subscribers where state = 'active') as active,
    (select count(*) from subscribers) as people,
    growth.joined_7d,
    growth.joined_28d,
    growth.net_7d,
    growth.net_28d,
    last_broadcast.id as last_broadcast_id,
    last_broadcast.subject as last_subject,
    last_broadcast.sent_at as last_sent_at,
    last_broadcast.recipients as last_recipients,
    last_broadcast.open_rate as last_open_rate,
    (select count(distinct buyer) from fct_purchase where is_counted) as customers,
    coalesce(sales.orders_28d, 0) as orders_28d,
    sales.revenue_28d,
    sales.revenue_currency,
    coalesce(sales.orders_without_amount_28d, 0) as orders_without_amount_28d,
    pulled.last_pull_at,
    case
        when pulled.last_pull_at >= model_settings.as_of then 0
        else round(date_diff('second', pulled.last_pull_at, model_settings.as_of) / 3600, 1)
    end as hours_since_pull,
    (select count(*) from _cksync.slices where not is_complete) as incomplete_lists
from model_settings
cross join growth
cross join pulled
left join sales on true
left join last_broadcast on true
