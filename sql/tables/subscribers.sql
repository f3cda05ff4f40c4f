-- One row per person, in the state last seen in a list, inside a subscription, or by id.
-- @key: id
-- @from: subscribers, subscriptions
-- @keyed_by: custom_fields (fields)
-- @partly: fields, canceled_at, attribution_referrer, attribution_utm_source, attribution_utm_medium,
-- attribution_utm_campaign, attribution_utm_term, attribution_utm_content, attribution_source_type,
-- attribution_source_name, attribution_source_mechanism, attribution_source_mechanism_id, location_city,
-- location_state, location_country, location_latitude, location_longitude, location_timezone
-- @unknown: Why someone unsubscribed, and under v3 when; who opened or clicked what; under v3 people who were never
-- active, cancelled, or in any form, sequence or tag.
-- id: The person's id; it stays when the address changes.
-- email_address: The address, as the person wrote it.
-- first_name: The first name; often null.
-- state: `active`, `inactive` (not yet confirmed), `cancelled`, `bounced` or `complained`.
-- created_at: When the person joined the account.
-- fields: Custom field values by key; `subscriber_fields` has one row per value.
-- canceled_at: When the person cancelled (v4); null unless cancelled.
-- attribution_referrer: The page the person came from (v4).
-- attribution_utm_source: The utm_source of the visit that led to the sign-up (v4).
-- attribution_utm_medium: Its utm_medium (v4).
-- attribution_utm_campaign: Its utm_campaign (v4).
-- attribution_utm_term: Its utm_term (v4).
-- attribution_utm_content: Its utm_content (v4).
-- attribution_source_type: What created the person, such as `form_subscription` or `api_subscription` (v4).
-- attribution_source_name: Its name (v4).
-- attribution_source_mechanism: How, such as `landing_page` or `import` (v4).
-- attribution_source_mechanism_id: The id of that (v4).
-- location_city: The city, by IP address (v4).
-- location_state: The state or region (v4).
-- location_country: The country (v4).
-- location_latitude: Latitude in degrees (v4).
-- location_longitude: Longitude in degrees (v4).
-- location_timezone: The time zone there (v4).
with people as (
    select
        from_json(
            record,
            '{"id": "VARCHAR", "email_address": "VARCHAR", "first_name": "VARCHAR", "state": "VARCHAR",
              "created_at": "VARCHAR", "fields": "JSON", "canceled_at": "VARCHAR", "attribution": "JSON",
              "location": "JSON"}'
        ) as given,
        json_keys(record) as keys,
        version,
        record,
        '' as place,
        observed_at
    from records
    where stream = 'subscribers'
    union all
    -- every subscription of v3 carries the whole person: its only bulk source of people whom no list shows
    select
        from_json(
            record,
            '{"subscriber": {"id": "VARCHAR", "email_address": "VARCHAR", "first_name": "VARCHAR", "state": "VARCHAR",
                             "created_at": "VARCHAR", "fields": "JSON", "canceled_at": "VARCHAR",
                             "attribution": "JSON", "location": "JSON"}}'
        ).subscriber,
        json_keys(record, '$.subscriber'),
        version,
        record,
        '/subscriber',
        observed_at
    from records
    where stream = 'subscriptions' and version = 'v3'
),

-- attribution and location are short, so that they are parsed by themselves
detailed as (
    select
        *,
        case
            when version = 'v4'
            then from_json(
                given.attribution,
                texts(
                    'referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content, source_type, source_name, '
                    || 'source_mechanism, source_mechanism_id'
                )
            )
        end as came,
        case
            when version = 'v4'
            then from_json(given.location, texts('city, state, country, latitude, longitude, timezone'))
        end as lives
    from people
)

select
    as_bigint(given.id) as id,
    given.email_address,
    given.first_name,
    given.state,
    as_timestamp(given.created_at) as created_at,
    given.fields,
    case when version = 'v4' and given.state = 'cancelled' then as_timestamp(given.canceled_at) end as canceled_at,
    came.referrer as attribution_referrer,
    came.utm_source as attribution_utm_source,
    came.utm_medium as attribution_utm_medium,
    came.utm_campaign as attribution_utm_campaign,
    came.utm_term as attribution_utm_term,
    came.utm_content as attribution_utm_content,
    came.source_type as attribution_source_type,
    came.source_name as attribution_source_name,
    came.source_mechanism as attribution_source_mechanism,
    came.source_mechanism_id as attribution_source_mechanism_id,
    lives.city as location_city,
    lives.state as location_state,
    lives.country as location_country,
    as_double(lives.latitude) as location_latitude,
    as_double(lives.longitude) as location_longitude,
    lives.timezone as location_timezone,
    record as _record,
    place as _at,
    case
        when version = 'v4'
        then list_concat(
            ['tags'],
            case
                when has_only(
                    given.attribution,
                    'referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content, source_type, source_name, '
                    || 'source_mechanism, source_mechanism_id'
                ) then ['attribution']
                else []
            end,
            case
                when (lives.latitude is null) = (as_double(lives.latitude) is null)
                    and (lives.longitude is null) = (as_double(lives.longitude) is null)
                    and has_only(given.location, 'city, state, country, latitude, longitude, timezone')
                then ['location']
                else []
            end
        )
    end as _read,
    list_concat(
        case when list_contains(keys, 'fields') then [] else ['fields'] end,
        case when given.state = 'cancelled' and not list_contains(keys, 'canceled_at') then ['canceled_at'] else [] end,
        case
            when version = 'v4' and list_contains(keys, 'attribution') then []
            else [
                'attribution_referrer', 'attribution_utm_source', 'attribution_utm_medium', 'attribution_utm_campaign',
                'attribution_utm_term', 'attribution_utm_content', 'attribution_source_type', 'attribution_source_name',
                'attribution_source_mechanism', 'attribution_source_mechanism_id'
            ]
        end,
        case
            when version = 'v4' and list_contains(keys, 'location') then []
            else [
                'location_city', 'location_state', 'location_country', 'location_latitude', 'location_longitude',
                'location_timezone'
            ]
        end
    ) as _lacks,
    observed_at as _synced_at
from detailed
where given.email_address is not null -- a public key gives only the id
    or given.state is not null
    or list_contains(keys, 'email_address')
    or list_contains(keys, 'state')
