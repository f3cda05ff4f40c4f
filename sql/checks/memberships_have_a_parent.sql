-- Every current membership is in a form, sequence or tag of the account.
select memberships.subscribable_type, memberships.subscribable_id
from (select distinct subscribable_type, subscribable_id from bridge_membership where is_current) as memberships
anti join (
    select 'form' as subscribable_type, id from forms
    union all
    select 'sequence', id from sequences
    union all
    select 'tag', id from tags
) as parents
    on parents.subscribable_type = memberships.subscribable_type
    and parents.id = memberships.subscribable_id
