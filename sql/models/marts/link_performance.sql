-- One row per link of a broadcast: how many people clicked it. Under v3 there are none.
-- @key: broadcast_id, link_id
-- @filter: place = 1
-- @unknown: Everything under v3. Who clicked, repeated clicks of a link, and clicks in mails of sequences. Clicks
-- since the link was last read, of broadcasts whose total did not change.
-- broadcast_id: The broadcast.
-- subject: Its subject; null if it has none.
-- sent_at: When it was sent, as far as known (see fct_broadcast); null if it is still being sent.
-- sent_on: The day in the configured zone.
-- recipients: People the broadcast was sent to.
-- opens: People who opened it; null if opens were not tracked.
-- link_id: The link.
-- url: Where it leads.
-- host: Its site, without www.
-- page: The address without what follows ? or #, so that the same page in several broadcasts is one.
-- unique_clicks: People who clicked it.
-- click_rate: In percent: 100 * unique_clicks / recipients.
-- click_to_open_rate: In percent: 100 * unique_clicks / opens.
-- delivery_click_rate: In percent of deliveries, as Kit gives it.
-- broadcast_clicks: The sum of unique_clicks over the broadcast's links; a person who clicked two counts twice.
-- click_share_rate: In percent: 100 * unique_clicks / broadcast_clicks.
-- place: Rank among the broadcast's links, 1 has the most clicks; then the smaller id.
-- precision: `exact`: as Kit counts; `unknown`: clicks were not tracked or the number is not given.
with links as (
    select
        links.broadcast_id,
        links.id as link_id,
        links.url,
        nullif(
            regexp_replace(lower(regexp_extract(links.url, '^[a-zA-Z]+://([^/?#:]+)', 1)), '^www[.]', ''), ''
        ) as host,
        nullif(regexp_extract(links.url, '^[^?#]*'), '') as page,
        case when not coalesce(stats.click_tracking_disabled, false) then links.unique_clicks end as unique_clicks,
        100 * links.click_to_delivery_rate as delivery_click_rate
    from broadcast_links as links
    left join broadcast_stats as stats on stats.broadcast_id = links.broadcast_id
),

summed as (
    select
        *,
        try_cast(sum(unique_clicks) over (partition by broadcast_id) as bigint) as broadcast_clicks,
        row_number() over (partition by broadcast_id order by unique_clicks desc nulls last, link_id) as place
    from links
)

select
    summed.broadcast_id,
    broadcasts.subject,
    broadcasts.sent_at,
    broadcasts.sent_on,
    broadcasts.recipients,
    broadcasts.opens,
    summed.link_id,
    summed.url,
    summed.host,
    summed.page,
    summed.unique_clicks,
    100.0 * summed.unique_clicks / nullif(broadcasts.recipients, 0) as click_rate,
    100.0 * summed.unique_clicks / nullif(broadcasts.opens, 0) as click_to_open_rate,
    summed.delivery_click_rate,
    summed.broadcast_clicks,
    100.0 * summed.unique_clicks / nullif(summed.broadcast_clicks, 0) as click_share_rate,
    summed.place,
    case when summed.unique_clicks is not null then 'exact' else 'unknown' end as precision
from summed
left join fct_broadcast as broadcasts on broadcasts.id = summed.broadcast_id
