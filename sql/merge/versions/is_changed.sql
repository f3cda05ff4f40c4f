-- Returns a row if an observation of `incoming` is not the version in main, or if `ends` has a row. Without one,
-- `changed` would be empty.
-- table: The table's name.
-- key: The columns of its key.
-- values: The columns of the table; with _extra they make the hash of a version.
with observed as (
    select {key}, hash({values}, _extra) as _hash
    from incoming
),

current as (
    select {key}, hash({values}, _extra) as _hash
    from main."{table}"
    semi join observed using ({key})
)

select 1
from observed
anti join current using ({key}, _hash)
union all
select 1
from ends
limit 1
