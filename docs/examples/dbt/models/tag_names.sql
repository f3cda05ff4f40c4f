-- One row per tag, from the Parquet files.
select id, name from {{ source('parquet', 'tags') }}
