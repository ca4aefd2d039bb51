-- What questions at a million persons need, and one way for tables to get their past.

-- ── <table>_as_of(day): by one function, from here on ──
create function ops.make_as_of(schema_name text, table_name text) returns void language plpgsql as $$
declare
    subject regclass := to_regclass(format('%I.%I', schema_name, table_name));
    history regclass := to_regclass(format('%I.%I', schema_name, table_name || '_history'));
    listed text;
begin
    if subject is null or history is null then
        raise exception '没有 %.% 或它的历史表 %_history', schema_name, table_name, table_name using errcode = 'undefined_table';
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum) into listed from pg_attribute where attrelid = subject and attnum > 0 and not attisdropped;
    execute format('drop function if exists %I.%I(date)', schema_name, table_name || '_as_of');
    execute format(
        'create function %1$I.%2$I(day date) returns setof %1$I.%3$I language sql stable as $f$
            select %4$s from %1$I.%3$I where version_from <= day
            union all
            select %4$s from %1$I.%5$I where version_from <= day and day < version_to
        $f$', schema_name, table_name || '_as_of', table_name, listed, table_name || '_history');
    execute format('comment on function %I.%I(date) is %L', schema_name, table_name || '_as_of', '某一业务日期的' || split_part(obj_description(subject, 'pg_class'), '：', 1));
end $$;
comment on function ops.make_as_of(text, text) is '为一张有历史表的表建（重建）按业务日期取数的函数 <表>_as_of(日期)；迁移中新建表或加列之后调用';

-- ── a million persons ──
-- Questions by age read what the index tells and leave the wide rows alone (index-only scans: the code of the residence, of the registration, the household).
create index person_living_idx on population.person (birth_date) include (person_id, residence_region_code, registered_region_code, household_id)
where living_status = 'living';
-- What changed since a day: of a million rows, those of a week.
create index person_version_idx on population.person (version_from);
create index person_history_version_idx on population.person_history (version_to);
-- The nearest school: among hundreds, not among all entities.
create index entity_school_idx on legal_entity.entity using gist (geom) where kind = 'school' and status = 'open';
