-- Codes of legal entities: 统一社会信用代码 GB 32100-2015, 组织机构代码 GB 11714-1997, 工商注册号 GS 15-2006, 15-digit tax numbers.

-- Value of one symbol: 31 symbols of GB 32100 (no I O S V Z), 36 of GB 11714 and GB/T 36904; -1 when it is none of them.
create or replace temp macro symbol31(c) as strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', c) - 1;
create or replace temp macro symbol36(c) as strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', c) - 1;

-- Organisation code: weights 3 7 9 10 5 8 4 2 and the check (X = 10) sum to 0 mod 11.
create or replace temp macro is_organization_code(x) as case when regexp_full_match(x, '[0-9A-Z]{8}[0-9X]') and x <> '000000000' then (
    symbol36(x[1]) * 3 + symbol36(x[2]) * 7 + symbol36(x[3]) * 9 + symbol36(x[4]) * 10 + symbol36(x[5]) * 5 + symbol36(x[6]) * 8
    + symbol36(x[7]) * 4 + symbol36(x[8]) * 2 + case x[9] when 'X' then 10 else symbol36(x[9]) end) % 11 = 0 else false end;

-- Credit code: weights 3^(i-1) mod 31 and the check sum to 0 mod 31, and the organisation code inside (9–17) must hold too.
create or replace temp macro is_uscc_form(x) as regexp_full_match(x, '[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{8}[0-9X][0-9A-HJ-NPQRTUWXY]');
create or replace temp macro is_uscc(x) as case when is_uscc_form(x) then (
    symbol31(x[1]) + symbol31(x[2]) * 3 + symbol31(x[3]) * 9 + symbol31(x[4]) * 27 + symbol31(x[5]) * 19 + symbol31(x[6]) * 26
    + symbol31(x[7]) * 16 + symbol31(x[8]) * 17 + symbol31(x[9]) * 20 + symbol31(x[10]) * 29 + symbol31(x[11]) * 25 + symbol31(x[12]) * 13
    + symbol31(x[13]) * 8 + symbol31(x[14]) * 24 + symbol31(x[15]) * 10 + symbol31(x[16]) * 30 + symbol31(x[17]) * 28
    + symbol31(x[18])) % 31 = 0 and is_organization_code(x[9:17]) else false end;

-- Registration number: 15 digits, ISO 7064 MOD 11,10; before 2007 thirteen digits without a check.
create or replace temp macro is_registration_number(x) as case when regexp_full_match(x, '[0-9]{15}') and x <> '000000000000000' then
    (list_reduce(string_split(left(x, 14), '')::int[],
        lambda p, v: (case when (p + v) % 10 = 0 then 10 else (p + v) % 10 end) * 2 % 11, 10) + x[15]::int) % 10 = 1 else false end;
create or replace temp macro is_old_registration_number(x) as regexp_full_match(x, '[1-6][0-9]{12}');

-- Tax number before 三证合一: 6 digits of region and the organisation code.
create or replace temp macro is_tax_number(x) as regexp_full_match(x, '[1-6][0-9]{5}[0-9A-Z]{8}[0-9X]') and is_organization_code(x[7:15]);

create or replace temp macro is_citizen_id(x, today) as case when regexp_full_match(x, '[0-9]{17}[0-9X](?:[0-9]{2})?') then
    citizen_id_fault(left(x, 18), citizen_id_sum(citizen_id_number(x)), citizen_id_birth(x), today) is null else false end;
create or replace temp macro is_legacy_citizen_id(x, today) as case when regexp_full_match(x, '[0-9]{15}') then
    citizen_id_fault(citizen_id_body(x), 0, citizen_id_birth(citizen_id_body(x)), today) is null else false end;

-- Normalised: half width, upper case, no blanks, hyphens, text marks or label in front; NULL when it says nothing.
create or replace temp macro entity_code_plain(d) as nullif(regexp_replace(regexp_replace(code_text(d), '[-—–―‐‑−_.]', '', 'g'),
    '^(?:统一社会信用代码|社会信用代码|信用代码|组织机构代码|注册号|税号|纳税人识别号|机构代码|代码)[:：]?', ''), '');
create or replace temp macro entity_code_text(d) as case
    when is_void(code_text(d)) or regexp_full_match(entity_code_plain(d), '0+|9+|X+') then null
    else regexp_replace(entity_code_plain(d), '[●○#?]', '*', 'g') end;

-- O and I read as 0 and 1, only where no check holds as written and one holds then.
create or replace temp macro holds_as_entity_code(x) as case length(x)
    when 18 then is_uscc(x) when 9 then is_organization_code(x)
    when 15 then is_registration_number(x) or is_tax_number(x) else false end;
create or replace temp macro entity_code_repaired(t) as case
    when regexp_matches(t, '[OI]') and not holds_as_entity_code(t) and holds_as_entity_code(translate(t, 'OI', '01'))
    then translate(t, 'OI', '01') else t end;

create or replace temp macro entity_code_state(c, today) as case
    when c is null then 'missing'
    when c like '%**%' then 'masked'
    when length(c) = 18 then case when is_citizen_id(c, today) then 'citizen_id' when is_uscc(c) then 'ok_uscc' else 'invalid' end
    when length(c) = 9 then case when is_organization_code(c) then 'ok_orgcode' else 'invalid' end
    when length(c) = 15 then case when is_registration_number(c) then 'ok_regno' when is_tax_number(c) then 'ok_taxno'
        when is_legacy_citizen_id(c, today) then 'citizen_id' else 'invalid' end
    when length(c) = 13 and is_old_registration_number(c) then 'ok_regno'
    when length(c) = 20 and is_citizen_id(c, today) then 'citizen_id'
    else 'invalid' end;

-- The organisation code: delivered as such, inside a tax number, or inside a credit code (also one whose own check fails).
create or replace temp macro entity_organization_code(c, state) as case
    when state = 'ok_uscc' then c[9:17] when state = 'ok_orgcode' then c when state = 'ok_taxno' then c[7:15]
    when state = 'invalid' and is_uscc_form(c) and is_organization_code(c[9:17]) then c[9:17] end;

create or replace temp macro entity_code_problem(d, t, c, state, in_key) as case
    when state = 'missing' then case when d is not null then 'code_missing' end
    when state in ('masked', 'citizen_id') then null
    when state = 'invalid' then case when length(c) in (9, 15, 18) and regexp_full_match(c, '[0-9A-Z]+') then 'code_check' else 'code_length' end
    when c <> t then 'code_repaired'
    when state <> 'ok_uscc' and not in_key then 'code_other_kind'
    when d <> t and not (state in ('ok_orgcode') and d = left(t, 8) || '-' || right(t, 1)) then 'code_format' end;

create or replace temp macro organization_code_state(c) as case
    when c is null then 'missing' when is_organization_code(c) then 'ok'
    when length(c) = 18 and is_uscc(c) then 'ok' else 'invalid' end;
create or replace temp macro organization_code_value(c, state) as case when state = 'ok' then right(left(c, 17), 9) end;
create or replace temp macro organization_code_problem(d, t, c, state) as case
    when state = 'missing' then case when d is not null then 'code_missing' end
    when state = 'invalid' then case when length(c) = 9 then 'code_check' else 'code_length' end
    when c <> t then 'code_repaired'
    when upper(d) <> d or length(d) > 10 then 'code_format' end;

create or replace temp macro registration_number_state(c) as case
    when c is null then 'missing' when is_registration_number(c) then 'ok'
    when is_old_registration_number(c) then 'legacy13' else 'invalid' end;
create or replace temp macro registration_number_problem(d, c, state) as case
    when state = 'missing' then null
    when state = 'invalid' then case when length(c) = 15 then 'code_check' else 'code_length' end
    when d <> c then 'code_format' end;

-- Whether a code that may be a person's or an entity's is to be read as a person's.
create or replace temp macro is_person_code(c, state) as state in ('citizen_id', 'masked')
    or (state = 'invalid' and (regexp_full_match(c, '[1-8][0-9]{16}[0-9X]') and try_cast(c[7:10] as int) between 1900 and 2100));
