-- Roles, for whoever administers the server: run as a superuser in the library database, again whenever an account was made.
--     psql --dbname jichu --file sql/roles.sql
-- `jichu up` and the compose file's first start do it by themselves. What each role may see is in the migrations (ops.grant_roles);
-- docs/security.md says how accounts are made. The loader is the database's owner, an ordinary role.
do $roles$
declare
    groups constant text[] := array['jichu_analyst', 'jichu_county', 'jichu_department', 'jichu_auditor', 'jichu_administrator', 'jichu_tiles'];
    made text;
    person record;
begin
    foreach made in array groups loop
        if not exists (select from pg_roles where rolname = made) then
            execute format('create role %I nologin', made);
        end if;
    end loop;

    -- nobody comes in by default; temporary tables are for those who work with the data
    execute format('revoke all on database %I from public', current_database());
    execute format('grant connect on database %I to %s', current_database(), array_to_string(groups, ', '));
    execute format('grant temporary on database %I to jichu_analyst, jichu_county', current_database());

    -- the account that `make run` prints; earlier releases let it read the libraries themselves
    if exists (select from pg_roles where rolname = 'analyst') then
        grant jichu_analyst to analyst;
        for person in
            select nspname as schema_name, pg_get_userbyid(nspowner) as owner from pg_namespace
            where nspname in ('population', 'legal_entity', 'geospatial', 'statistics', 'credit', 'certificate', 'registry', 'catalog', 'theme')
        loop
            execute format('revoke all on all tables in schema %I from analyst', person.schema_name);
            execute format('revoke all on schema %I from analyst', person.schema_name);
            execute format('alter default privileges for role %I in schema %I revoke select on tables from analyst', person.owner, person.schema_name);
        end loop;
    end if;

    -- what people do is written down where they cannot reach it; a session left open ends
    for person in
        select distinct m.rolname from pg_roles m
        where m.rolcanlogin and not m.rolsuper
            and exists (select from pg_roles g where g.rolname = any (groups) and g.rolname <> 'jichu_tiles' and pg_has_role(m.oid, g.oid, 'member'))
    loop
        execute format('alter role %I set log_statement = ''all''', person.rolname);
        execute format('alter role %I set statement_timeout = ''5min''', person.rolname);
        execute format('alter role %I set idle_in_transaction_session_timeout = ''5min''', person.rolname);
        execute format('alter role %I set idle_session_timeout = ''30min''', person.rolname);
        execute format('alter role %I set jit = off', person.rolname);  -- compiling a plan takes longer than a question
    end loop;

    -- the loader is nobody's account; that somebody used it to undo a guard (a trigger, a policy, a grant) stands in the server's log
    execute format('alter role %I set log_statement = ''ddl''', (select pg_get_userbyid(datdba) from pg_database where datname = current_database()));

    if to_regprocedure('ops.grant_roles()') is not null then
        perform ops.grant_roles();
    end if;

    -- a county's own instance takes what the exchange lays out for it in the schema of its name
    for person in select rolname from pg_roles where rolname ~ '^county_[0-9]{6}$' loop
        execute format('grant connect on database %I to %I', current_database(), person.rolname);
        if to_regprocedure('exchange.open_county(text)') is not null and to_regnamespace(person.rolname::text) is not null then
            perform exchange.open_county(substring(person.rolname from 8));
        end if;
    end loop;
end $roles$;
