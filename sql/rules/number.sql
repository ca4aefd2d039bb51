-- Numbers in text: 1,234.5, ¥1234, 约500人, 100万元, (12.5).

create or replace temp macro number_text(d) as case
    when regexp_full_match(d, '[0-9]+(?:\.[0-9]+)?') then d
    else translate(narrow(d), '−,，', '-') end;

-- The first number of the text; NULL when there is none. Accountants' brackets are a minus.
create or replace temp macro number_in(t) as case
    when regexp_full_match(t, '[0-9]+(?:\.[0-9]+)?') then try_cast(t as decimal(38, 6))
    when regexp_full_match(t, '[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?') then try_cast(try_cast(t as double) as decimal(38, 6))
    when regexp_full_match(t, '\([0-9]+(?:\.[0-9]+)?\)') then -try_cast(regexp_extract(t, '[0-9.]+') as decimal(38, 6))
    else try_cast(nullif(regexp_extract(t, '(?:^|[^0-9.\-—~至])([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))', 1), '') as decimal(38, 6)) end;

-- Ten thousands and the like written behind the number; NULL when the text says no scale of its own.
create or replace temp macro scale_in(t) as case when regexp_matches(t, '[万亿千百元圆角]') then case
    when regexp_matches(t, '[0-9]\s*万亿') then 1000000000000 when regexp_matches(t, '[0-9][^0-9]{0,2}亿') then 100000000
    when regexp_matches(t, '[0-9][^0-9]{0,2}千万') then 10000000 when regexp_matches(t, '[0-9][^0-9]{0,2}百万') then 1000000
    when regexp_matches(t, '[0-9][^0-9]{0,2}万') then 10000 when regexp_matches(t, '[0-9]千元') then 1000
    when regexp_matches(t, '[0-9][元圆]') then 1 end end;

create or replace temp macro amount_value(t, unit_scale) as try_cast(number_in(t) * coalesce(scale_in(t), unit_scale)::bigint as decimal(20, 6));
create or replace temp macro number_value(t) as try_cast(number_in(t) as decimal(20, 6));
create or replace temp macro number_problem(d, t, v, required) as case
    when v is not null then case when not regexp_full_match(d, '[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?') then 'number_spelling' end
    when d is null then case when required then 'missing_value' end
    when is_void(t) and not required then null
    else 'not_a_number' end;

-- Degrees: 105.44, 105.44°E, 东经105.44, 105°26′24″.
create or replace temp macro coordinate_degrees(d) as case
    when regexp_full_match(d, '-?[0-9]+(?:\.[0-9]+)?') then try_cast(d as double)
    when regexp_matches(d, '[0-9]\s*[°度]\s*[0-9]') then
        try_cast(regexp_extract(d, '([0-9.]+)\s*[°度]', 1) as double)
        + coalesce(try_cast(regexp_extract(d, '[°度]\s*([0-9.]+)', 1) as double), 0) / 60
        + coalesce(try_cast(regexp_extract(d, '[''′分]\s*([0-9.]+)', 1) as double), 0) / 3600
    else try_cast(regexp_extract(halfwidth(d), '[0-9]+(?:\.[0-9]+)?') as double) end;
create or replace temp macro coordinate_value(v) as case when v <> 0 and isfinite(v) then v end;
create or replace temp macro coordinate_problem(d, v) as case
    when v <> 0 then null when d is null or v = 0 or is_void(d) then 'coordinate_missing' else 'not_a_number' end;

-- The city's box, generous: Luzhou spans about 105.14–106.47 E, 27.65–29.33 N.
create or replace temp macro is_longitude_here(v) as v between 104.9 and 106.8;
create or replace temp macro is_latitude_here(v) as v between 27.4 and 29.6;
create or replace temp macro are_exchanged(longitude, latitude) as coalesce(is_longitude_here(latitude) and is_latitude_here(longitude), false);
