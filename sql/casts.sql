-- Macros that turn the API's text into typed values. Each returns NULL for text that it cannot read exactly; the
-- merge then keeps the original in _extra. (DuckDB's own try_cast is more lenient: '1.5' becomes 2.)

create or replace temp macro as_bigint(value) as
    case when regexp_full_match(value, '-?[0-9]{1,19}([.]0+)?') then try_cast(split_part(value, '.', 1) as bigint) end;

create or replace temp macro as_double(value) as
    case
        when regexp_full_match(value, '-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?') and isfinite(try_cast(value as double))
        then try_cast(value as double)
    end;

create or replace temp macro as_boolean(value) as
    case value when 'true' then true when 'false' then false end;

-- A time without a zone is UTC, as the API reads and writes it.
create or replace temp macro as_timestamp(value) as
    case
        when regexp_full_match(
            value,
            '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?(Z|UTC|[-+](0[0-9]|1[0-4]):?[0-5][0-9]))?)?'
        ) then try_cast(value as timestamptz)
    end;

-- `number` is the same value as DECIMAL(38, 18), which from_json reads from the record's own text, so its
-- digits never pass through a float. A float's artefact (19.990000000000002) is rounded away; a value that
-- really has more than four decimals does not fit this column.
create or replace temp macro as_money(value, number) as
    case
        when regexp_full_match(value, '-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?')
            and abs(number - round(number, 4)) < 0.000000001
        then try_cast(number as decimal(18, 4))
    end;

-- The canonical form of an email address, the same as in cksync/addresses.py.
create or replace temp macro as_address(value) as
    replace(replace(nfc_normalize(lower(nfc_normalize(trim(value, ' ')))), 'i' || chr(775), 'i'), 'ς', 'σ');

-- The JSON pointer to a key of an object, with any characters in the key.
create or replace temp macro json_place(name) as
    '/' || replace(replace(name, '~', '~0'), '/', '~1');

-- The structure for from_json that reads the named keys of an object in one pass, each as text.
create or replace temp macro texts(names) as
    '{"' || replace(names, ', ', '": "VARCHAR", "') || '": "VARCHAR"}';
