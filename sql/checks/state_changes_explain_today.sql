-- People active at the first pull, plus those who came and minus those who left since, are the people active now.
select *
from (
    select
        (
            select count(*)
            from history.subscribers
            where state = 'active' and change <> 'delete'
                and valid_from <= (select ended_at from dim_pull where is_first)
                and (valid_to is null or valid_to > (select ended_at from dim_pull where is_first))
        ) as active_then,
        (select count(*) filter (is_entering) from fct_state_change where not is_before_first_pull) as entered,
        (select count(*) filter (is_leaving) from fct_state_change where not is_before_first_pull) as left_since,
        (select count(*) from subscribers where state = 'active') as active_now
)
where exists (from dim_pull) and active_then + entered - left_since <> active_now
