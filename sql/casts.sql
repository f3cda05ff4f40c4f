-- How text of the API becomes a typed value. Each gives NULL for what it cannot read exactly: the merge
-- then keeps the original in _extra. (DuckDB's own try_cast is more lenient: '1.5' becomes 2.)

create or replace temp macro as_bigint(value) as
    case when regexp_full_match(value, '-?[0-9]{1,19}([.]0+)?') then try_cast(split_part(value, '.', 1) as bigint) end;

create or replace temp macro as_double(value) as
    case
        when regexp_full_match(value, '-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?') and isfinite(try_cast(value as double))
        then try_cast(value as double)
    end;

create or replace temp macro as_boolean(value) as
    case value when 'true' then true when 'false' then false end;

-- A time without a zone is UTC: that is how the API reads and gives them.
create or replace temp macro as_timestamp(value) as
    case
        when regexp_full_match(
            value,
            '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?(Z|UTC|[-+](0[0-9]|1[0-4]):?[0-5][0-9]))?)?'
        ) then try_cast(value as timestamptz)
    end;

-- `number` is the same value as DECIMAL(38, 18), which from_json reads from the record's own text: its
-- digits never pass through a float. What floats left behind (19.990000000000002) is rounded away; a
-- value that truly has more than four decimals is not this column's.
create or replace temp macro as_money(value, number) as
    case
        when regexp_full_match(value, '-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?')
            and abs(number - round(number, 4)) < 0.000000001
        then try_cast(number as decimal(18, 4))
    end;

-- What is the same for all spellings of an e-mail address: as cksync/addresses.py has it.
create or replace temp macro as_address(value) as
    replace(replace(nfc_normalize(lower(nfc_normalize(trim(value, ' ')))), 'i' || chr(775), 'i'), 'ς', 'σ');

-- The JSON pointer to a key of an object, whatever characters the key has.
create or replace temp macro json_place(name) as
    '/' || replace(replace(name, '~', '~0'), '/', '~1');

-- The structure with which from_json reads an object once: the named keys, each as text.
create or replace temp macro texts(names) as
    '{"' || replace(names, ', ', '": "VARCHAR", "') || '": "VARCHAR"}';
