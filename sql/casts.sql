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

-- The columns among `names` ('a, b') that a record says nothing about.
create or replace temp macro lacking(record, names) as
    list_filter(string_split(names, ', '), lambda name: not list_contains(json_keys(record), name));

-- [key] if its object in a record has no other keys than `names` ('a, b'), so that nothing of it is left over; else [].
create or replace temp macro read_whole(record, key, names) as
    case
        when json_type(record, '$.' || key) = 'NULL' then [key]
        when json_type(record, '$.' || key) = 'OBJECT'
            and list_has_all(string_split(names, ', '), json_keys(record, '$.' || key))
        then [key]
        else []
    end;

-- Whether JSON is null, or an object without other keys than `names` ('a, b'), so that nothing of it is left over.
create or replace temp macro has_only(value, names) as
    value is null
    or json_type(value) = 'NULL'
    or (json_type(value) = 'OBJECT' and list_has_all(string_split(names, ', '), json_keys(value)));

-- A record without the keys `names` ('a, b').
create or replace temp macro without(record, names) as
    case
        when list_has_all(string_split(names || ', ', ', '), json_keys(record)) then json('{}')
        else json_merge_patch(record, '{"' || replace(names, ', ', '": null, "') || '": null}')
    end;

-- The finer one of two times that differ by less than a second, one of which has no fraction; else the new one.
create or replace temp macro finer_time(old, new) as
    case
        when epoch_us(old) // 1000000 = epoch_us(new) // 1000000 and epoch_us(new) % 1000000 = 0 then old
        else new
    end;

-- The number of decimal places of a number as it is written.
create or replace temp macro decimals(number) as
    cast(len(split_part(cast(number as varchar), '.', 2)) as integer);

-- The finer one of two numbers that agree to the digits of the coarser one; else the new one.
create or replace temp macro finer_number(old, new) as
    case when decimals(old) > decimals(new) and round(old, decimals(new)) = new then old else new end;

-- Whether the new one of two times, or numbers, is the finer one.
create or replace temp macro is_finer_time(old, new) as
    epoch_us(old) // 1000000 = epoch_us(new) // 1000000 and epoch_us(old) % 1000000 = 0;

create or replace temp macro is_finer_number(old, new) as
    decimals(new) > decimals(old) and round(new, decimals(old)) = old;

-- An object with some keys of another one besides, sorted; null if it is empty.
create or replace temp macro with_keys(own, other, names) as
    case
        when len(list_concat(coalesce(json_keys(own), []), names)) > 0
        then cast('{' || array_to_string(list_transform(
            list_sort(list_distinct(list_concat(coalesce(json_keys(own), []), names))),
            lambda name: to_json(name) || ':'
                || coalesce(json_extract(own, json_place(name)), json_extract(other, json_place(name)))
        ), ',') || '}' as json)
    end;
