-- The published emails of each sequence in order (v4): how many people each reached, and what they did.
-- @empty: no sequence has a published email; only API v4 gives them
select
    sequence,
    place,
    subject,
    round(reach_rate, 1) as reach_rate,
    round(open_rate, 1) as open_rate,
    round(click_rate, 2) as click_rate,
    round(unsubscribe_rate, 2) as unsubscribe_rate,
    recipients,
    round(days_after_entry, 1) as days_after_entry,
    precision
from sequence_email_performance
where is_published
order by sequence, sequence_id, place
