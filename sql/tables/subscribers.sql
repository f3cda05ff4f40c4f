-- One row per person, in the state last seen in a list, inside a subscription, or by id.
-- @key: id
-- @from: subscribers, subscriptions
-- @keyed_by: custom_fields (fields)
-- @unknown: When and why someone unsubscribed; who opened or clicked what; people who were never active, cancelled,
-- or in any form, sequence or tag.
-- id: The person's id; it stays when the address changes.
-- email_address: The address, as the person wrote it.
-- first_name: The first name; often null.
-- state: `active`, `inactive` (not yet confirmed), `cancelled`, `bounced` or `complained`.
-- created_at: When the person joined the account.
-- fields: Custom field values by key; `subscriber_fields` has one row per value.
with people as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "email_address": "VARCHAR", "first_name": "VARCHAR", "state": "VARCHAR",
              "created_at": "VARCHAR", "fields": "JSON"}'
        ) as given,
        record,
        '' as place,
        observed_at
    from records
    where stream = 'subscribers'
    union all
    -- every subscription carries the whole person: the only bulk source of people whom no list shows
    select
        from_json(
            record,
            '{"subscriber": {"id": "VARCHAR", "email_address": "VARCHAR", "first_name": "VARCHAR", "state": "VARCHAR",
                             "created_at": "VARCHAR", "fields": "JSON"}}'
        ).subscriber,
        record,
        '/subscriber',
        observed_at
    from records
    where stream = 'subscriptions'
)

select
    as_bigint(given.id) as id,
    given.email_address,
    given.first_name,
    given.state,
    as_timestamp(given.created_at) as created_at,
    given.fields,
    record as _record,
    place as _at,
    observed_at as _synced_at
from people
where given.email_address is not null -- a public key gives only the id
    or given.state is not null
    or json_exists(record, place || '/email_address')
    or json_exists(record, place || '/state')
