-- Names of persons and of entities.

-- One spelling of the middle dot: U+00B7; a full stop counts only between two Chinese characters.
create or replace temp macro middle_dot(x) as case when regexp_matches(x, '[•‧・･∙⋅●．.。﹒▪]') then
    regexp_replace(regexp_replace(regexp_replace(x, '[•‧・･∙⋅●﹒▪]+', '·', 'g'),
        '(\p{Han})[.．。]+(\p{Han})', '\1·\2', 'g'), '(\p{Han})[.．。]+(\p{Han})', '\1·\2', 'g') else x end;

-- Half width; compatibility ideographs to their unified characters.
create or replace temp macro name_text(d) as case
    when is_void(halfwidth(d)) then null
    when regexp_full_match(d, '[\x{4E00}-\x{9FA5}]+') then d
    when is_hazard(unprefixed(halfwidth(d))) then d
    else nfc_normalize(unprefixed(halfwidth(d))) end;

-- What a bracket says was the name before: 李四（曾用名：李小四）.
create or replace temp macro former_name(t) as case when t like '%名%' then nullif(squeeze(regexp_extract(t,
    '[(（\[【〔](?:曾用名|原名|又名|别名|化名|小名)[:：\s]*([^)）\]】〕]+)', 1)), '') end;

-- Without brackets and what they say ((户主), (曾用名…)), digits behind, blanks between Chinese characters.
create or replace temp macro person_name_bare(t) as middle_dot(nullif(regexp_replace(squeeze(regexp_replace(t,
    '^(?:户主|姓名|本人)[:：]|[(（\[【〔][^)）\]】〕]*[)）\]】〕]?', '', 'g')), '[0-9:：,，;；、]+$', ''), ''));
create or replace temp macro person_name_value(d, t) as case
    when t is null or regexp_full_match(d, '[\x{4E00}-\x{9FA5}]+') or is_hazard(t) then t
    when regexp_full_match(t, '[A-Za-z .,''\-]+') then regexp_replace(t, '\s+', ' ', 'g')
    else coalesce(person_name_bare(t), squeeze(t)) end;

-- rare: a character stands in for one that could not be typed; partial: part of the name is withheld;
-- hazard: a piece of a programme, nobody's name; unnamed: a newborn called by its mother (某某之子).
create or replace temp macro person_name_state(v) as case
    when v is null or regexp_full_match(v, '[0-9]+') or v in ('无名', '无名氏', '佚名', '未命名', '未取名', '未起名', '新生儿') then 'missing'
    when regexp_full_match(v, '[\x{4E00}-\x{9FA5}]{2,3}') and not contains(v, '某') then 'ok'
    when is_hazard(v) then 'hazard'
    when v like '%某%' or v like '%*%' then 'partial'
    when regexp_matches(v, '[?？□■〓\x{FFFD}\x{E000}-\x{F8FF}○]') or (regexp_matches(v, '[A-Za-z]') and regexp_matches(v, '\p{Han}')) then 'rare'
    when regexp_matches(v, '之[子女妻夫父母]$|之[长次三][子女]$|(?:婴儿|毛毛|[男女]婴)$') and length(v) > 3 then 'unnamed'
    else 'ok' end;
create or replace temp macro person_name_problem(d, v, state) as case
    when state = 'missing' then case when d is not null then 'name_missing' end
    when state = 'rare' then 'name_rare'
    when state = 'partial' then 'name_partial'
    when d = v and regexp_full_match(d, '[\x{4E00}-\x{9FA5}]+') then null
    when is_hazard(d) then 'name_hazard'
    when d <> v then 'name_decorated' end;

-- An entity's name: half width, brackets （）, no blanks; is otherwise as registered.
create or replace temp macro entity_name_value(d) as case
    when is_void(halfwidth(d)) then null
    when regexp_full_match(d, '[\x{4E00}-\x{9FA5}（）]+') then d
    when is_hazard(unprefixed(d)) then d
    else middle_dot(translate(nfc_normalize(unprefixed(narrow(d))), '()[]〔〕【】﹙﹚', '（）（）（）（）（）')) end;
create or replace temp macro entity_name_problem(d, v) as case
    when v is null then case when d is not null then 'name_missing' end
    when is_hazard(d) then 'name_hazard'
    when d <> v and regexp_matches(d, '[\s\p{Z}\p{Cf}]') then 'name_decorated' end;
