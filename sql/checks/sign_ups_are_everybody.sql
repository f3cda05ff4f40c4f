-- The sign-ups of list_growth_daily, dated or not, are everyone in the mirror and everyone who is gone.
select told.people, known.people as known_people
from (select coalesce(sum(joined + undated), 0) as people from list_growth_daily) as told,
    (
        select count(*) as people
        from (
            select id from subscribers
            union
            select id from history.subscribers where change = 'delete'
        )
    ) as known
where told.people <> known.people
