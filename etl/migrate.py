"""The database's shape: Alembic over plain SQL, then the staging tables that the source specs describe."""

from functools import cache

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db
from etl.engine import literal, quote
from etl.settings import ROOT, Settings
from etl.spec import Registry, Source

MIGRATIONS = ROOT / "sql" / "migrations"
STAGING = {
    "dataset": ("text not null", "数据集：部门/数据集"),
    "source_key": ("text not null", "来源主键：各键列的交付文本以 | 相连"),
    "row_hash": ("uuid not null", "内容列交付文本的指纹"),
    "row_number": ("bigint not null", "最近一次变更所在交付中的行号"),
    "delivery_id": ("text not null", "最近一次变更的交付编号"),
    "first_delivered_on": ("date not null", "首次交付日期"),
    "delivered_on": ("date not null", "最近一次变更的交付日期"),
    "removed_on": ("date", "从全量交付中消失的日期；空为在册"),
}


def statements_of(revision: str) -> None:
    """Runs the SQL file of a revision (called by its Alembic stub)."""
    from alembic import op

    (file,) = sorted(MIGRATIONS.glob(f"{revision}_*.sql"))
    op.get_bind().exec_driver_sql(file.read_text(encoding="utf-8").replace("%", "%%"))


@cache
def head() -> str:
    """The newest revision."""
    return max(p.stem for p in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(settings: Settings) -> bool:
    """Whether the database has the newest shape."""
    exists = db.query(settings, "select to_regclass('public.alembic_version') is not null")[0][0]
    return bool(exists) and db.query(settings, "select version_num from public.alembic_version") == [(head(),)]


def migrate(settings: Settings) -> None:
    """Brings the database to the newest shape. Does nothing, quickly, when it is there already."""
    if current(settings):
        return
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, pool

    with db.lock(settings, "migrate"):
        con = db.connect(settings, autocommit=True)
        try:
            for extension in ("postgis", "pg_trgm", "fuzzystrmatch"):
                if not db.rows(con, "select 1 from pg_extension where extname = %s", [extension]):
                    db.rows(con, f"create extension if not exists {extension}")
        finally:
            con.close()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        engine = create_engine("postgresql+psycopg2://", creator=lambda: db.connect(settings), poolclass=pool.NullPool)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def terms(settings: Settings, registry: Registry) -> None:
    """Copies into ops.term how every dataset is delivered and when it is due, if it says otherwise now."""
    names = ("dataset", "department", "title", "channel", "kind", "due")
    declared = {
        s.name: (s.name, s.department, s.title, s.delivery.channel, s.delivery.kind, s.delivery.due) for s in registry.sources.values()
    }
    have = {row[0]: row for row in db.query(settings, f"select {', '.join(names)} from ops.term")}
    if have == declared:
        return
    with db.transaction(settings) as con:
        db.rows(con, "lock table ops.term in share row exclusive mode")  # tasks start side by side
        db.rows(con, "delete from ops.term where dataset <> all(%s)", [list(declared)])
        sets = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
        with con.cursor() as c:
            execute_values(
                c,
                f"insert into ops.term ({', '.join(names)}) values %s on conflict (dataset) do update set {sets}",
                list(declared.values()),
            )


def staging(con: Connection, registry: Registry, source: Source) -> None:
    """Creates the staging table of a source, or adds the columns its spec has gained; comments in Chinese."""
    table, past = f"staging.{quote(source.table)}", f"staging.{quote(source.table + '__past')}"
    wanted = {n: (db.postgres_type(kind), title) for n, (kind, title) in registry.outputs(source).items()}
    if set(STAGING) | set(wanted) <= _columns(con, table):
        return
    db.rows(con, "select pg_advisory_xact_lock(hashtext(%s))", [table])  # departments share a table, and may all come first at once
    have = _columns(con, table)
    if not have:
        fixed = ", ".join(f"{quote(n)} {kind}" for n, (kind, _) in STAGING.items())
        db.rows(con, f"create table if not exists {table} ({fixed}, primary key (dataset, source_key))")
        db.rows(con, f"comment on table {table} is {literal(source.title + '：清洗后的现行记录')}")
        db.rows(con, f"create table if not exists {past} (like {table}, replaced_on date not null)")
        db.rows(con, f"create index on {past} (dataset)")
        db.rows(con, f"comment on table {past} is {literal(source.title + '：被后来交付替换的旧版本')}")
    for name, (kind, title) in {**STAGING, **wanted}.items():
        if name not in have:
            db.rows(con, f"alter table {table} add column if not exists {quote(name)} {kind}")
            db.rows(con, f"alter table {past} add column if not exists {quote(name)} {kind.removesuffix(' not null')}")
        db.rows(con, f"comment on column {table}.{quote(name)} is {literal(title)}")
        db.rows(con, f"comment on column {past}.{quote(name)} is {literal(title)}")
    db.rows(con, f"comment on column {past}.replaced_on is '被替换的交付日期'")


def _columns(con: Connection, table: str) -> set[str]:
    """Names of a table's columns; none when it does not exist."""
    sql = "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
    return {r[0] for r in db.rows(con, sql, [table])}
