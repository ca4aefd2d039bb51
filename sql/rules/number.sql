-- Numbers in text: 1,234.5, ¥1234, 约500人, 100万元, (12.5), 壹佰贰拾万元整, 二〇一八.

create or replace temp macro number_text(d) as case
    when regexp_full_match(d, '[0-9]+(?:\.[0-9]+)?') then d
    else translate(narrow(d), '−,，', '-') end;

-- Numerals in words, everyday (一百二十万), of accounts (壹佰贰拾万元整) and of years (二〇一八): digits as digits, one sign for each unit.
create or replace temp macro numeral_digits(t) as regexp_replace(translate(t, '〇○零一壹弌二贰貳两兩三叁參参四肆五伍六陆陸七柒八捌九玖拾佰仟萬億圆圓块毛', '0001112222233334455666778899十百千万亿元元元角'),
    '([0-9十百千万亿])点([0-9])', '\1.\2');
-- A number in words and nothing but a number: what may stand before it, the number, its unit. 见附件一 and 一般 are none.
create or replace temp macro is_worded(x) as case when regexp_matches(x, '[〇○零一壹弌二贰貳两兩三叁參参四肆五伍六陆陸七柒八捌九玖十拾百佰仟千]|[0-9][万萬亿億][0-9]') then
    regexp_full_match(numeral_digits(x), '(?:人民币|合计|共计|总计|大写|金额|罚款|罚金|共|约|大约|近|计|[:¥￥])*[负-]?[0-9.十百千万亿]*[0-9十][0-9.十百千万亿]*'
    || '(?:元(?:0?[0-9]角)?(?:0?[0-9]分)?[整正]?|[整正]|美元|港元|欧元|日元|[户人名个家件亩吨间层栋套台辆次项册座处条年月日天岁]|公顷|平方米|立方米|平方公里|公里|公斤|千克)?')
    else false end;
create or replace temp macro unit_worth(x) as case x when '十' then 10 when '百' then 100 when '千' then 1000 when '万' then 10000 when '亿' then 100000000 end::double;

-- One sign after the other: `t` what stands before the last 万 or 亿, `s` what came since, `d` the digits that wait for their unit,
-- `u` the last unit while a single digit after it is short for the next lower one (一万二 is 12000), else NULL.
create or replace temp macro numeral_sign(x) as {'t': null::double, 's': null::double, 'd': try_cast(x as double), 'u': unit_worth(x), 'short': length(x) = 1 and x <> '0'};
create or replace temp macro numeral_step(a, x) as case
    when x.u is null then {'t': a.t, 's': a.s, 'd': x.d, 'u': a.u, 'short': x.short}
    when x.u = 1e8 then {'t': (a.t + a.s + coalesce(a.d, case when a.t + a.s = 0 then 1 else 0 end)) * 1e8, 's': 0::double, 'd': null::double, 'u': x.u, 'short': false}
    when x.u = 1e4 then {'t': a.t + (a.s + coalesce(a.d, case when a.s = 0 then 1 else 0 end)) * 1e4, 's': 0::double, 'd': null::double, 'u': x.u, 'short': false}
    else {'t': a.t, 's': a.s + coalesce(a.d, 1) * x.u, 'd': null::double, 'u': x.u, 'short': false} end;
create or replace temp macro numeral_sum(signs) as list_transform([list_reduce(signs, lambda a, x: numeral_step(a, x),
    {'t': 0::double, 's': 0::double, 'd': null::double, 'u': null::double, 'short': false})],
    lambda a: a.t + a.s + coalesce(case when a.short and a.u >= 100 then a.d * a.u / 10 else a.d end, 0))[1];
-- 壹佰贰拾万元伍角叁分 → 1200000.53; 三点一四 → 3.14; 十二 → 12; 12万3千 → 123000; 负五 → -5.
create or replace temp macro worded_number(x) as list_transform([numeral_digits(x)], lambda t:
    (case when regexp_matches(t, '^[^0-9十]*[负-]') then -1 else 1 end) * (
        numeral_sum(list_transform(regexp_extract_all(split_part(t, '元', 1), '[0-9]+(?:\.[0-9]+)?|[十百千万亿]'), lambda sign: numeral_sign(sign)))
        + coalesce(try_cast(nullif(regexp_extract(t, '元.*?([0-9])角', 1), '') as double), 0) / 10
        + coalesce(try_cast(nullif(regexp_extract(t, '元.*?([0-9])分', 1), '') as double), 0) / 100))[1];

-- The first number of the text; NULL when there is none. Accountants' brackets are a minus, as is 负.
create or replace temp macro number_in(t) as case
    when regexp_full_match(t, '[0-9]+(?:\.[0-9]+)?') then try_cast(t as decimal(38, 6))
    when regexp_full_match(t, '[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?') then try_cast(try_cast(t as double) as decimal(38, 6))
    when regexp_full_match(t, '(?:[¥￥$]?\([¥￥$]?[0-9]+(?:\.[0-9]+)?(?:[百千万亿]*元?|%)\)(?:[百千万亿]*元)?|负[0-9]+(?:\.[0-9]+)?[^0-9]*)')
        then -try_cast(regexp_extract(t, '[0-9.]+') as decimal(38, 6))
    when is_worded(t) then try_cast(worded_number(t)::varchar as decimal(38, 6))
    else try_cast(nullif(regexp_extract(t, '(?:^|[^0-9.\-—~至])([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))', 1), '') as decimal(38, 6)) end;

-- Ten thousands and the like written behind the number; NULL when the text says no scale of its own. A number in words holds its own.
create or replace temp macro scale_in(t) as case when regexp_matches(t, '[万萬亿億千仟百元圆圓角块]') then case
    when is_worded(t) then case when regexp_matches(t, '[元圆圓块万萬亿億]') then 1 end
    when regexp_matches(t, '[0-9]\s*万亿') then 1000000000000 when regexp_matches(t, '[0-9][^0-9]{0,2}亿') then 100000000
    when regexp_matches(t, '[0-9][^0-9]{0,2}千万') then 10000000 when regexp_matches(t, '[0-9][^0-9]{0,2}百万') then 1000000
    when regexp_matches(t, '[0-9][^0-9]{0,2}万') then 10000 when regexp_matches(t, '[0-9]千元') then 1000
    when regexp_matches(t, '[0-9][元圆]') then 1 end end;

-- An amount in yuan, of a column in units of `unit_scale` yuan; a quantity in the column's own unit, whatever scale the text says.
create or replace temp macro amount_value(t, unit_scale) as try_cast(number_in(t) * coalesce(scale_in(t), unit_scale)::bigint as decimal(20, 6));
create or replace temp macro quantity_value(t, unit_scale) as case when regexp_full_match(t, '[0-9.]+') or coalesce(scale_in(t), unit_scale) = unit_scale
    then try_cast(number_in(t) as decimal(20, 6))
    else try_cast((number_in(t)::double * scale_in(t) / unit_scale)::varchar as decimal(20, 6)) end;
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
