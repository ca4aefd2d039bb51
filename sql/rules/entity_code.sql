-- Codes of legal entities: 统一社会信用代码 GB 32100-2015, 组织机构代码 GB 11714-1997, 工商注册号 GS 15-2006, 15-digit tax numbers.

-- Value of one symbol: 31 symbols of GB 32100 (no I O S V Z), 36 of GB 11714 and GB/T 36904; -1 when it is none of them.
create or replace temp macro symbol31(c) as strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', c) - 1;
create or replace temp macro symbol36(c) as strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', c) - 1;

-- Organisation code: weights 3 7 9 10 5 8 4 2 and the check (X = 10) sum to 0 mod 11.
create or replace temp macro is_organization_code(x) as case when regexp_full_match(x, '[0-9A-Z]{8}[0-9X]') and x <> '000000000' then (
    symbol36(x[1]) * 3 + symbol36(x[2]) * 7 + symbol36(x[3]) * 9 + symbol36(x[4]) * 10 + symbol36(x[5]) * 5 + symbol36(x[6]) * 8
    + symbol36(x[7]) * 4 + symbol36(x[8]) * 2 + case x[9] when 'X' then 10 else symbol36(x[9]) end) % 11 = 0 else false end;

-- Credit code: weights 3^(i-1) mod 31 and the check sum to 0 mod 31; the organisation code inside (9–17) must hold too.
create or replace temp macro is_uscc_form(x) as regexp_full_match(x, '[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{8}[0-9X][0-9A-HJ-NPQRTUWXY]');
create or replace temp macro is_uscc(x, organization_holds) as case when is_uscc_form(x) and organization_holds then (
    symbol31(x[1]) + symbol31(x[2]) * 3 + symbol31(x[3]) * 9 + symbol31(x[4]) * 27 + symbol31(x[5]) * 19 + symbol31(x[6]) * 26
    + symbol31(x[7]) * 16 + symbol31(x[8]) * 17 + symbol31(x[9]) * 20 + symbol31(x[10]) * 29 + symbol31(x[11]) * 25 + symbol31(x[12]) * 13
    + symbol31(x[13]) * 8 + symbol31(x[14]) * 24 + symbol31(x[15]) * 10 + symbol31(x[16]) * 30 + symbol31(x[17]) * 28
    + symbol31(x[18])) % 31 = 0 else false end;

-- Registration number: 15 digits, ISO 7064 MOD 11,10; before 2007 thirteen digits without a check.
create or replace temp macro is_registration_number(x) as case when regexp_full_match(x, '[0-9]{15}') and x <> '000000000000000' then
    (list_reduce(string_split(left(x, 14), '')::int[],
        lambda p, v: (case when (p + v) % 10 = 0 then 10 else (p + v) % 10 end) * 2 % 11, 10) + x[15]::int) % 10 = 1 else false end;
create or replace temp macro is_old_registration_number(x) as regexp_full_match(x, '[1-6][0-9]{12}');

-- Normalised: half width, upper case, no blanks, hyphens, text marks; the code alone where only words stand around it
-- (统一社会信用代码:…, …(1-1)); NULL when it says nothing.
create or replace temp macro entity_code_unhyphened(d) as case when regexp_full_match(d, '[0-9A-Z]+') then d
    else regexp_replace(regexp_replace(code_text(d), '\([^)]*\)$', ''), '[-—–―‐‑−_.]', '', 'g') end;
create or replace temp macro entity_code_plain(t) as case when regexp_full_match(t, '[0-9A-Z]+') then t
    when regexp_full_match(t, '[^0-9A-Z*]*[0-9A-Z]{9,20}[^0-9A-Z*]*') then regexp_extract(t, '[0-9A-Z]{9,20}')
    else nullif(t, '') end;
create or replace temp macro entity_code_text(plain) as case
    when regexp_full_match(plain, '0+|9+|X+') or not regexp_matches(plain, '[0-9A-Z]') then null
    when regexp_full_match(plain, '[0-9A-Z]+') then plain
    else regexp_replace(plain, '[●○#?]', '*', 'g') end;

-- O and I read as 0 and 1 where they cannot be meant (credit code) or the organisation code does not hold with them.
create or replace temp macro entity_code_candidate(t) as case
    when regexp_matches(t, '[OI]') and (length(t) = 18 or (length(t) in (9, 15) and not is_organization_code(right(t, 9))))
    then translate(t, 'OI', '01') else t end;

-- The organisation code that a text of this length carries: itself, the end of a 15-digit tax number (6 digits of region
-- before it), positions 9–17 of a credit code.
create or replace temp macro organization_part(c) as case length(c) when 18 then c[9:17] when 9 then c
    when 15 then case when regexp_full_match(c, '[1-6][0-9]{5}.*') then c[7:15] end end;

create or replace temp macro entity_code_state(c, organization_holds, body, fault) as case
    when c is null then 'missing'
    when c like '%**%' then 'masked'
    when length(c) in (18, 20) and body is not null and fault is null then 'citizen_id'
    when length(c) = 18 then case when is_uscc(c, organization_holds) then 'ok_uscc' else 'invalid' end
    when length(c) = 9 then case when organization_holds then 'ok_orgcode' else 'invalid' end
    when length(c) = 15 then case when is_registration_number(c) then 'ok_regno' when organization_holds then 'ok_taxno'
        when body is not null and fault is null then 'citizen_id' else 'invalid' end
    when length(c) = 13 and is_old_registration_number(c) then 'ok_regno'
    else 'invalid' end;
-- A taxpayer's number of 15 digits is region and organisation code, also where it happens to pass as a registration number.
create or replace temp macro tax_number_state(c, organization_holds, body, fault) as case
    when length(c) = 15 and organization_holds then 'ok_taxno' else entity_code_state(c, organization_holds, body, fault) end;
create or replace temp macro entity_code_value(t, c, state) as case when state = 'invalid' then t else c end;

-- Also from a credit code whose own check fails, when the organisation code inside holds.
create or replace temp macro entity_organization_code(c, organization_holds, state) as case
    when organization_holds and (state in ('ok_uscc', 'ok_orgcode', 'ok_taxno') or (state = 'invalid' and is_uscc_form(c))) then organization_part(c) end;

create or replace temp macro entity_code_problem(d, t, c, state, in_key) as case
    when state = 'missing' then case when d is not null then 'code_missing' end
    when state in ('masked', 'citizen_id') then null
    when state = 'invalid' then case when length(t) in (9, 15, 18) and regexp_full_match(t, '[0-9A-Z]+') then 'code_check' else 'code_length' end
    when c <> t then 'code_repaired'
    when state <> 'ok_uscc' and not in_key then 'code_other_kind'
    when d <> t and not (state = 'ok_orgcode' and d = left(t, 8) || '-' || right(t, 1)) then 'code_format' end;

-- Whether a code that may be a person's or an entity's is to be read as a person's.
create or replace temp macro is_person_code(c, state) as state in ('citizen_id', 'masked')
    or (state = 'invalid' and regexp_full_match(c, '[1-8][0-9]{16}[0-9X]') and try_cast(c[7:10] as int) between 1900 and 2100);

create or replace temp macro organization_code_state(c, organization_holds) as case
    when c is null then 'missing' when organization_holds and length(c) in (9, 18) then 'ok' else 'invalid' end;
create or replace temp macro organization_code_problem(d, t, c, state) as case
    when state = 'missing' then case when d is not null then 'code_missing' end
    when state = 'invalid' then case when length(c) = 9 then 'code_check' else 'code_length' end
    when c <> t then 'code_repaired'
    when d <> c and d <> left(c, 8) || '-' || right(c, 1) then 'code_format' end;

create or replace temp macro registration_number_state(c) as case
    when c is null then 'missing' when is_registration_number(c) then 'ok'
    when is_old_registration_number(c) then 'legacy13' else 'invalid' end;
create or replace temp macro registration_number_problem(d, c, state) as case
    when state = 'missing' then null
    when state = 'invalid' then case when length(c) = 15 then 'code_check' else 'code_length' end
    when d <> c then 'code_format' end;
