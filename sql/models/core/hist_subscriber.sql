-- One row per version of a person: what was known, for which period, and what had changed.
-- @key: id, valid_from, change
-- @filter: id = 412000000
-- @unknown: A person's data before the first pull, and between two pulls.
-- id: The person.
-- valid_from: When this version was first seen.
-- valid_to: When the next version was first seen; null: it is current.
-- change: `insert`, `update`, or `delete` for the last values of a person who is gone.
-- changed_columns: The columns that differ from the previous version, separated by commas; custom fields as `fields`.
-- is_current: Whether it is the current version.
-- email_address: The address at that time.
-- first_name: The first name at that time.
-- state: The state at that time.
-- created_at: When the person joined the account.
-- fields: Custom field values at that time, by key.
select
    version.id,
    version.valid_from,
    version.valid_to,
    version.change,
    case
        when version.change = 'update' and before.id is not null
        then concat_ws(
            ', ',
            case when version.email_address is distinct from before.email_address then 'email_address' end,
            case when version.first_name is distinct from before.first_name then 'first_name' end,
            case when version.state is distinct from before.state then 'state' end,
            case when version.created_at is distinct from before.created_at then 'created_at' end,
            case when version.fields is distinct from before.fields then 'fields' end,
            case when version._extra is distinct from before._extra then '_extra' end
        )
    end as changed_columns,
    version.valid_to is null and version.change <> 'delete' as is_current,
    version.email_address,
    version.first_name,
    version.state,
    version.created_at,
    version.fields
from history.subscribers as version
left join history.subscribers as before
    on before.id = version.id
    and before.valid_to = version.valid_from
    and before.change <> 'delete'
    and before.valid_from < version.valid_from
