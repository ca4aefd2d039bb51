-- Delivered text: blanks, full width, words that stand for nothing. NULL in, NULL out.

-- Without blanks at both ends (every Unicode blank, U+3000 included); NULL when nothing is left.
create or replace temp macro blank_trim(x) as case when x = '' then null
    when regexp_matches(x, '^[\s\x0b\p{Z}\x1c-\x1f\x{85}]|[\s\x0b\p{Z}\x1c-\x1f\x{85}]$')
    then nullif(regexp_replace(x, '^[\s\x0b\p{Z}\x1c-\x1f\x{85}]+|[\s\x0b\p{Z}\x1c-\x1f\x{85}]+$', '', 'g'), '') else x end;

-- Full-width ASCII and the ideographic blank to half width (the part of NFKC that occurs in registers).
create or replace temp macro halfwidth(x) as case when regexp_matches(x, '[！-～　]') then translate(x,
    '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～　',
    '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ ') else x end;

-- Without any blank or invisible character (zero-width, soft hyphen, byte order mark, direction marks).
create or replace temp macro squeeze(x) as case when regexp_matches(x, '[\s\p{Z}\p{Cf}\x{85}]')
    then nullif(regexp_replace(x, '[\s\p{Z}\p{Cf}\x{85}]+', '', 'g'), '') else x end;

-- Both at once, in one look at the text.
create or replace temp macro narrow(x) as case when regexp_matches(x, '[！-～\s\p{Z}\p{Cf}\x{85}]') then nullif(regexp_replace(
    halfwidth(x), '[\s\p{Z}\p{Cf}\x{85}]+', '', 'g'), '') else x end;

-- A code as it is compared: half width, no blanks, upper case, no text mark in front, no `.0` of a spreadsheet behind.
create or replace temp macro code_text(x) as case when regexp_full_match(x, '[0-9A-Z]+') then x else nullif(regexp_replace(
    upper(narrow(x)), '^[''"`‘’“”]+|[''"`‘’“”]+$|\.0+$', '', 'g'), '') end;

-- Words and strokes that say "nothing here".
create or replace temp macro is_void(t) as regexp_full_match(t,
    '(?i)无|无数据|无资料|无记录|无信息|暂无|没有|未填|未填写|未登记|未提供|待补|待查|待核实|空|缺|不详|不明|未知|不清楚|保密'
    || '|null|none|nil|nan|n/a|#n/a|[-—–―－_/\\.。*?？、·]+');

-- A piece of a programme or a spreadsheet formula: kept as text as it came, never cleaned further.
create or replace temp macro is_hazard(t) as regexp_matches(t,
    '^[=+\-@''"]|<\s*/?\s*[a-zA-Z!]|[;''"]\s*(?i:drop|delete|select|insert|update|union|or|and)\b|--|&(?:[a-z]+|#[0-9]+);|\$\{|\{\{|javascript:');

-- A text mark or a formula's sign in front of Chinese words ('张三, =李四), quotation marks around them: the words alone.
create or replace temp macro unprefixed(x) as case
    when regexp_full_match(x, '[''`=+\-@]+\p{Han}[^<>;=|''"]*') then regexp_replace(x, '^[''`=+\-@]+', '')
    when regexp_full_match(x, '(?:"[^"<>;=|]+"|“[^“”]+”|''[^''<>;=|]+'')') then x[2:-2] else x end;
