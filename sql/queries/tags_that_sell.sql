-- Tags by the share of their people who bought after they got it, with revenue in the main currency.
select name as tag, joins, buyers, round(conversion_rate, 1) as conversion_rate, currency, revenue
from lead_magnet_conversion
where subscribable_type = 'tag'
    and currency_rank = 1
    and joins >= (select minimum_support from model_settings)
order by conversion_rate desc, joins desc, subscribable_id
