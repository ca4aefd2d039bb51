-- Names of indicators, the period that a title, a sheet or a file name tells, figures with their marks, units of one kind.

create or replace temp macro indicator_name_value(d) as nullif(regexp_replace(regexp_replace(squeeze(d),
    '^(?:[#＃*＊★·\-—]|其中[:：]|#其中[:：]?)+', '', 'g'), '[①-⑳㉑-㉟❶-❿⑴-⒇¹²³⁰-⁹*＊]+|\[[0-9]+\]|［[0-9]+］|〔[0-9]+〕', '', 'g'), '');

-- 2018Q1 and 2018年第一季度 are both read as 2018年1季度.
create or replace temp macro period_text(d) as regexp_replace(translate(regexp_replace(chinese_year_digits(halfwidth(d)),
    '[Qq]([1-4])', '\1季度'), '一二三四', '1234'), '\s+', '', 'g');
create or replace temp macro period_month(t, pattern) as case
    when try_cast(regexp_extract(t, pattern, 2) as int) between 1 and 12
    then regexp_extract(t, pattern, 1) || '-' || lpad(regexp_extract(t, pattern, 2), 2, '0') end;
create or replace temp macro period_year(t, pattern, ending) as nullif(regexp_extract(t, pattern, 1), '') || ending;

-- The last month of a span names the period (1-2月 → 02); a quarter is -Qn; 上半年 and 前3季度 end in June and September.
-- (the text goes in as a list of one, so that its own expression is written out once, not once for each pattern)
create or replace temp macro period_value(x) as list_transform([x], lambda t: coalesce(
    period_month(t, '((?:19|20)[0-9]{2})年[0-9]{1,2}月?[-—–―~至到]+(?:(?:19|20)[0-9]{2}年)?([0-9]{1,2})月'),
    period_month(t, '((?:19|20)[0-9]{2})年([0-9]{1,2})月'),
    period_year(t, '((?:19|20)[0-9]{2})年?上半年', '-06'),
    period_year(t, '((?:19|20)[0-9]{2})年?(?:前3季度|1[-—–至]3季度)', '-09'),
    period_year(t, '((?:19|20)[0-9]{2})年?[-_]?第?[1-4]季度', '-Q' || regexp_extract(t, '([1-4])季度', 1)),
    period_month(t, '(?:^|[^0-9])((?:19|20)[0-9]{2})[-_./]?([0-9]{1,2})(?:[-_./]?[0-9]{2})?(?:[^0-9]|$)'),
    period_year(t, '(?:^|[^0-9])((?:19|20)[0-9]{2})(?:[^0-9]|$)', '')))[1];

-- A figure without its footnote marks: ①, ¹, *, [1], 〔2〕, a letter in brackets; blanks and thousands separators gone.
create or replace temp macro figure_text(d) as nullif(regexp_replace(number_text(d),
    '[①-⑳㉑-㉟❶-❿⑴-⒇¹²³⁰-⁹*#]+|[\[〔][0-9]+[\]〕]|[\[(（]?注[0-9]*[\])）]?$|\([a-z]\)$', '', 'g'), '');
-- Its number; NULL where it is no number (—, …, x, blank): missing is never 0. A scale of its own (1.5亿元) is taken out of the column's unit.
create or replace temp macro figure_value(t, unit_scale) as case
    when regexp_full_match(t, '[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[%％]?') then try_cast(rtrim(t, '%％') as double)
    when regexp_full_match(t, '\(-?[0-9]+(?:\.[0-9]+)?%?\)%?|负[0-9]+(?:\.[0-9]+)?%?') then -try_cast(regexp_extract(t, '[0-9.]+') as double)
    when regexp_full_match(t, '(?:增长|上升|上涨|提高|↑|▲)[0-9]+(?:\.[0-9]+)?(?:%|个?百分点)?') then try_cast(regexp_extract(t, '[0-9.]+') as double)
    when regexp_full_match(t, '(?:下降|减少|下跌|降低|↓|▼)[0-9]+(?:\.[0-9]+)?(?:%|个?百分点)?') then -try_cast(regexp_extract(t, '[0-9.]+') as double)
    when regexp_full_match(t, '[+-]?[0-9]+(?:\.[0-9]+)?[百千万亿]+\p{Han}{0,5}') or is_worded(t) then number_in(t)::double * coalesce(scale_in(t) / unit_scale, 1) end;

-- Units: 万元 is 元 × 10⁴, 吨 is 千克 × 10³; what is of one kind can be made one, what is not (元, 美元) cannot.
create or replace temp macro unit_text(u) as nullif(regexp_replace(narrow(u), '^单位[:：]?|^\((.*)\)$', '\1'), '');
create or replace temp macro unit_prefix(u) as case when regexp_matches(u, '^(?:千瓦|千米|千克|百分|千卡)') then ''
    else regexp_extract(u, '^(?:万亿|百亿|十亿|千万|百万|十万|亿|万|千|百)') end;
create or replace temp macro unit_rest(u) as case when length(unit_prefix(u)) = length(u) then u else substr(u, length(unit_prefix(u)) + 1) end;
create or replace temp macro unit_scale(u) as case when unit_rest(u) = u then 1.0 else case unit_prefix(u) when '万亿' then 1e12 when '百亿' then 1e10 when '十亿' then 1e9
        when '千万' then 1e7 when '百万' then 1e6 when '十万' then 1e5 when '亿' then 1e8 when '万' then 1e4 when '千' then 1e3 when '百' then 1e2 else 1.0 end end
    * case unit_rest(u) when '吨' then 1e3 when '斤' then 0.5 when '克' then 1e-3 when '公顷' then 1e4 when '亩' then 1e4 / 15 when '平方公里' then 1e6 when '平方千米' then 1e6
        when '公里' then 1e3 when '千米' then 1e3 else 1.0 end;
create or replace temp macro unit_kind(u) as case when unit_rest(u) in ('吨', '公斤', '千克', 'kg', '斤', '克') then '千克'
    when unit_rest(u) in ('公顷', '亩', '平方公里', '平方千米', '平方米', '㎡', 'm²', 'm2') then '平方米'
    when unit_rest(u) in ('公里', '千米', '米', 'km') then '米' when unit_rest(u) in ('千瓦时', '度') then '千瓦时' else unit_rest(u) end;
