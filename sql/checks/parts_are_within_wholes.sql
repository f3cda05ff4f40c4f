-- Counts of people do not exceed the totals they are part of, in velocity, lead_magnet_conversion and
-- sequence_funnel.
select 'velocity' as model, stretch as row
from velocity
where cumulative_customers > all_customers or customers > cumulative_customers
    or old_enough_customers > old_enough_subscribers or old_enough_subscribers > subscribers

union all

select 'lead_magnet_conversion', subscribable_type || ' ' || subscribable_id
from lead_magnet_conversion
where buyers > joins or members > joins or joins_90_days > joins_30_days or joins_30_days > joins
    or active_after_30_days < 0 or active_after_30_days + unknown_after_30_days > joins_30_days
    or active_after_90_days < 0 or active_after_90_days + unknown_after_90_days > joins_90_days

union all

select 'sequence_funnel', sequence_id::varchar
from sequence_funnel
where members > entered or active > members
    or bought_within_30_days > entered_30_days or bought_within_90_days > entered_90_days
    or unsubscribed_within_30_days + unknown_within_30_days > entered_30_days
    or unsubscribed_within_90_days + unknown_within_90_days > entered_90_days
