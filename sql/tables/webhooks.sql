-- One row per webhook. The two versions of the API describe an event differently.
-- @key: id
-- @from: webhooks
-- @slice: webhooks
-- @partly: account_id
-- id: The webhook's id.
-- account_id: Id of the account.
-- event: The event that triggers it.
-- target_url: The address that is called.
with answers as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "account_id": "VARCHAR", "event": "JSON", "target_url": "VARCHAR"}'
        ) as given,
        record,
        observed_at
    from records
    where stream = 'webhooks'
)

select
    as_bigint(given.id) as id,
    as_bigint(given.account_id) as account_id,
    given.event,
    given.target_url,
    record as _record,
    lacking(record, 'account_id') as _lacks,
    observed_at as _synced_at
from answers
