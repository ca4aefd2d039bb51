-- Who may see what: masked views for analysts, its own rows for each division and department, and names by request, in a log that nobody rewrites.
-- The roles themselves are made by sql/roles.sql (an administrator's work); ops.grant_roles() gives them what is theirs as soon as they exist.

-- ── masked: what analysts read of people and parties ──
create schema masked;
comment on schema masked is '脱敏视图：分析人员所读的人口、法人、信用、证照；姓名、号码、电话、住址已遮盖，点位归到约一百米的小格';

-- parsed here and now, not when it is called: an index stands on it, and a restore knows no search path
create function masked.mesh(g geometry) returns geometry language sql immutable strict parallel safe
    return st_setsrid(st_makepoint(floor(st_x(g) * 1000) / 1000 + 0.0005, floor(st_y(g) * 1000) / 1000 + 0.0005), 4490);
comment on function masked.mesh(geometry) is '点位所在小格（经纬度各 0.001 度）的中心：与原点相差不超过 75 米';

-- No digit of the number: with the birth date beside it, the usual 6+4 digits would be the whole number. No plate: the point tells the mesh alone.
create view masked.person as
select person_id, mask.name(name) as name, citizen_id is not null as has_citizen_id, sex_code, ethnicity_code, birth_date, death_date, birth_place_code,
    marital_status_code, education_code, mask.phone(phone) as phone, household_id, mask.address(registered_address) as registered_address, registered_region_code,
    mask.address(residence_address) as residence_address, residence_region_code, masked.mesh(geom)::geometry(Point, 4490) as geom, living_status, version_from
from population.person;
create view masked.person_history as
select person_id, mask.name(name) as name, citizen_id is not null as has_citizen_id, sex_code, ethnicity_code, birth_date, death_date, birth_place_code,
    marital_status_code, education_code, mask.phone(phone) as phone, household_id, mask.address(registered_address) as registered_address, registered_region_code,
    mask.address(residence_address) as residence_address, residence_region_code, masked.mesh(geom)::geometry(Point, 4490) as geom, living_status, version_from, version_to
from population.person_history;
create function masked.person_as_of(day date) returns setof masked.person language sql stable as $$
    select * from masked.person where version_from <= day
    union all
    select person_id, name, has_citizen_id, sex_code, ethnicity_code, birth_date, death_date, birth_place_code, marital_status_code, education_code, phone, household_id,
        registered_address, registered_region_code, residence_address, residence_region_code, geom, living_status, version_from
    from masked.person_history where version_from <= day and day < version_to
$$;
comment on function masked.person_as_of(date) is '某一业务日期的人口（脱敏）';

-- A record's key may be a number (a pupil's 学籍号 holds one): records are told without it.
create view masked.person_record as select dataset, role, person_id, rule, probability from population.person_record;
create view masked.kinship as select person_id, related_person_id, relation, since, until from population.kinship;
create view masked.employment as select person_id, entity_id, dataset, since, until from population.employment;
create view masked.person_redirect as select old_id, new_id, at, why from population.person_redirect;

create view masked.entity as
select entity_id, uscc, organization_code, registration_number, case when kind = 'self_employed' then mask.party(name) else name end as name,
    case when kind <> 'self_employed' then former_names end as former_names, kind, type_code, parent_entity_id, mask.name(legal_representative) as legal_representative,
    registered_capital, registered_capital_currency, industry_code, established_on, status, closed_on, address, region_code, address_code, geom, version_from
from legal_entity.entity;
create view masked.entity_history as
select entity_id, uscc, organization_code, registration_number, case when kind = 'self_employed' then mask.party(name) else name end as name,
    case when kind <> 'self_employed' then former_names end as former_names, kind, type_code, parent_entity_id, mask.name(legal_representative) as legal_representative,
    registered_capital, registered_capital_currency, industry_code, established_on, status, closed_on, address, region_code, address_code, geom, version_from, version_to
from legal_entity.entity_history;
create function masked.entity_as_of(day date) returns setof masked.entity language sql stable as $$
    select * from masked.entity where version_from <= day
    union all
    select entity_id, uscc, organization_code, registration_number, name, former_names, kind, type_code, parent_entity_id, legal_representative, registered_capital,
        registered_capital_currency, industry_code, established_on, status, closed_on, address, region_code, address_code, geom, version_from
    from masked.entity_history where version_from <= day and day < version_to
$$;
comment on function masked.entity_as_of(date) is '某一业务日期的单位（脱敏）';
create view masked.entity_record as select dataset, role, entity_id, rule, probability from legal_entity.entity_record;
create view masked.entity_redirect as select old_id, new_id, at, why from legal_entity.entity_redirect;
create view masked.person_role as select entity_id, person_id, role from legal_entity.person_role;

-- Repaired records vanish from every use, not from the public page alone; of persons, neither free text nor numbers of documents.
create view masked.permit as
select dataset, entity_id, person_id, case when entity_id is null then mask.name(subject_name) else mask.party(subject_name) end as subject_name, decided_on, valid_from,
    valid_to, displayed_until, xk_xkws, case when entity_id is not null then xk_wsh end as xk_wsh, xk_xklb, xk_xkzs, case when entity_id is not null then xk_nr end as xk_nr, xk_xkjg, xk_zt
from credit.permit;
create view masked.penalty as
select dataset, entity_id, person_id, case when entity_id is null then mask.name(subject_name) else mask.party(subject_name) end as subject_name, decided_on, valid_to,
    displayed_until, severity, case when entity_id is not null then cf_wsh end as cf_wsh, cf_wfxw, case when entity_id is not null then cf_sy end as cf_sy, cf_yj, cf_cflb, cf_nr_fk, cf_nr_wfff, cf_cfjg
from credit.penalty p
where repaired_on is null and not exists (select from credit.repaired r where r.dataset = p.dataset and r.source_key = p.source_key);
create view masked.list_entry as
select dataset, list, entity_id, person_id, case when entity_id is null then mask.name(subject_name) else mask.party(subject_name) end as subject_name, reason, decided_by,
    listed_on, removed_on, valid_to, displayed_until, amount, case when entity_id is not null then document_number end as document_number
from credit.list_entry p
where not exists (select from credit.repaired r where r.dataset = p.dataset and r.source_key = p.source_key);
create view masked.rating as select dataset, entity_id, mask.party(subject_name) as subject_name, scheme, year, grade from credit.rating;
create view masked.certificate as
select dataset, entity_id, person_id, type_code, type_name, case when entity_id is not null then certificate_id end as certificate_id,
    case when entity_id is not null then number end as number, case when entity_id is null then mask.name(holder_name) else mask.party(holder_name) end as holder_name,
    issuer, issued_on, valid_from, valid_to, status
from certificate.certificate;
create view masked.address_match as select dataset, role, region_code, level, score from geospatial.address_match;
create view masked.grid_cell as select dataset, source_key, name, category, region_code, mask.name(manager) as manager, geom, version_from from geospatial.grid_cell;
-- Counted as it is looked at: a map asks for the cells in its window alone.
create view masked.grid_resident as
select g.dataset, g.source_key, g.name, g.region_code, (
    select count(*) from population.person p
    where p.living_status = 'living' and st_contains(g.geom, masked.mesh(p.geom)::geometry(Point, 4490))
) as residents, g.geom
from geospatial.grid_cell g;

-- The exact points are nobody's way in any more: the index is that of the mesh, at the same cost.
drop index population.person_geom_idx;
create index person_mesh_idx on population.person using gist ((masked.mesh(geom)::geometry(Point, 4490)));

-- ── access: who may see what, and who saw it ──
create schema access;
comment on schema access is '查阅：账号的范围、查看未脱敏内容的申请与记录';

create table access.account (
    id bigint generated always as identity primary key,
    login text not null,
    divisions text[],
    departments text[],
    unmasked boolean not null default false,
    until date not null,
    granted_by text not null,
    why text not null check (length(btrim(why)) >= 5),
    granted_at timestamptz not null default now(),
    ended_at timestamptz,
    ended_by text,
    constraint divisions_are_codes check (array_to_string(divisions, ',') ~ '^([0-9]{6}|[0-9]{9}|[0-9]{12})(,([0-9]{6}|[0-9]{9}|[0-9]{12}))*$'),
    constraint some_divisions check (cardinality(divisions) > 0)
);
create unique index one_account_stands on access.account (login) where ended_at is null;
comment on table access.account is '账号的范围：哪个登录名管哪些区划、哪些部门，可否申请查看未脱敏内容，到哪一天；由管理员授予，旧的留作记录';
comment on column access.account.id is '编号';
comment on column access.account.login is '数据库登录名，一人一个';
comment on column access.account.divisions is '区划代码（6 位区县、9 位街道乡镇或 12 位社区村）；空：不限于区划';
comment on column access.account.departments is '部门代号；空：不代表任何部门';
comment on column access.account.unmasked is '可否申请查看未脱敏内容';
comment on column access.account.until is '到期日（含）';
comment on column access.account.granted_by is '谁授予';
comment on column access.account.why is '理由';
comment on column access.account.granted_at is '授予时间';
comment on column access.account.ended_at is '停用时间；空为有效';
comment on column access.account.ended_by is '谁停用';

create table access.log (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    login text not null,
    client inet,
    action text not null check (action in ('ask', 'read', 'admit', 'dismiss')),
    subjects text[] not null default '{}',
    reason text,
    request bigint,
    transaction xid8 not null default pg_current_xact_id(),
    previous bytea,
    hash bytea not null
);
comment on table access.log is '查阅记录：申请、查看、授予、停用各一行；只增不改，每行的摘要含上一行的摘要，并同时写入服务器日志';
comment on column access.log.id is '编号';
comment on column access.log.at is '时间';
comment on column access.log.login is '登录名';
comment on column access.log.client is '来自何处（网络地址）；空为本机';
comment on column access.log.action is 'ask 申请，read 查看，admit 授予，dismiss 停用';
comment on column access.log.subjects is '查阅了谁（人口标识），或授予、停用了谁（登录名）';
comment on column access.log.reason is '理由';
comment on column access.log.request is '查看所凭的申请编号';
comment on column access.log.transaction is '事务号：申请提交之后才能查看';
comment on column access.log.previous is '上一行的摘要';
comment on column access.log.hash is '本行的摘要（SHA-256），含上一行的摘要';

create function access.digest(l access.log) returns bytea language sql stable as $$
    select sha256(convert_to(concat_ws(e'\x1f', l.id, extract(epoch from l.at), l.login, coalesce(host(l.client), ''), l.action, array_to_string(l.subjects, e'\x1e'),
        coalesce(l.reason, ''), coalesce(l.request, 0), l.transaction::text, coalesce(encode(l.previous, 'hex'), '')), 'UTF8'))
$$;
comment on function access.digest(access.log) is '一行查阅记录的摘要';

create function access.chained() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        raise exception '查阅记录只增不改' using errcode = 'insufficient_privilege';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception '申请与查看请用默认的事务隔离级别（read committed）' using errcode = 'invalid_transaction_state';
    end if;
    -- one after another, numbered in the order of the chain
    perform pg_advisory_xact_lock(hashtext('jichu access.log'));
    new.id := nextval('access.log_id_seq');
    new.previous := (select hash from access.log order by id desc limit 1);
    new.hash := access.digest(new);
    -- beside the table: the server's own log, which none of these roles can reach and no rollback takes back
    raise log 'jichu access % % by %: %', new.id, new.action, new.login, encode(new.hash, 'hex');
    return new;
end $$;
comment on function access.chained() is '触发器：查阅记录接上一行的摘要，不许改、不许删';
create trigger chained before insert on access.log for each row execute function access.chained();
create trigger never_changed before update or delete on access.log for each row execute function access.chained();
create trigger never_emptied before truncate on access.log for each statement execute function access.chained();

create function access.verify() returns table (id bigint, problem text) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select l.id, case when l.hash is distinct from access.digest(l) then '本行与其摘要不符' else '与上一行接不上' end
    from (select x as l, lag(x.hash) over (order by x.id) as before from access.log x) y, lateral (select (y.l).*) l
    where l.hash is distinct from access.digest(y.l) or l.previous is distinct from y.before
    order by 1
$$;
comment on function access.verify() is '核对查阅记录的摘要链：没有行即完好';

-- Who asks is who logged in: SET ROLE changes nothing, and a function with its owner's rights does not either.
create function access.scope() returns access.account language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select a from access.account a where a.login = session_user and a.ended_at is null and a.until >= current_date
$$;
comment on function access.scope() is '当前登录名的有效范围；没有则为空';

create function access.divisions() returns text[] language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select array_agg(d || '%') from unnest((access.scope()).divisions) d
$$;
comment on function access.divisions() is '当前登录名的区划，写成 like 的样式；没有则为空';

create function access.departments() returns text[] language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce((access.scope()).departments, '{}')
$$;
comment on function access.departments() is '当前登录名所代表的部门';

create function access.admit(login text, why text, divisions text[] default null, departments text[] default null, unmasked boolean default false, until date default current_date + 180)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if admit.login = session_user then
        raise exception '不能给自己授权，请另一位管理员来办' using errcode = 'insufficient_privilege';
    end if;
    if not exists (select from pg_roles r where r.rolname = admit.login and r.rolcanlogin) then
        raise exception '没有登录名 %；请数据库管理员先建，见 docs/security.md', admit.login using errcode = 'undefined_object';
    end if;
    update access.account a set ended_at = now(), ended_by = session_user where a.login = admit.login and a.ended_at is null;
    insert into access.account (login, divisions, departments, unmasked, until, granted_by, why)
    values (admit.login, admit.divisions, admit.departments, admit.unmasked, admit.until, session_user, admit.why);
    insert into access.log (login, client, action, subjects, reason) values (session_user, inet_client_addr(), 'admit', array[admit.login], admit.why);
end $$;
comment on function access.admit(text, text, text[], text[], boolean, date) is '授予一个登录名的范围（取代原有的），须写理由；不能授予自己；默认半年到期';

create function access.dismiss(login text, why text) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update access.account a set ended_at = now(), ended_by = session_user where a.login = dismiss.login and a.ended_at is null;
    if not found then
        raise exception '登录名 % 没有有效的范围', dismiss.login using errcode = 'undefined_object';
    end if;
    insert into access.log (login, client, action, subjects, reason) values (session_user, inet_client_addr(), 'dismiss', array[dismiss.login], dismiss.why);
end $$;
comment on function access.dismiss(text, text) is '停用一个登录名的范围，须写理由';

create function access.ask(reason text, person_ids text[]) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    request bigint;
begin
    if not coalesce((access.scope()).unmasked, false) then
        raise exception '此账号没有查看未脱敏内容的授权' using errcode = 'insufficient_privilege';
    end if;
    if length(btrim(coalesce(reason, ''))) < 5 or coalesce(cardinality(person_ids), 0) not between 1 and 200 then
        raise exception '请写明理由（至少五个字），一次申请 1 至 200 人' using errcode = 'invalid_parameter_value';
    end if;
    insert into access.log (login, client, action, subjects, reason) values (session_user, inet_client_addr(), 'ask', person_ids, reason) returning id into request;
    return request;
end $$;
comment on function access.ask(text, text[]) is '申请查看这些人的未脱敏内容：记下谁、何时、为何、查谁，返回申请编号；提交之后一小时内凭编号用 access.person(编号) 查看';

create function access.person(request bigint) returns setof population.person language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    asked access.log;
    scope access.account := access.scope();
begin
    select * into asked from access.log l where l.id = person.request and l.action = 'ask' and l.login = session_user and l.at > now() - interval '1 hour';
    if not found or not coalesce(scope.unmasked, false) then
        raise exception '没有这个申请，或已过一小时，或授权已到期' using errcode = 'insufficient_privilege';
    end if;
    -- the request must be committed, or a rollback would take it back after the reading
    if asked.transaction = pg_current_xact_id() then
        raise exception '请先提交申请（commit），再查看' using errcode = 'insufficient_privilege';
    end if;
    insert into access.log (login, client, action, subjects, request) values (session_user, inet_client_addr(), 'read', asked.subjects, asked.id);
    return query select p.* from population.person p
        where p.person_id = any (asked.subjects) and (scope.divisions is null or p.residence_region_code like any (access.divisions()));
end $$;
comment on function access.person(bigint) is '凭申请编号查看未脱敏的人口记录；限区划的账号只见其区划的人';

-- ── division: the rows of one's own division ──
create schema division;
comment on schema division is '区划视图：区县、街道乡镇的账号只见本区划的行，遮盖同 masked';
create view division.person with (security_barrier = true) as
select p.* from masked.person p where p.residence_region_code like any ((select access.divisions())::text[]);
create view division.entity with (security_barrier = true) as
select e.* from masked.entity e where e.region_code like any ((select access.divisions())::text[]);
create view division.permit with (security_barrier = true) as select p.* from masked.permit p where p.entity_id in (select entity_id from division.entity);
create view division.penalty with (security_barrier = true) as select p.* from masked.penalty p where p.entity_id in (select entity_id from division.entity);
create view division.list_entry with (security_barrier = true) as select p.* from masked.list_entry p where p.entity_id in (select entity_id from division.entity);
create view division.certificate with (security_barrier = true) as select p.* from masked.certificate p where p.entity_id in (select entity_id from division.entity);

-- ── what views call on behalf of whoever reads them ──
alter function theme.business_day() security definer set search_path = pg_catalog, pg_temp;
alter function registry.progress_as_of(date) security definer set search_path = pg_catalog, pg_temp;

-- ── grants ──
create function ops.grant_roles() returns void language plpgsql as $$
declare
    known constant text[] := array['jichu_analyst', 'jichu_county', 'jichu_department', 'jichu_auditor', 'jichu_administrator', 'jichu_tiles'];
    g record;
begin
    revoke execute on all functions in schema access from public;
    -- role, schema, tables (* = all, also those to come)
    for g in
        select w.role, w.schema_name, w.tables from (values
            ('jichu_analyst', 'masked', '*'), ('jichu_analyst', 'theme', '*'), ('jichu_analyst', 'statistics', '*'), ('jichu_analyst', 'catalog', '*'),
            ('jichu_analyst', 'registry', '*'), ('jichu_analyst', 'geospatial', 'region,region_history,address,address_history,place,place_history,parcel,parcel_history,building,building_history'),
            ('jichu_analyst', 'credit', 'display_term'), ('jichu_analyst', 'mask', ''), ('jichu_analyst', 'access', ''),
            ('jichu_county', 'division', '*'), ('jichu_county', 'theme', '*'), ('jichu_county', 'statistics', '*'), ('jichu_county', 'catalog', '*'),
            ('jichu_county', 'geospatial', 'region,region_history,address,address_history,place,place_history,parcel,parcel_history,building,building_history'),
            ('jichu_county', 'mask', ''), ('jichu_county', 'access', ''),
            ('jichu_tiles', 'theme', '*'), ('jichu_tiles', 'geospatial', 'region,place,parcel,building'),
            ('jichu_department', 'ops', 'delivery'), ('jichu_department', 'quality', 'quarantine,finding,result'), ('jichu_department', 'catalog', '*'), ('jichu_department', 'access', ''),
            ('jichu_auditor', 'access', 'log,account'), ('jichu_auditor', 'ops', 'delivery,publication,stage,decision'), ('jichu_auditor', 'match', 'judgement'),
            ('jichu_administrator', 'access', 'account'), ('jichu_administrator', 'ops', 'delivery,publication,stage,hold,decision,pending'),
            ('jichu_administrator', 'quality', 'result'), ('jichu_administrator', 'catalog', '*')
        ) w(role, schema_name, tables)
        where exists (select from pg_roles where rolname = w.role)
    loop
        execute format('grant usage on schema %I to %I', g.schema_name, g.role);
        if g.tables = '*' then
            execute format('grant select on all tables in schema %I to %I', g.schema_name, g.role);
            execute format('alter default privileges for role %I in schema %I grant select on tables to %I',
                (select pg_get_userbyid(nspowner) from pg_namespace where nspname = g.schema_name), g.schema_name, g.role);
        elsif g.tables <> '' then
            execute format('grant select on %s to %I',
                (select string_agg(format('%I.%I', g.schema_name, t), ', ') from unnest(string_to_array(g.tables, ',')) t), g.role);
        end if;
    end loop;
    perform ops.grant_functions(known);
    perform ops.grant_rows(known);
end $$;
comment on function ops.grant_roles() is '把各角色应有的权限与行级策略授予已经存在的角色；可重复执行，由迁移与 sql/roles.sql 调用';

create function ops.grant_functions(known text[]) returns void language plpgsql as $$
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
end $$;
comment on function ops.grant_functions(text[]) is 'ops.grant_roles() 的一部分：可以调用的函数';

-- A department sees the rows of its own deliveries, as it delivered them; of a disagreement what it said itself, not what others said.
create function ops.grant_rows(known text[]) returns void language plpgsql as $$
declare
    g record;
begin
    for g in
        select w.table_name, w.column_name from (values
            ('ops.delivery', 'dataset'), ('quality.quarantine', 'dataset'), ('quality.finding', 'dataset'), ('quality.result', 'target'), ('quality.disagreement', 'other_from')
        ) w(table_name, column_name)
    loop
        execute format('alter table %s enable row level security', g.table_name);
        if exists (select from pg_roles where rolname = 'jichu_department' and rolname = any (known)) then
            execute format('drop policy if exists own_department on %s', g.table_name);
            execute format('create policy own_department on %s for select to jichu_department using (split_part(%I, ''/'', 1) = any ((select access.departments())::text[]))',
                g.table_name, g.column_name);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'jichu_department') then
        grant select (library, record_id, field, kept_from, other_value, other_from, other_key, opened_at, closed_at) on quality.disagreement to jichu_department;
    end if;
    for g in
        select w.role, w.table_name from (values
            ('jichu_auditor', 'ops.delivery'), ('jichu_administrator', 'ops.delivery'), ('jichu_administrator', 'quality.result')
        ) w(role, table_name)
        where w.role = any (known) and exists (select from pg_roles where rolname = w.role)
    loop
        execute format('drop policy if exists %I on %s', 'all_of_' || g.role, g.table_name);
        execute format('create policy %I on %s for select to %I using (true)', 'all_of_' || g.role, g.table_name, g.role);
    end loop;
end $$;
comment on function ops.grant_rows(text[]) is 'ops.grant_roles() 的一部分：各部门只见自己交付的行';

select ops.grant_roles();

-- ── a column is explained once: in a view as in the table it comes from ──
do $$
declare
    v record;
    said text;
begin
    for v in
        select n.nspname as schema_name, k.relname, a.attname, f.base from pg_class k join pg_namespace n on n.oid = k.relnamespace
        join pg_attribute a on a.attrelid = k.oid and a.attnum > 0
        join (values
            ('person', 'population.person'), ('person_history', 'population.person_history'), ('person_record', 'population.person_record'), ('kinship', 'population.kinship'),
            ('employment', 'population.employment'), ('person_redirect', 'population.person_redirect'), ('entity', 'legal_entity.entity'),
            ('entity_history', 'legal_entity.entity_history'), ('entity_record', 'legal_entity.entity_record'), ('entity_redirect', 'legal_entity.entity_redirect'),
            ('person_role', 'legal_entity.person_role'), ('permit', 'credit.permit'), ('penalty', 'credit.penalty'), ('list_entry', 'credit.list_entry'), ('rating', 'credit.rating'),
            ('certificate', 'certificate.certificate'), ('address_match', 'geospatial.address_match'), ('grid_cell', 'geospatial.grid_cell'), ('grid_resident', 'geospatial.grid_cell')
        ) f(relname, base) on f.relname = k.relname
        where n.nspname in ('masked', 'division') and k.relkind = 'v'
    loop
        said := case
            when v.attname = 'has_citizen_id' then '有无公民身份号码；号码本身要凭申请查看'
            when v.attname = 'residents' then '居住人口（不含死亡、迁出），按居住地所在小格'
            when v.attname = 'geom' and v.relname like 'person%' then '居住地所在小格（约一百米见方）的中心，CGCS2000（EPSG:4490）'
            else (select col_description(a.attrelid, a.attnum) from pg_attribute a where a.attrelid = v.base::regclass and a.attname = v.attname)
                || case when v.attname in ('legal_representative', 'phone', 'residence_address', 'registered_address', 'subject_name', 'holder_name', 'manager')
                    or (v.attname = 'name' and v.relname like 'person%') then '（已遮盖）'
                    when v.attname = 'name' and v.relname like 'entity%' then '（个体工商户以姓名为字号的已遮盖）' else '' end
            end;
        execute format('comment on column %I.%I.%I is %L', v.schema_name, v.relname, v.attname, said);
        execute format('comment on view %I.%I is %L', v.schema_name, v.relname, case v.relname when 'grid_resident' then '社会治理网格的居住人口' else split_part(obj_description(v.base::regclass, 'pg_class'), '；', 1) end
            || case v.schema_name when 'division' then '（脱敏，只有本区划的）' else '（脱敏）' end);
    end loop;
end $$;
