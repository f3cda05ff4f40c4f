-- One row per link of a broadcast with its clicks as last read (v4).
-- @key: broadcast_id, id
-- @from: broadcast_links
-- @child_of: broadcasts (broadcast_id)
-- @slice: 'broadcast_links/' || broadcast_id
-- @unknown: Who clicked. Links are read again when the broadcast's total clicks changed, else within the verify cycle.
-- broadcast_id: Id of the broadcast.
-- id: The link's id.
-- url: Where it leads.
-- unique_clicks: Number of people who clicked it.
-- click_to_delivery_rate: Clickers as a share of deliveries, 0 to 1.
-- click_to_open_rate: Clickers as a share of opens, 0 to 1.
with answers as (
    select
        from_json(record, texts('id, url, unique_clicks, click_to_delivery_rate, click_to_open_rate')) as given,
        slice,
        record,
        observed_at
    from records
    where stream = 'broadcast_links'
)

select
    split_part(slice, '/', 2)::bigint as broadcast_id,
    as_bigint(given.id) as id,
    given.url,
    as_bigint(given.unique_clicks) as unique_clicks,
    as_double(given.click_to_delivery_rate) as click_to_delivery_rate,
    as_double(given.click_to_open_rate) as click_to_open_rate,
    record as _record,
    observed_at as _synced_at
from answers
