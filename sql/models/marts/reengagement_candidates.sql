-- One row per cold person who was mailed within the window, those worth most first: to win back, or to remove.
-- Under v3 there are none.
-- @key: subscriber_id
-- @filter: place <= 100
-- @unknown: Everything under v3, and whatever subscriber_engagement cannot tell: someone who blocks pictures and never
-- clicks seems cold. Opens and clicks that no reading showed.
-- place: The order: customers first, then people who once opened or clicked, then the newest.
-- subscriber_id: The person.
-- email_address: The address.
-- reason: `customer` (has bought), `once engaged` (opened or clicked as far as known), `never engaged`.
-- created_at: When the person joined the account.
-- tenure_days: Days since then.
-- acquisition_source: Where the person came from (see dim_subscriber).
-- first_form: The first form joined.
-- order_count: Counted purchases.
-- revenue: Net revenue in revenue_currency.
-- revenue_currency: The currency in which the person bought most often; never sum across currencies.
-- sent: Emails sent within the window.
-- last_sent_at: When the last email was sent.
-- last_engaged_at: The latest open or click that any reading showed; null: none.
-- days_since_engaged: Whole days from then to read_at.
-- sends_since_last_open: Emails sent since the last open.
-- read_at: When the figures were read.
-- precision: Of last_engaged_at: `exact`, or `unknown` (earlier than any reading, or never).
with cold as (
    select * from subscriber_engagement where is_cold and sent > 0
),

-- readings of weeks ago remember what has left the window
remembered as (
    select subscriber_id, max(greatest(last_opened, last_clicked)) as last_engaged_at
    from history.subscriber_stats
    where subscriber_id in (select subscriber_id from cold)
    group by subscriber_id
),

candidates as (
    select
        people.email_address, people.tenure_days, people.acquisition_source, people.first_form, people.order_count,
        people.revenue, people.revenue_currency, cold.* exclude (last_engaged_at), remembered.last_engaged_at,
        case
            when people.is_customer then 'customer'
            when remembered.last_engaged_at is not null then 'once engaged'
            else 'never engaged'
        end as reason
    from cold
    join dim_subscriber as people on people.id = cold.subscriber_id
    left join remembered on remembered.subscriber_id = cold.subscriber_id
)

select
    row_number() over (
        order by
            (order_count > 0)::int desc, order_count desc, last_engaged_at desc nulls last, created_at desc nulls last,
            subscriber_id
    ) as place,
    subscriber_id,
    email_address,
    reason,
    created_at,
    tenure_days,
    acquisition_source,
    first_form,
    order_count,
    revenue,
    revenue_currency,
    sent,
    last_sent_at,
    last_engaged_at,
    case
        when last_engaged_at is not null
        then floor(greatest(0, epoch(read_at) - epoch(last_engaged_at)) / 86400)
    end::bigint as days_since_engaged,
    sends_since_last_open,
    read_at,
    case when last_engaged_at is not null then 'exact' else 'unknown' end as precision
from candidates
