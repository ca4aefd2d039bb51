-- Telephones, addresses, region codes.

create or replace temp macro phone_text(d) as case when regexp_full_match(d, '1[3-9][0-9]{9}') then d
    else regexp_replace(regexp_replace(halfwidth(d), '^[^0-9+]+|\.0$', '', 'g'), '^(?:\+|00|0)?86\)?[-\s]*\(?(1[3-9]|0)', '\1') end;
-- The digits of the first number named: a mobile number of 11, a land line with or without its area code (whose lost 0 is put back); NULL when there is none.
create or replace temp macro phone_first(t) as case
    when regexp_full_match(t, '1[3-9][0-9]{9}') then t
    when regexp_matches(t, '^1[-\s]?[3-9](?:[-\s]?[0-9]){9}(?:[^0-9]|$|1[3-9]|0)') then left(regexp_replace(t, '[^0-9]', '', 'g'), 11)
    when regexp_matches(t, '^\(?0[1-9][0-9]{1,2}\)?[-\s]*[1-9][0-9]{2,3}[-\s]?[0-9]{4}(?:[^0-9]|$)')
        then regexp_replace(regexp_extract(t, '^\(?0[1-9][0-9]{1,2}\)?[-\s]*[1-9][0-9]{2,3}[-\s]?[0-9]{4}'), '[^0-9]', '', 'g')
    when regexp_full_match(t, '[2-9][0-9]{9}') and left(t, 3) not in ('400', '800') then '0' || t
    when regexp_matches(t, '^[2-8][0-9]{6,7}(?:[^0-9]|$)') then regexp_extract(t, '^[0-9]+') end;
create or replace temp macro is_phone_filler(digits) as regexp_full_match(digits,
    '0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|13[0-9]0013[0-9]000|1?2345678[0-9]{0,3}|12345[0-9]*|0123456[0-9]*'
    || '|1[3-9][0-9](?:0{8}|1{8}|2{8}|3{8}|4{8}|5{8}|6{8}|7{8}|8{8}|9{8}|12345678|87654321)|0?[0-9]{0,3}(?:0{7,8}|1{7,8}|8{7,8})');
create or replace temp macro phone_value(digits) as case when not is_phone_filler(digits) then digits end;
create or replace temp macro phone_problem(d, digits) as case
    when d = digits then case when is_phone_filler(digits) then 'phone_filler' end
    when d is null or is_void(d) or not regexp_matches(halfwidth(d), '[0-9]') then null
    when is_phone_filler(coalesce(digits, regexp_replace(halfwidth(d), '[^0-9]', '', 'g'))) then 'phone_filler'
    when digits is null then 'phone_invalid'
    when regexp_full_match(d, '0[0-9]{2,3}-[0-9]{7,8}') then null
    else 'phone_format' end;

-- An address as it is written, in half width and without blanks; what it means is the matcher's business.
create or replace temp macro address_value(d) as case
    when is_void(d) then null when is_hazard(unprefixed(d)) then d else unprefixed(narrow(d)) end;
create or replace temp macro address_problem(d, v) as case when is_hazard(v) then 'address_hazard' end;

-- 6 digits of GB/T 2260, or the 12 of the statistical division code (9 are a township: padded; 15 a grid of a community).
create or replace temp macro region_code_value(t) as case
    when regexp_full_match(t, '[1-8][0-9]{5}(?:[0-9]{6})?') then t
    when regexp_full_match(t, '[1-8][0-9]{14}') then left(t, 12)
    when regexp_full_match(t, '[1-8][0-9]{8}') then t || '000'
    when regexp_full_match(t, '[1-8][0-9]{1}(?:[0-9]{2})?') then rpad(t, 6, '0') end;
create or replace temp macro region_code_problem(d, t, v, required) as case
    when v is not null then null
    when d is null then case when required then 'missing_value' end
    when (is_void(t) or regexp_full_match(t, '0+')) and not required then null
    else 'not_a_region' end;
