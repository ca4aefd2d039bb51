"""The database as it explains itself: schemas, tables, views, columns, functions, keys and comments."""

from collections import defaultdict
from dataclasses import dataclass, replace

from psycopg2.extensions import connection as Connection

from etl import db
from etl.migrate import STAGING
from etl.site.words import unnumbered
from etl.spec import Registry

HIDDEN = ("pg_catalog", "information_schema", "pg_toast", "tiger", "tiger_data", "topology")
OWN = "n.nspname <> all(%s) and n.nspname not like 'pg\\_%%' and not exists (select from pg_depend x where x.objid = {oid} and x.deptype = 'e')"
SCHEMAS = f"select n.nspname, obj_description(n.oid, 'pg_namespace') from pg_namespace n where {OWN.format(oid='n.oid')} order by 1"
COLUMNS = f"""
    select n.nspname, k.relname, k.relkind::text, obj_description(k.oid, 'pg_class'), greatest(k.reltuples, 0)::bigint,
        a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(k.oid, a.attnum), p.nth
    from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
    left join lateral (
        select array_position(i.indkey::smallint[], a.attnum) as nth from pg_index i where i.indrelid = k.oid and i.indisprimary
    ) p on true
    where {OWN.format(oid="k.oid")} and n.nspname <> 'candidate' and k.relkind in ('r', 'p', 'v', 'm', 'f') and not k.relispartition
    order by 1, 2, a.attnum
"""
INDEXES = f"""
    select n.nspname || '.' || k.relname, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class k on k.oid = i.indrelid join pg_namespace n on n.oid = k.relnamespace
    where {OWN.format(oid="k.oid")} and not i.indisprimary order by 1, 2
"""
READS = f"""
    select distinct n.nspname || '.' || k.relname, tn.nspname || '.' || t.relname
    from pg_rewrite r join pg_class k on k.oid = r.ev_class join pg_namespace n on n.oid = k.relnamespace
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> k.oid
    join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
    where {OWN.format(oid="k.oid")} order by 1, 2
"""
FUNCTIONS = f"""
    select n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {OWN.format(oid="p.oid")} and p.prokind in ('f', 'p', 'a') order by 1, 2, 3
"""
KINDS = {"r": "表", "p": "表", "v": "视图", "m": "物化视图", "f": "外部表"}
UNSAID = {  # what other tools put there
    "public": "公共：扩展与迁移版本",
    "public.alembic_version": "数据库结构的版本（Alembic）",
    "public.alembic_version.version_num": "版本号（sql/migrations）",
}


@dataclass(frozen=True)
class Column:
    """A column. `key`: its place in the primary key."""

    name: str
    type: str
    required: bool
    comment: str
    key: int | None


@dataclass(frozen=True)
class Table:
    """A table or view. `estimate`: rows as PostgreSQL last counted them."""

    schema: str
    name: str
    kind: str
    comment: str
    estimate: int
    columns: tuple[Column, ...]

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Function:
    """A function that analysts may call."""

    schema: str
    name: str
    arguments: str
    result: str
    comment: str

    @property
    def anchor(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Database:
    """All of it, by path."""

    schemas: dict[str, str]
    tables: dict[str, Table]
    functions: list[Function]
    indexes: dict[str, list[str]]
    reads: dict[str, list[str]]

    def main(self, path: str) -> str:
        """The table on whose page a table stands: a history and a past stand with what they are the past of."""
        for suffix in ("_history", "__past"):
            if path.endswith(suffix) and path.removesuffix(suffix) in self.tables:
                return path.removesuffix(suffix)
        return path

    def past(self, path: str) -> Table | None:
        """The table of replaced versions, where there is one."""
        return self.tables.get(path + "_history") or self.tables.get(path + "__past")


def read(con: Connection) -> Database:
    """The database's own description."""
    hidden = [list(HIDDEN)]
    about: dict[tuple[str, str], tuple[str, str, int]] = {}
    columns: dict[tuple[str, str], list[Column]] = defaultdict(list)
    for schema, name, kind, comment, rows, column, column_type, required, said, key in db.rows(con, COLUMNS, hidden):
        path = f"{schema}.{name}"
        about[schema, name] = (kind, unnumbered(comment or UNSAID.get(path, "")), int(rows))
        columns[schema, name].append(
            Column(column, column_type, required, unnumbered(said or UNSAID.get(f"{path}.{column}", "")), key and int(key) + 1)
        )
    tables = {f"{s}.{n}": Table(s, n, KINDS[kind], comment, rows, tuple(columns[s, n])) for (s, n), (kind, comment, rows) in about.items()}
    return Database(
        {n: unnumbered(said) if said else UNSAID.get(n, "") for n, said in db.rows(con, SCHEMAS, hidden)},
        tables,
        [Function(s, n, a, r, unnumbered(said or "")) for s, n, a, r, said in db.rows(con, FUNCTIONS, hidden)],
        _listed(db.rows(con, INDEXES, hidden)),
        _listed(db.rows(con, READS, hidden)),
    )


def declared(found: Database, registry: Registry) -> Database:
    """The same with the staging tables and columns that are declared and come to be at their first delivery."""
    tables = dict(found.tables)
    for source in registry.sources.values():
        path = f"staging.{source.table}"
        known = tables.get(path)
        have = {c.name for c in known.columns} if known else set()
        fixed = {n: (kind.removesuffix(" not null"), said) for n, (kind, said) in STAGING.items()}
        cleaned = {n: (db.postgres_type(kind), said) for n, (kind, said) in registry.outputs(source).items()}
        keys = {"dataset": 1, "source_key": 2}
        missing = [Column(n, kind, False, said, keys.get(n)) for n, (kind, said) in {**fixed, **cleaned}.items() if n not in have]
        if known is None:
            comment = f"{source.title}：清洗后的现行记录（首次交付时建立）"
            tables[path] = Table("staging", source.table, "表", comment, 0, tuple(missing))
        elif missing:
            tables[path] = replace(known, columns=(*known.columns, *missing))
    return replace(found, tables=dict(sorted(tables.items())))


def _listed(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = defaultdict(list)
    for key, value in rows:
        out[key].append(value)
    return dict(out)
