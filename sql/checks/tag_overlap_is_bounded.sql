-- Nobody has two tags together more often than each: the overlap of a pair is at most the smaller tag, the tags at most
-- everybody.
select *
from tag_overlap
where tag_id >= other_tag_id
    or people > least(tag_people, other_people)
    or either_people > subscribers
    or people < (select minimum_support from model_settings)
    or not jaccard_rate between 0 and 100
