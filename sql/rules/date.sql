-- Dates and times as departments write them: 20180301, 2018-03-01, 2018/3/1, 2018.03.01, 2018年03月01日, with or without a time,
-- ISO with an offset (converted to Asia/Shanghai, +8), a spreadsheet's day number.

-- 二〇一八年 → 2018年 (months and days written so as well, up to 三十一).
create or replace temp macro chinese_year_digits(t) as case when regexp_matches(t, '[〇零○一二三四五六七八九]{4}年')
    then regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(t, '〇零○一二三四五六七八九', '000123456789'),
        '([0-9])十([0-9])', '\1\2', 'g'), '([0-9])十', '\10', 'g'), '十([0-9])', '1\1', 'g'), '十', '10', 'g') else t end;

-- Without text marks, 公元, a remark in brackets, `.0` behind; other strokes, commas or blanks between the parts are hyphens.
create or replace temp macro date_tidied(t) as regexp_replace(regexp_replace(regexp_replace(regexp_replace(t,
    '^[''"`‘’“”]+|^公元|[''"`‘’“”]+$|\s*\([^)]*\)$|\.0?$', '', 'g'),
    '^([0-9]{4})\s*[—–−‐_\\,，、\s]\s*([0-9]{1,2})\s*[—–−‐_\\,，、\s]\s*([0-9]{1,2})', '\1-\2-\3'),
    '\s*([-/.年月])\s*|\s*([日号])', '\1\2', 'g'), '^([0-9-]{8,10})(?:Z|[+-][0-9]{2}:[0-9]{2})$', '\1');
create or replace temp macro date_text(d) as case
    when regexp_full_match(d, '[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?') then d
    else date_tidied(chinese_year_digits(halfwidth(d))) end;

-- A moment in local time. `2018-03-01T00:30:00Z` is 08:30 in Shanghai.
create or replace temp macro has_offset(t) as regexp_matches(t, '[0-9]:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?\s*(?:Z|[+-][0-9]{2}:?[0-9]{2})$');
create or replace temp macro datetime_moment(t) as
    try_cast(replace(regexp_replace(t, '\s*(?:Z|[+-][0-9]{2}:?[0-9]{2})$', ''), 'T', ' ') as timestamp)
    + case when t like '%Z' then interval 8 hour else interval 8 hour
        - to_minutes((regexp_extract(t, '([+-])[0-9]{2}:?[0-9]{2}$', 1) || '1')::int
            * (regexp_extract(t, '[+-]([0-9]{2}):?[0-9]{2}$', 1)::int * 60 + regexp_extract(t, '[+-][0-9]{2}:?([0-9]{2})$', 1)::int)) end;

-- The calendar day a text names, fillers included; NULL when there is no such day.
create or replace temp macro date_day(t) as case
    when regexp_full_match(t, '[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2})?') then try_cast(left(t, 10) as date)
    when regexp_matches(t, '^[0-9]{8}(?:$|[ T][0-9]|[0-9]{4}$|[0-9]{6}$)') then try_cast(t[1:4] || '-' || t[5:6] || '-' || t[7:8] as date)
    when has_offset(t) then try_cast(datetime_moment(t) as date)
    when regexp_matches(t, '^[0-9]{4}(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.|年[0-9]{1,2}月)[0-9]{1,2}(?:[日号 T]|$)')
        then try_cast(regexp_replace(t, '^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2}).*$', '\1-\2-\3', 's') as date)
    when regexp_full_match(t, '[1-5][0-9]{4}(?:\.[0-9]+)?') then date '1899-12-30' + try_cast(left(t, 5) as int) end;

-- Days that systems write where there is none.
create or replace temp macro is_filler_day(day) as day in (date '1900-01-01', date '1899-12-30', date '1899-12-31', date '1753-01-01',
    date '0001-01-01', date '9999-12-31', date '9999-01-01', date '9999-09-09', date '2999-12-31', date '2099-12-31', date '2099-01-01');
create or replace temp macro is_forever(t) as regexp_full_match(t, '长期(?:有效)?|永久(?:有效)?|无固定期限|无期限|无限期|不限|终身|至今');
create or replace temp macro is_real_day(day) as day between date '1850-01-01' and date '2199-12-31' and not is_filler_day(day);

create or replace temp macro date_value(day) as case when is_real_day(day) then day end;
create or replace temp macro date_problem(d, t, day, required) as case
    when is_real_day(day) then null
    when d is null then case when required then 'missing_value' end
    when is_filler_day(day) or is_forever(t) then 'filler_date'
    when is_void(t) and not required then null
    else 'not_a_date' end;

-- An end: what means "for ever" is no end, and nothing to report.
create or replace temp macro end_date_problem(d, t, day, required) as case
    when is_real_day(day) or is_forever(t) or (is_filler_day(day) and day > date '2000-01-01') then null
    when d is null then case when required then 'missing_value' end
    when is_filler_day(day) then 'filler_date'
    when is_void(t) and not required then null
    else 'not_a_date' end;

-- A birth or a death cannot lie ahead.
create or replace temp macro past_date_value(day, today) as case when is_real_day(day) and day <= today then day end;
create or replace temp macro past_date_problem(d, t, day, required, today) as case
    when is_real_day(day) and day > today then 'future_date' else date_problem(d, t, day, required) end;

-- The time of day as HH:MM:SS; '' when none is written. 下午 and PM add twelve hours.
create or replace temp macro clock_text(t) as case
    when regexp_full_match(t, '[0-9]{14}') then t[9:10] || ':' || t[11:12] || ':' || t[13:14]
    when regexp_full_match(t, '[0-9]{12}') then t[9:10] || ':' || t[11:12] || ':00'
    when regexp_full_match(t, '[0-9]{8}[ T][0-9]{6}') then t[10:11] || ':' || t[12:13] || ':' || t[14:15]
    else coalesce(nullif(regexp_extract(t, '([0-9]{1,2})\s*[:时点]', 1), '') || ':'
        || coalesce(nullif(regexp_extract(t, '[0-9]\s*[:时点]\s*([0-9]{1,2})', 1), ''), '00') || ':'
        || coalesce(nullif(regexp_extract(t, '[0-9]\s*[:时点]\s*[0-9]{1,2}\s*[:分]\s*([0-9]{1,2})', 1), ''), '00'), '') end;
create or replace temp macro afternoon(t) as case when regexp_matches(t, '下午|晚上|(?i:pm)')
    and try_cast(regexp_extract(t, '([0-9]{1,2})\s*[:时点]', 1) as int) < 12 then interval 12 hour else interval 0 hour end;
create or replace temp macro datetime_value(t, day) as case
    when regexp_full_match(t, '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?') then try_cast(t as timestamp)
    when has_offset(t) then datetime_moment(t)
    when clock_text(t) = '' then day::timestamp
    else try_cast(strftime(day, '%Y-%m-%d ') || lpad(clock_text(t), 8, '0') as timestamp) + afternoon(t) end;
create or replace temp macro datetime_problem(d, t, moment, required) as date_problem(d, t, moment::date, required);

-- A month, as its first day: 201509, 2015-09, 2015年9月, or any full date in it.
create or replace temp macro month_day(t) as case
    when regexp_full_match(t, '[0-9]{6}') then try_cast(t[1:4] || '-' || t[5:6] || '-01' as date)
    when regexp_full_match(t, '[0-9]{4}(?:-|/|\.|年)[0-9]{1,2}月?')
        then try_cast(regexp_replace(t, '^([0-9]{4})[-/.年]([0-9]{1,2})月?$', '\1-\2-01') as date)
    else date_trunc('month', date_day(t))::date end;

create or replace temp macro year_value(t, day) as case
    when regexp_full_match(t, '(?:18|19|20|21)[0-9]{2}(?:\.0)?\s*(?:年度?)?') then left(t, 4)
    else strftime(date_value(day), '%Y') end;
create or replace temp macro year_problem(d, v, required) as case
    when v is not null then null
    when d is null then case when required then 'missing_value' end
    when is_void(d) and not required then null
    else 'not_a_year' end;
