-- Gives a row when something of a table is gone that the rows of others go with, from `gone_<table>` and `missing`.
-- table: The table's name.
select 1 from gone_{table}
union all
select 1 from missing where stream = '{table}'
limit 1
