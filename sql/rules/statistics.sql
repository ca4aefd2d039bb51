-- Names of indicators and the period that a title, a sheet or a file name tells.

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
