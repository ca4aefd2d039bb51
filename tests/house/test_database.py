"""The database after the migrations: everything is explained in Chinese, and the libraries' pages and tables are of one mind."""

from pathlib import Path

import psycopg2
import pytest

from etl import migrate, spec
from etl.platform.postgres import Cluster
from etl.settings import Settings, load

OURS = "nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'tiger', 'tiger_data', 'topology') and nspname not like 'pg_temp%' and nspname not like 'pg_toast%'"
FOREIGN = "('spatial_ref_sys', 'geography_columns', 'geometry_columns', 'raster_columns', 'raster_overviews', 'alembic_version')"
TABLES = sorted((t, library.name) for library in spec.load().libraries.values() for t in library.tables)


@pytest.fixture(scope="module")
def migrated(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of the newest shape with every staging table, made by an ordinary role."""
    postgis_cluster.server.create_database("house", "jichu", template="pristine")
    url, folder = postgis_cluster.role_url("jichu", "house"), tmp_path_factory.mktemp("house")
    migrate.migrate(Settings(url, folder, folder, "duckdb", 512, load(as_of="2018-03-01").today, 30.0, 1000))
    registry, con = spec.load(), psycopg2.connect(url)
    with con:
        for source in registry.sources.values():
            migrate.staging(con, registry, source)
    con.close()
    return url


def asked(url: str, sql: str) -> list[tuple[str, ...]]:
    con = psycopg2.connect(url)
    try:
        with con.cursor() as c:
            c.execute(sql)
            return list(c.fetchall())
    finally:
        con.close()


def test_every_schema_is_explained_in_chinese(migrated: str) -> None:
    assert (
        asked(
            migrated,
            f"select nspname from pg_namespace where {OURS} and nspname <> 'public' and coalesce(obj_description(oid, 'pg_namespace'), '') !~ '[一-龥]'",
        )
        == []
    )


def test_every_table_and_view_is_explained_in_chinese(migrated: str) -> None:
    sql = f"""
        select n.nspname || '.' || k.relname from pg_class k join pg_namespace n on n.oid = k.relnamespace
        where k.relkind in ('r', 'v', 'm', 'p') and {OURS} and k.relname not in {FOREIGN} and coalesce(obj_description(k.oid, 'pg_class'), '') !~ '[一-龥]' order by 1
    """
    assert asked(migrated, sql) == []


def test_every_column_is_explained_in_chinese(migrated: str) -> None:
    sql = f"""
        select n.nspname || '.' || k.relname || '.' || a.attname from pg_class k join pg_namespace n on n.oid = k.relnamespace
        join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
        where k.relkind in ('r', 'v', 'm', 'p') and {OURS} and k.relname not in {FOREIGN} and coalesce(col_description(k.oid, a.attnum), '') = '' order by 1
    """
    assert asked(migrated, sql) == []


def columns(url: str, table: str) -> set[str]:
    return {
        c
        for (c,) in asked(
            url, f"select attname from pg_attribute where attrelid = to_regclass('{table}') and attnum > 0 and not attisdropped"
        )
    }


@pytest.mark.parametrize(("table", "library"), TABLES)
def test_a_published_table_exists_as_its_library_declares_it(migrated: str, table: str, library: str) -> None:
    declared = spec.load().libraries[library].tables[table]
    there = columns(migrated, table)
    assert {"row_hash", "version_from", *declared.key} <= there
    unique = asked(
        migrated,
        f"select (select array_agg(attname::text) from pg_attribute where attrelid = c.conrelid and attnum = any(c.conkey)) from pg_constraint c where contype = 'p' and conrelid = '{table}'::regclass",
    )
    assert [set(k) for (k,) in unique] == [set(declared.key)]
    if declared.history:
        assert columns(migrated, f"{table}_history") == there | {"version_to"}
        schema, name = table.split(".")
        assert asked(
            migrated,
            f"select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace where nspname = '{schema}' and proname = '{name}_as_of'",
        ) == [(1,)]


@pytest.mark.parametrize(("table", "library"), [t for t in TABLES if spec.load().libraries[t[1]].tables[t[0]].history])
def test_the_past_of_a_table_can_be_asked_for_by_day(migrated: str, table: str, library: str) -> None:
    assert asked(migrated, f"select count(*) from {table}_as_of('2018-03-01')") == [(0,)]


def test_every_geometry_is_in_the_reference_system_of_the_country(migrated: str) -> None:
    assert (
        asked(
            migrated, "select f_table_schema || '.' || f_table_name from geometry_columns where srid <> 4490 or f_geometry_column <> 'geom'"
        )
        == []
    )


def test_migrating_again_changes_nothing(migrated: str, tmp_path: Path) -> None:
    before = asked(migrated, "select count(*)::text, max(oid)::text from pg_class")
    settings = Settings(migrated, tmp_path, tmp_path, "duckdb", 512, load(as_of="2018-03-01").today, 30.0, 1000)
    migrate.migrate(settings)
    assert asked(migrated, "select count(*)::text, max(oid)::text from pg_class") == before


def test_a_spec_that_gains_a_column_gains_it_in_staging(migrated: str) -> None:
    registry = spec.load()
    source = registry.sources["land/regions"]
    column = next(iter(source.columns.values())).model_copy(update={"as_": "brand_new", "title": "新列"})
    wider = source.model_copy(update={"columns": {**source.columns, "新列": column}})
    con = psycopg2.connect(migrated)
    try:
        migrate.staging(con, registry, wider)
        with con.cursor() as c:
            c.execute(
                "select attname from pg_attribute where attrelid = 'staging.land__regions'::regclass and attname like 'brand_new%' union all select attname from pg_attribute where attrelid = 'staging.land__regions__past'::regclass and attname like 'brand_new%'"
            )
            assert len(c.fetchall()) >= 2
    finally:
        con.rollback()
        con.close()


def test_a_tables_past_is_made_anew_when_it_gains_a_column(migrated: str) -> None:
    """What a migration does that makes a table with a history or adds a column: one call."""
    con = psycopg2.connect(migrated)
    try:
        with con.cursor() as c:
            c.execute("""
                create table credit.vow (source_key text primary key, row_hash uuid, version_from date not null);
                comment on table credit.vow is '承诺：一行一件';
                create table credit.vow_history (like credit.vow, version_to date not null);
                select ops.make_as_of('credit', 'vow');
                alter table credit.vow add column kept boolean;
                alter table credit.vow_history add column kept boolean;
                select ops.make_as_of('credit', 'vow');
                insert into credit.vow values ('1', null, '2018-03-10', true);
                insert into credit.vow_history (source_key, version_from, version_to, kept) values ('1', '2018-03-01', '2018-03-10', false);
            """)
            c.execute(
                "select day::text, kept from generate_series(date '2018-02-28', '2018-03-10', '5 days') day cross join lateral credit.vow_as_of(day::date) order by 1"
            )
            assert [(day[:10], kept) for day, kept in c.fetchall()] == [("2018-03-05", False), ("2018-03-10", True)]
            c.execute("select obj_description('credit.vow_as_of(date)'::regprocedure)")
            assert c.fetchone() == ("某一业务日期的承诺",)
            with pytest.raises(psycopg2.errors.UndefinedTable):
                c.execute("select ops.make_as_of('credit', 'no_such')")
    finally:
        con.close()
