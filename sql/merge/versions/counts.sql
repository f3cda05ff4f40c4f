-- Returns per round, from `changed`: rows new, changed and gone at its end, and unreadable values in its versions.
select
    _round,
    count(*) filter (_is_last and _end is null and _before_round = 0::ubigint) as inserted,
    count(*) filter (_is_last and _end is null and _before_round <> 0::ubigint) as updated,
    count(*) filter (_is_last and _end is not null and _before_round <> 0::ubigint) as deleted,
    coalesce(sum(_unread), 0) as unread
from changed
left join incoming on incoming.rowid = changed._row
group by _round
