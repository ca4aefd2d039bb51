-- Every table that keeps its past can be asked for any business date: <table>_as_of(day).
do $$
declare t record;
begin
    for t in
        select n.nspname as schema_name, k.relname as name, obj_description(k.oid, 'pg_class') as said,
            (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
             where a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped) as listed
        from pg_class k join pg_namespace n on n.oid = k.relnamespace
        where k.relkind = 'r'
            and to_regclass(format('%I.%I', n.nspname, k.relname || '_history')) is not null
            and to_regprocedure(format('%I.%I(date)', n.nspname, k.relname || '_as_of')) is null
    loop
        execute format(
            'create function %1$I.%2$I(day date) returns setof %1$I.%3$I language sql stable as $f$
                select %4$s from %1$I.%3$I where version_from <= day
                union all
                select %4$s from %1$I.%5$I where version_from <= day and day < version_to
            $f$', t.schema_name, t.name || '_as_of', t.name, t.listed, t.name || '_history');
        execute format('comment on function %I.%I(date) is %L', t.schema_name, t.name || '_as_of', '某一业务日期的' || split_part(t.said, '：', 1));
    end loop;
end $$;
