-- Creates `unfilled`: the keys of rows of main that meet `incoming` and may get first values in place, because this
-- version of the API has never shown them before this round.
-- table: The table's name.
-- key: The columns of its key.
-- opened_at: When the round began.
-- other: Condition for rows that only another version of the API has shown.
create or replace temp table unfilled as
select {key}, true as _is_unfilled
from main."{table}"
semi join incoming using ({key})
where _first_seen_at >= {opened_at} or {other}
