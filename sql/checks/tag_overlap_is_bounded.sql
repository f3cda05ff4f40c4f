-- Overlaps are bounded: a pair of tags has at most as many people as the smaller tag, and a tag at most as many as
-- the mirror.
select *
from tag_overlap
where tag_id >= other_tag_id
    or people > least(tag_people, other_people)
    or either_people > subscribers
    or people < (select minimum_support from model_settings)
    or not jaccard_rate between 0 and 100
