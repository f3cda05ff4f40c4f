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
              "created_at": "VARCHAR", "fields": "JSON"}'
        ) as given,
        case
            when version = 'v4'
            then from_json(
                record,
                '{"canceled_at": "VARCHAR", "attribution": {"referrer": "VARCHAR", "utm_source": "VARCHAR",
                  "utm_medium": "VARCHAR", "utm_campaign": "VARCHAR", "utm_term": "VARCHAR", "utm_content": "VARCHAR",
                  "source_type": "VARCHAR", "source_name": "VARCHAR", "source_mechanism": "VARCHAR",
                  "source_mechanism_id": "VARCHAR"},
                  "location": {"city": "VARCHAR", "state": "VARCHAR", "country": "VARCHAR", "latitude": "VARCHAR",
                  "longitude": "VARCHAR", "timezone": "VARCHAR"}}'
            )
        end as more,
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
                             "created_at": "VARCHAR", "fields": "JSON"}}'
        ).subscriber,
        null,
        version,
        record,
        '/subscriber',
        observed_at
    from records
    where stream = 'subscriptions' and version = 'v3'
)

select
    as_bigint(given.id) as id,
    given.email_address,
    given.first_name,
    given.state,
    as_timestamp(given.created_at) as created_at,
    given.fields,
    case when given.state = 'cancelled' then as_timestamp(more.canceled_at) end as canceled_at,
    more.attribution.referrer as attribution_referrer,
    more.attribution.utm_source as attribution_utm_source,
    more.attribution.utm_medium as attribution_utm_medium,
    more.attribution.utm_campaign as attribution_utm_campaign,
    more.attribution.utm_term as attribution_utm_term,
    more.attribution.utm_content as attribution_utm_content,
    more.attribution.source_type as attribution_source_type,
    more.attribution.source_name as attribution_source_name,
    more.attribution.source_mechanism as attribution_source_mechanism,
    more.attribution.source_mechanism_id as attribution_source_mechanism_id,
    more.location.city as location_city,
    more.location.state as location_state,
    more.location.country as location_country,
    as_double(more.location.latitude) as location_latitude,
    as_double(more.location.longitude) as location_longitude,
    more.location.timezone as location_timezone,
    record as _record,
    place as _at,
    case
        when version = 'v4'
        then list_concat(
            ['tags'],
            read_whole(
                record, 'attribution',
                'referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content, source_type, source_name, '
                || 'source_mechanism, source_mechanism_id'
            ),
            case
                when (more.location.latitude is null) = (as_double(more.location.latitude) is null)
                    and (more.location.longitude is null) = (as_double(more.location.longitude) is null)
                then read_whole(record, 'location', 'city, state, country, latitude, longitude, timezone')
                else []
            end
        )
    end as _read,
    list_concat(
        case when not json_exists(record, place || '/fields') then ['fields'] else [] end,
        case when given.state = 'cancelled' and not json_exists(record, '$.canceled_at') then ['canceled_at'] else [] end,
        case
            when version = 'v3' or not json_exists(record, '$.attribution')
            then [
                'attribution_referrer', 'attribution_utm_source', 'attribution_utm_medium', 'attribution_utm_campaign',
                'attribution_utm_term', 'attribution_utm_content', 'attribution_source_type', 'attribution_source_name',
                'attribution_source_mechanism', 'attribution_source_mechanism_id'
            ]
            else []
        end,
        case
            when version = 'v3' or not json_exists(record, '$.location')
            then [
                'location_city', 'location_state', 'location_country', 'location_latitude', 'location_longitude',
                'location_timezone'
            ]
            else []
        end
    ) as _lacks,
    observed_at as _synced_at
from people
where given.email_address is not null -- a public key gives only the id
    or given.state is not null
    or json_exists(record, place || '/email_address')
    or json_exists(record, place || '/state')
