-- One row per pair of tags that enough people share (model_settings.minimum_support): how far they overlap, whatever
-- the people's state.
-- @key: tag_id, other_tag_id
-- @stored: table
-- @filter: lift > 1
-- @unknown: Tags that were removed before the first pull.
-- tag_id: The tag with the smaller id.
-- tag: Its name; names need not be unique.
-- other_tag_id: The tag with the larger id.
-- other_tag: Its name.
-- people: People who have both now.
-- tag_people: People who have the first.
-- other_people: People who have the other.
-- either_people: People who have at least one of them.
-- subscribers: Everyone in the mirror.
-- jaccard_rate: In percent: 100 * people / either_people.
-- tag_share_rate: In percent: 100 * people / tag_people.
-- other_share_rate: In percent: 100 * people / other_people.
-- lift: P(A and B) / (P(A) P(B)) = people * subscribers / (tag_people * other_people); 1: together as often as by
-- chance.
-- lift_low: Lower bound of lift, from the share of the rarer tag's people (Wilson, 95 %). Above 1, the tags do go
-- together.
-- lift_high: Upper bound.
with tagged as (
    select subscribable_id as tag_id, subscriber_id
    from subscriptions
    where subscribable_type = 'tag' and subscriber_id is not null
    group by all
),

supported as (
    select tag_id, count(*) as people
    from tagged
    group by all
    having count(*) >= (select minimum_support from model_settings)
),

common as (
    -- a pair has at most as many people as the rarer of its tags
    select tagged.tag_id, tagged.subscriber_id
    from tagged
    join supported on supported.tag_id = tagged.tag_id
),

pairs as (
    select common.tag_id, other.tag_id as other_tag_id, count(*) as people
    from common
    join common as other on other.subscriber_id = common.subscriber_id and other.tag_id > common.tag_id
    group by all
    having count(*) >= (select minimum_support from model_settings)
),

ranges as (
    select
        pairs.*,
        least(supported.people, other_supported.people)::double as rarer,
        greatest(supported.people, other_supported.people)::double as commoner,
        1.96 * sqrt(pairs.people * (rarer - pairs.people) / rarer + 0.9604) as width
    from pairs
    join supported on supported.tag_id = pairs.tag_id
    join supported as other_supported on other_supported.tag_id = pairs.other_tag_id
)

select
    pairs.tag_id,
    tags.name as tag,
    pairs.other_tag_id,
    other_tags.name as other_tag,
    pairs.people,
    supported.people as tag_people,
    other_supported.people as other_people,
    supported.people + other_supported.people - pairs.people as either_people,
    subscribers.people as subscribers,
    100.0 * pairs.people / (supported.people + other_supported.people - pairs.people) as jaccard_rate,
    100.0 * pairs.people / supported.people as tag_share_rate,
    100.0 * pairs.people / other_supported.people as other_share_rate,
    pairs.people::double * subscribers.people / (supported.people::double * other_supported.people) as lift,
    (pairs.people + 1.9208 - pairs.width) / (pairs.rarer + 3.8416) * subscribers.people / pairs.commoner as lift_low,
    (pairs.people + 1.9208 + pairs.width) / (pairs.rarer + 3.8416) * subscribers.people / pairs.commoner as lift_high
from ranges as pairs
join supported on supported.tag_id = pairs.tag_id
join supported as other_supported on other_supported.tag_id = pairs.other_tag_id
left join tags on tags.id = pairs.tag_id
left join tags as other_tags on other_tags.id = pairs.other_tag_id
cross join (select count(*) as people from subscribers) as subscribers
