-- The account itself: one row.
-- @key: primary_email_address
-- @from: account
-- @slice: account
-- @partly: id, timezone, created_at, plan, sending_addresses
-- name: The account's name; may be empty.
-- plan_type: The plan, as the API calls it.
-- primary_email_address: The owner's address, the only thing in v3 that distinguishes accounts.
-- id: The account's id (v4).
-- timezone: The account's time zone, such as `America/New_York` (v4).
-- created_at: When the account was created (v4).
-- plan: The plan's interval, limit and renewal (v4).
-- sending_addresses: The addresses that broadcasts are sent from (v4).
with answers as (
    select
        case when version = 'v4' then record -> 'account' else record end as record,
        observed_at
    from records
    where stream = 'account'
),

texts_of as (
    select
        from_json(
            record,
            '{"name": "VARCHAR", "plan_type": "VARCHAR", "primary_email_address": "VARCHAR", "id": "VARCHAR",
              "timezone": "JSON", "created_at": "VARCHAR", "plan": "JSON", "sending_addresses": "JSON"}'
        ) as given,
        record,
        observed_at
    from answers
)

select
    given.name,
    given.plan_type,
    given.primary_email_address,
    as_bigint(given.id) as id,
    coalesce(given.timezone ->> 'name', given.timezone ->> '$') as timezone,
    as_timestamp(given.created_at) as created_at,
    given.plan,
    given.sending_addresses,
    record as _record,
    lacking(record, 'id, timezone, created_at, plan, sending_addresses') as _lacks,
    observed_at as _synced_at
from texts_of
