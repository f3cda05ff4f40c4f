-- Returns a row if any row of this table that other tables depend on is gone, from `gone_<table>` and `missing`.
-- table: The table's name.
select 1 from gone_{table}
union all
select 1 from missing where stream = '{table}'
limit 1
