-- sequence_email_performance has every email of a sequence exactly once, and the numbers of a sequence's emails add up
-- to those of sequence_funnel.
with told as (
    select
        sequence_id, count(*) as emails, sum(recipients) as recipients, sum(opens) as opens, sum(clickers) as clickers
    from sequence_email_performance
    group by sequence_id
),

known as (
    select sequence_id, count(*) as emails from sequence_emails group by sequence_id
)

select sequence_id, known.emails, told.emails as told_emails
from known
full join told using (sequence_id)
left join sequence_funnel as funnel using (sequence_id)
where known.emails is distinct from told.emails
    or (
        funnel.sequence_id is not null and (
            funnel.emails is distinct from told.emails
            or funnel.email_recipients is distinct from told.recipients
            or funnel.email_opens is distinct from told.opens
            or funnel.email_clickers is distinct from told.clickers
        )
    )
