-- One row: whether the mirror has the dates of cancellations (v4). list_growth_daily, churn_monthly and
-- cohort_retention then reach back to the first sign-up.
-- @filter: true
-- @unknown: When people bounced, complained or were deleted, and earlier cancellations of people who came back: the
-- API has no date for these.
-- cancelled: People who are cancelled now.
-- dated: Of these, people whose cancellation has a date.
-- has_dates: Whether cancellations before the first pull are known.
select
    count(*) filter (state = 'cancelled') as cancelled,
    count(*) filter (state = 'cancelled' and canceled_at is not null) as dated,
    coalesce(
        dated > 0
        or exists (from history.subscribers where canceled_at is not null)
        -- no one to date, but v4 was asked
        or (cancelled = 0 and exists (from account where id is not null)),
        false
    ) as has_dates
from subscribers
