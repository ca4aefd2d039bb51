-- 电子证照标识, GB/T 36904-2018: root.type(18 + 3).issuer.serial.version.check; the check is ISO 7064 MOD 37,36 over
-- type + issuer + serial + version, without the dots and without the root.

create or replace temp macro certificate_body(t) as regexp_extract(t, '^1\.2\.156\.3005\.2\.([0-9A-Z]{21}\.[0-9A-Z]+\.[0-9A-Z]+\.[0-9]{3})\.[0-9A-Z]$', 1);
create or replace temp macro certificate_remainder(body) as list_reduce(
    list_transform(string_split(replace(body, '.', ''), ''), lambda c: strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', c)::int - 1),
    lambda p, v: (case when (p + v) % 36 = 0 then 36 else (p + v) % 36 end) * 2 % 37, 36);
create or replace temp macro certificate_id_state(t, body) as case
    when t is null then 'missing' when body = '' then 'invalid'
    when (certificate_remainder(body) + strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', right(t, 1)) - 1) % 36 = 1 then 'ok'
    else 'invalid' end;
create or replace temp macro certificate_id_problem(d, body, state) as case
    when state = 'missing' then case when d is not null then 'certificate_missing' end
    when body = '' then 'certificate_form'
    when state = 'invalid' then 'certificate_check' end;
