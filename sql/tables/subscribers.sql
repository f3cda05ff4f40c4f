-- One row per person, in the state last seen in a list, inside a subscription, or by id.
-- @key: id
-- @from: subscribers, subscriptions
-- @keyed_by: custom_fields (fields)
-- @unknown: When and why somebody unsubscribed; who opened or clicked what; people who were never active, cancelled or in any form, sequence or tag.
-- id: The person's id; it stays when the address changes.
-- email_address: The address, as written by the person.
-- first_name: The first name; often null.
-- state: `active`, `inactive` (not yet confirmed), `cancelled`, `bounced` or `complained`.
-- created_at: When the person joined the account.
-- fields: Custom field values by key; `subscriber_fields` has them one a row.
with people as (
    select record, observed_at
    from records
    where stream = 'subscribers'
    union all
    -- every subscription carries the whole person: the only bulk source of those whom no list shows
    select record -> 'subscriber', observed_at
    from records
    where stream = 'subscriptions'
)

select
    as_bigint(record ->> 'id') as id,
    record ->> 'email_address' as email_address,
    record ->> 'first_name' as first_name,
    record ->> 'state' as state,
    as_timestamp(record ->> 'created_at') as created_at,
    record -> 'fields' as fields,
    record as _extra,
    observed_at as _synced_at
from people
where json_exists(record, '$.email_address') or json_exists(record, '$.state') -- a public key gives only the id
