-- 公民身份号码, GB 11643-1999: 6 region, 8 birth date, 3 sequence (odd = male), 1 check (ISO 7064 MOD 11-2).
-- Own implementation: python-stdnum compares the county code's years with the birth year and so fails everybody born before 1983.

-- The delivered text normalised: no blanks, hyphens, text marks; the number alone where only words and brackets stand
-- around it (身份证:…, …(补), NO.…).
create or replace temp macro citizen_id_unhyphened(d) as case when regexp_full_match(d, '[0-9]{17}[0-9X]') then d
    else regexp_replace(regexp_replace(code_text(d), '[-—–―‐‑−.·_]', '', 'g'), '[×ХΧ✕]$', 'X') end;
create or replace temp macro citizen_id_plain(t) as case
    when regexp_full_match(t, '[0-9]{17}[0-9X]') then t
    when regexp_full_match(t, '[^0-9*]*(?:[1-9][0-9]{14}|[1-9][0-9]{16}[0-9X])[^0-9A-Z*]*') then regexp_extract(t, '[1-9][0-9]{14,16}[0-9]?X?')
    else t end;

-- Any mark that hides digits becomes `*`; a run of X that hides them too (the last X may be a check symbol).
create or replace temp macro citizen_id_masked_form(t) as case
    when regexp_full_match(t, '[0-9]{4,14}X{4,}[0-9X]{3,4}') and length(t) = 18
    then regexp_extract(t, '^[0-9]+') || repeat('*', 14 - length(regexp_extract(t, '^[0-9]+'))) || right(t, 4)
    else regexp_replace(t, '[●○◎#?□＊]', '*', 'g') end;

create or replace temp macro citizen_id_text(plain) as case
    when is_void(plain) or regexp_full_match(plain, '0+|9+|1+|X+') then null
    when regexp_full_match(plain, '[0-9]{17}[0-9X]') then plain
    when not regexp_matches(plain, '[0-9A-Z]') then null
    else citizen_id_masked_form(plain) end;

-- The 18 symbols a text stands for: itself, a 15-digit number with its century (19; sequence 996–999 was kept for
-- centenarians: 18) and `?` for the check, the first 18 of the disability-card form (ID + kind + grade); else NULL.
create or replace temp macro citizen_id_body(t) as case
    when regexp_full_match(t, '[0-9]{17}[0-9X]') then t
    when regexp_full_match(t, '[0-9]{15}')
        then left(t, 6) || case when t[13:15] between '996' and '999' then '18' else '19' end || t[7:15] || '?'
    when regexp_full_match(t, '[0-9]{17}[0-9X][0-9]{2}(?:B[0-9]?)?') then left(t, 18) end;

-- Σ digit × 2^(18-i) of the first seventeen digits (as one number n), mod 11.
create or replace temp macro citizen_id_sum(n) as (
    n // 10000000000000000 * 7 + n // 1000000000000000 % 10 * 9 + n // 100000000000000 % 10 * 10 + n // 10000000000000 % 10 * 5
    + n // 1000000000000 % 10 * 8 + n // 100000000000 % 10 * 4 + n // 10000000000 % 10 * 2 + n // 1000000000 % 10
    + n // 100000000 % 10 * 6 + n // 10000000 % 10 * 3 + n // 1000000 % 10 * 7 + n // 100000 % 10 * 9 + n // 10000 % 10 * 10
    + n // 1000 % 10 * 5 + n // 100 % 10 * 8 + n // 10 % 10 * 4 + n % 10 * 2) % 11;
create or replace temp macro citizen_id_number(body) as try_cast(left(body, 17) as bigint);
create or replace temp macro citizen_id_check(total) as substr('10X98765432', (total + 1)::int, 1);
create or replace temp macro citizen_id_birth(body) as try_cast(body[7:10] || '-' || body[11:12] || '-' || body[13:14] as date);

-- Which of the things that must hold does not: id_date, id_region, id_check; NULL when all hold.
-- Any county code of a real province is good: a code retired since stays valid for life; 81–83 are residence permits.
create or replace temp macro citizen_id_fault(body, total, birth, today) as case
    when birth is null or birth > today or birth < date '1850-01-01' then 'id_date'
    when left(body, 2) not in ('11','12','13','14','15','21','22','23','31','32','33','34','35','36','37','41','42','43','44','45','46',
        '50','51','52','53','54','61','62','63','64','65','71','81','82','83') then 'id_region'
    when right(body, 1) <> '?' and right(body, 1) <> citizen_id_check(total) then 'id_check' end;

-- Passports, travel permits of Hong Kong, Macau and Taiwan, old permanent residence cards, officers' cards.
create or replace temp macro is_other_document(t) as regexp_full_match(t,
    '\p{Han}*[EGDSPK][A-Z]?[0-9]{7,8}|\p{Han}*[HM][0-9]{8}(?:[0-9]{2})?|[A-Z]{1,2}[0-9]{6,9}|[A-Z]{3}[0-9]{12}|[0-9]{10}\(?[A-Z]\)?'
    || '|[A-Z]{1,2}[0-9]{6,7}\([0-9A]\)|.*字第?.*号?|(?:护照|台胞证|回乡证|通行证|军官证).*');

create or replace temp macro citizen_id_state(t, body, total, fault) as case
    when t is null then 'missing'
    when body is not null and fault is null then case length(t) when 18 then 'ok' when 15 then 'legacy15' else 'extended' end
    when t like '%**%' then 'masked'
    when is_other_document(t) or (length(t) = 18 and left(t, 1) = '9' and fault = 'id_region' and right(t, 1) = citizen_id_check(total))
        then 'other_document'
    else 'invalid' end;

create or replace temp macro citizen_id_value(body, total, state) as case
    when state in ('ok', 'extended') then body
    when state = 'legacy15' then left(body, 17) || citizen_id_check(total) end;

create or replace temp macro citizen_id_problem(d, t, body, fault, state) as case
    when state = 'ok' then case when d <> t then 'id_format' end
    when state = 'missing' then case when d is not null then 'id_missing' end
    when state = 'legacy15' then 'id_legacy15'
    when state = 'extended' then 'id_extended'
    when state = 'masked' then 'id_masked'
    when state = 'other_document' then null
    when body is null then 'id_length'
    else fault end;
