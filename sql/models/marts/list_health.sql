-- One row per measure of the list's health: a number of people, and their share.
-- @key: kind, name
-- @filter: kind = 'state'
-- @unknown: Under v3 cold subscribers: it has no opens and clicks of individuals.
-- kind: `state`: people by state; `problem`: bounced and complained together; `engagement`: cold people by Kit's
-- definition (v4, see subscriber_engagement); `tag`: people without any; `field`: active people with a value in a
-- custom field.
-- name: The state, the problem, `cold`, or the field's label.
-- people: Number of people.
-- of_people: Base of the share: all people for states and problems, active people for the rest; for cold people those
-- known to be cold or not.
-- people_rate: 100 * people / of_people.
-- is_alarming: Whether bounced and complained people exceed model_settings.bounce_alarm percent; null for other
-- measures.
with states as (
    select coalesce(state, 'unknown') as state, count(*) as people, count(*) filter (tag_count = 0) as untagged
    from dim_subscriber
    group by 1
),

everybody as (
    select
        coalesce(sum(people), 0)::bigint as people,
        coalesce(sum(people) filter (state = 'active'), 0)::bigint as active,
        coalesce(sum(untagged) filter (state = 'active'), 0)::bigint as untagged,
        coalesce(sum(people) filter (state in ('bounced', 'complained')), 0)::bigint as troubled
    from states
),

measures as (
    select 'state' as kind, states.state as name, states.people, everybody.people as of_people
    from states
    cross join everybody
    union all
    select 'problem', 'bounced or complained', troubled, people from everybody
    union all
    select 'tag', 'never tagged', untagged, active from everybody
    union all
    select 'engagement', 'cold', count(*) filter (is_cold), count(is_cold)
    from subscriber_engagement
    having count(is_cold) > 0
    union all
    select
        'field',
        coalesce(label, key)
            || case when count(*) over (partition by label) > 1 then ' (' || key || ')' else '' end,
        filled,
        active_subscribers
    from dim_custom_field
)

select
    kind,
    name,
    people,
    of_people,
    100 * people / nullif(of_people, 0) as people_rate,
    case when kind = 'problem' then coalesce(people_rate > bounce_alarm, false) end as is_alarming
from measures
cross join model_settings
