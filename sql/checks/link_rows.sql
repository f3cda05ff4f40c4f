-- link_performance has every link of every broadcast exactly once, and the shares of a broadcast's clicks add up to
-- 100.
select broadcast_id, count(*) as rows, sum(click_share_rate) as shares
from (
    select
        coalesce(links.broadcast_id, told.broadcast_id) as broadcast_id, links.id, told.link_id, told.click_share_rate
    from broadcast_links as links
    full join link_performance as told on told.broadcast_id = links.broadcast_id and told.link_id = links.id
)
group by broadcast_id
having count(id) <> count(*) or count(link_id) <> count(*) or abs(sum(click_share_rate) - 100) > 1e-6
