-- One row per membership of a person in a form, sequence or tag, as the API lists it now.
-- @key: subscribable_type, subscribable_id, id
-- @from: subscriptions
-- @child_of: subscribers (subscriber_id)
-- @slice: 'subscriptions/' || subscribable_type || '/' || subscribable_id
-- @unknown: When a membership ended; a change of its own state before it is read again (within the verify cycle).
-- id: The subscription's id.
-- subscribable_type: `form`, `sequence` (a course in the API) or `tag`.
-- subscribable_id: Id of the form, sequence or tag.
-- subscriber_id: Id of the person.
-- state: State of the membership, `active` or `inactive`; the person's own state is in `subscribers`.
-- source: How the person was added, such as the API's controller; often null.
-- referrer: The page the person came from; null or empty when unknown.
-- created_at: When the person joined.
with memberships as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "state": "VARCHAR", "source": "VARCHAR", "referrer": "VARCHAR", "created_at": "VARCHAR",
              "subscriber": {"id": "VARCHAR"}}'
        ) as given,
        slice,
        record,
        observed_at
    from records
    where stream = 'subscriptions'
)

select
    as_bigint(given.id) as id,
    split_part(slice, '/', 2) as subscribable_type,
    split_part(slice, '/', 3)::bigint as subscribable_id,
    as_bigint(given.subscriber.id) as subscriber_id,
    given.state,
    given.source,
    given.referrer,
    as_timestamp(given.created_at) as created_at,
    record as _record,
    case when subscriber_id is not null or json_type(record, '$.subscriber') = 'NULL' then ['subscriber'] end as _read,
    observed_at as _synced_at
from memberships
