-- Pseudonyms have a secret of their own, the auditor sees no key that holds a number, and what the command line shows of people is on record.

-- ── the secret of the pseudonyms ──
-- Until here the database's identity was the key; that is no secret (folders and mails are named after it).
create table mask.secret (
    key bytea not null check (length(key) = 64),
    inner_pad bytea not null,
    outer_pad bytea not null,
    algorithm text not null,
    made_at timestamptz not null default now()
);
create unique index one_secret on mask.secret ((true));
comment on table mask.secret is '化名的密钥：建库时随机生成，只有属主可读；换了它，化名全变，与从前给出的对不上';
comment on column mask.secret.key is '密钥，64 字节';
comment on column mask.secret.inner_pad is '密钥与 0x36 逐字节异或（HMAC）';
comment on column mask.secret.outer_pad is '密钥与 0x5c 逐字节异或（HMAC）';
comment on column mask.secret.algorithm is 'HMAC-SM3（GB/T 32905），服务器的密码库不提供时为 HMAC-SHA-256';
comment on column mask.secret.made_at is '生成时间';

do $$
declare
    place text;
    key bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    pads bytea[] := array[key, key];
    body text;
begin
    for i in 0..63 loop
        pads[1] := set_byte(pads[1], i, get_byte(key, i) # 54);
        pads[2] := set_byte(pads[2], i, get_byte(key, i) # 92);
    end loop;
    begin
        create extension if not exists pgcrypto;  -- trusted: an ordinary owner may
        select n.nspname into place from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pgcrypto';
        execute format('select %I.hmac(''abc'', ''key'', ''sm3'')', place);
    exception when others then  -- not installed, or a cryptographic library without SM3
        place := null;
    end;
    body := case when place is null then 'sha256(s.outer_pad || sha256(s.inner_pad || convert_to(t, ''UTF8'')))'
        else format('%I.hmac(convert_to(t, ''UTF8''), s.key, ''sm3'')', place) end;
    execute format('create function mask.keyed(t text) returns text language sql stable strict parallel safe security definer set search_path = pg_catalog as $f$ select encode(%s, ''hex'') from mask.secret s $f$', body);
    insert into mask.secret (key, inner_pad, outer_pad, algorithm) values (key, pads[1], pads[2], case when place is null then 'HMAC-SHA-256' else 'HMAC-SM3' end);
end $$;
revoke all on function mask.keyed(text) from public;
comment on function mask.keyed(text) is '化名：以本库密钥算的 HMAC-SM3，十六进制；没有密钥，穷举号码也对不上；只有属主可调用';

-- A letter before the number (a pupil's 学籍号 is G and the number) does not hide it.
create or replace function mask.key(t text) returns text language sql stable parallel safe security definer set search_path = pg_catalog as $$
    select case
        when t ~ '(?<![0-9])[1-8][0-9]{5}(?:(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9Xx](?:[0-9]{2})?|[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9][0-9]{3})(?![0-9])'
            then 'k' || mask.keyed(t)
        else t end
$$;
comment on function mask.key(text) is '来源主键：含身份号码的换成化名（仍然唯一、前后一致，见 mask.keyed），其余原样';

-- ── the auditor reads judgements, not keys ──
create view access.judgement as
select id, kind, split_part(left_record, '|', 1) || '|' || mask.key(substring(left_record from '^[^|]*\|(.*)\|[^|]*$')) || '|' || substring(left_record from '[^|]*$') as left_record,
    split_part(right_record, '|', 1) || '|' || mask.key(substring(right_record from '^[^|]*\|(.*)\|[^|]*$')) || '|' || substring(right_record from '[^|]*$') as right_record,
    verdict, by,
    regexp_replace(why, '[0-9]{11,}[0-9Xx]?', '****', 'g') as why, at, until, withdrawn_at, withdrawn_by,
    regexp_replace(withdrawn_why, '[0-9]{11,}[0-9Xx]?', '****', 'g') as withdrawn_why
from match.judgement;
do $$
declare
    c record;
begin
    for c in select attname, col_description(attrelid, attnum) as said from pg_attribute where attrelid = 'match.judgement'::regclass and attnum > 0 loop
        execute format('comment on column access.judgement.%I is %L', c.attname,
            c.said || case when c.attname like '%_record' then '；主键含身份号码的换成化名' when c.attname like '%why' then '（长号码已遮盖）' else '' end);
    end loop;
end $$;
comment on view access.judgement is '人工裁决，供审计：记录的主键含身份号码的换成化名';

-- ── what the command line shows of people ──
alter table access.log drop constraint log_action_check;
alter table access.log add constraint log_action_check check (action in ('ask', 'read', 'admit', 'dismiss', 'show'));
comment on column access.log.action is 'ask 申请，read 查看，admit 授予，dismiss 停用，show 命令行显示（理由里写着命令，--unmasked 为不遮盖）';
comment on column access.log.login is '登录名；命令行的为操作系统用户@机器';
comment on column access.log.subjects is '查阅了谁（人口标识，或主键已换成化名的记录），或授予、停用了谁（登录名）';

-- ── grants ──
create or replace function ops.grant_functions(known text[]) returns void language plpgsql as $$
declare
    g record;
begin
    for g in
        select w.role, w.what from (values
            ('jichu_analyst', 'access.ask(text, text[]), access.person(bigint), access.scope(), access.divisions()'),
            ('jichu_county', 'access.ask(text, text[]), access.person(bigint), access.scope(), access.divisions()'),
            ('jichu_department', 'access.scope(), access.departments()'),
            ('jichu_auditor', 'access.verify(), access.digest(access.log)'),
            ('jichu_administrator', 'access.admit(text, text, text[], text[], boolean, date), access.dismiss(text, text)')
        ) w(role, what)
        where w.role = any (known) and exists (select from pg_roles where rolname = w.role)
    loop
        execute format('grant execute on function %s to %I', g.what, g.role);
    end loop;
    if 'jichu_auditor' = any (known) and exists (select from pg_roles where rolname = 'jichu_auditor') then
        revoke select on match.judgement from jichu_auditor;  -- its keys may be numbers
        revoke usage on schema match from jichu_auditor;
        grant select on access.judgement to jichu_auditor;
    end if;
end $$;
select ops.grant_roles();
