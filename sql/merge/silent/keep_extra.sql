-- Changes `incoming`: keys without a column stay if this version of the API has never given them.
-- table: The table's name.
-- version: The version of the API.
-- same_key: Condition that `incoming` and `held` have the same key.
update incoming set _extra = with_keys(
    incoming._extra, held._extra, list_filter(json_keys(held._extra), lambda name: not list_contains(known.names, name))
)
from main."{table}" as held, (
    select coalesce(list(key), []) as names
    from _cksync.extra_keys
    where table_name = '{table}' and version = '{version}'
) as known
where {same_key} and held._extra is not null
