-- The account itself: one row.
-- @key: primary_email_address
-- @from: account
-- @slice: account
-- name: The account's name; may be empty.
-- plan_type: The plan, as the API calls it.
-- primary_email_address: The owner's address, the only thing in v3 that distinguishes accounts.
with answers as (
    select
        from_json(record, texts('name, plan_type, primary_email_address')) as given,
        record,
        observed_at
    from records
    where stream = 'account'
)

select
    given.name,
    given.plan_type,
    given.primary_email_address,
    record as _record,
    observed_at as _synced_at
from answers
