-- Values from code tables (schemas/codes); the table itself is joined by its spellings.

-- The text that is looked up: where words stand in it without separators and brackets, so that 1 男, 1-男 and 男(1) are known.
create or replace temp macro spelling_key(d) as case
    when regexp_full_match(d, '[0-9A-Z]+') then d
    when regexp_matches(d, '\p{Han}') then nullif(regexp_replace(code_text(d), '[-–—_.:：、,，()（）\[\]]', '', 'g'), '')
    else code_text(d) end;
create or replace temp macro kin_text(t) as regexp_replace(regexp_replace(t, '^(?:户主)?之', ''), '^户主(?:的)?(.+)$', '\1');

create or replace temp macro code_problem(d, t, found, required) as case
    when found is not null then case when d <> found and regexp_full_match(t, '[0-9]+') and regexp_full_match(found, '[0-9]+') then 'code_spelling' end
    when d is null then case when required then 'missing_value' end
    when (is_void(d) or t in ('未说明', '未说明的', '其他不详')) and not required then null
    else 'not_in_list' end;

create or replace temp macro party_kind_value(t) as case
    when regexp_matches(t, '个体') then 'self_employed'
    when regexp_matches(t, '自然人|个人|公民') and not regexp_matches(t, '非自然人') then 'person'
    when regexp_matches(t, '法人|组织|企业|单位|公司|机构') then 'entity'
    when t in ('1', '01') then 'entity' when t in ('2', '02') then 'person' when t in ('3', '03') then 'self_employed' end;
create or replace temp macro yes_no_value(t) as case
    when t in ('是', '有', 'Y', 'YES', '1', 'TRUE', 'T', '√', '✓', '☑', '已', '涉密', '需要') or regexp_matches(t, '^(?:是[^否]|已[^停])') then 'yes'
    when t in ('否', '无', '没有', 'N', 'NO', '0', 'FALSE', 'F', '×', '✗', '☒', '非', '不', '非涉密', '不涉密') or regexp_matches(t, '^(?:否|未|不|没)') then 'no'
    when regexp_matches(t, '部分|半') then 'partly' end;
create or replace temp macro choice_problem(d, t, v, required) as case
    when v is not null then null
    when d is null then case when required then 'missing_value' end
    when is_void(t) and not required then null
    else 'not_in_list' end;
