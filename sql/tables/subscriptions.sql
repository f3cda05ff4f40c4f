-- One row per membership of a person in a form, sequence or tag, as the API lists it now.
-- @key: subscribable_type, subscribable_id, subscriber_id
-- @listed_by: id
-- @from: subscriptions
-- @child_of: subscribers (subscriber_id)
-- @slice: 'subscriptions/' || subscribable_type || '/' || subscribable_id
-- @partly: id, state, source, referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content
-- @unknown: When a membership ended; under v3 a change of its own state before it is read again (within the verify
-- cycle).
-- id: The subscription's id (v3).
-- subscribable_type: `form`, `sequence` (a course in the API) or `tag`.
-- subscribable_id: Id of the form, sequence or tag.
-- subscriber_id: Id of the person.
-- state: State of the membership, `active` or `inactive` (v3); the person's own state is in `subscribers`.
-- source: How the person was added, such as the API's controller (v3); often null.
-- referrer: The page the person came from; null or empty when unknown. In v4 of forms alone.
-- created_at: When the person joined.
-- utm_source: The utm_source of the referrer (v4, forms).
-- utm_medium: Its utm_medium (v4, forms).
-- utm_campaign: Its utm_campaign (v4, forms).
-- utm_term: Its utm_term (v4, forms).
-- utm_content: Its utm_content (v4, forms).
with memberships as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "state": "VARCHAR", "source": "VARCHAR", "referrer": "VARCHAR", "created_at": "VARCHAR",
              "subscriber": {"id": "VARCHAR"}}'
        ) as given,
        null as more,
        slice,
        version,
        record,
        observed_at
    from records
    where stream = 'subscriptions' and version = 'v3'
    union all
    -- a list of v4 shows the people in it
    select
        {
            'id': null,
            'state': null,
            'source': null,
            'referrer': person.referrer,
            'created_at': coalesce(person.tagged_at, person.added_at),
            'subscriber': { 'id': person.id }
        },
        person.referrer_utm_parameters,
        slice,
        version,
        record,
        observed_at
    from (
        select
            from_json(
                record,
                '{"id": "VARCHAR", "tagged_at": "VARCHAR", "added_at": "VARCHAR", "referrer": "VARCHAR",
                  "referrer_utm_parameters": {"source": "VARCHAR", "medium": "VARCHAR", "campaign": "VARCHAR",
                  "term": "VARCHAR", "content": "VARCHAR"}}'
            ) as person,
            slice,
            version,
            record,
            observed_at
        from records
        where stream = 'subscriptions' and version = 'v4'
    )
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
    more.source as utm_source,
    more.medium as utm_medium,
    more.campaign as utm_campaign,
    more.term as utm_term,
    more.content as utm_content,
    case
        when version = 'v3' then record
        -- the person's own keys belong to `subscribers`
        else without(
            record, 'id, first_name, email_address, state, created_at, fields, tags, attribution, location, canceled_at'
        )
    end as _record,
    case
        when version = 'v3'
        then if(subscriber_id is not null or json_type(record, '$.subscriber') = 'NULL', ['subscriber'], [])
        else list_concat(
            case when created_at is not null then ['tagged_at', 'added_at'] else [] end,
            read_whole(record, 'referrer_utm_parameters', 'source, medium, campaign, term, content')
        )
    end as _read,
    case
        when version = 'v3' then ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content']
        else list_concat(
            ['id', 'state', 'source'],
            lacking(record, 'referrer'),
            case
                when json_exists(record, '$.referrer_utm_parameters') then []
                else ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content']
            end
        )
    end as _lacks,
    observed_at as _synced_at
from memberships
