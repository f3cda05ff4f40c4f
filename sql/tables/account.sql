-- The account itself: one row.
-- @key: primary_email_address
-- @from: account
-- @slice: account
-- name: The account's name; may be empty.
-- plan_type: The plan, as the API calls it.
-- primary_email_address: The owner's address: the only thing in v3 that tells one account from another.
select
    record ->> 'name' as name,
    record ->> 'plan_type' as plan_type,
    record ->> 'primary_email_address' as primary_email_address,
    record as _extra,
    observed_at as _synced_at
from records
where stream = 'account'
