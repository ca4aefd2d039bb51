"""The embedded PostGIS: made once, started as often as one likes, gone when told."""

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from etl.platform.postgres import Cluster, port_in_use


def _one(url: str, query: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            assert row is not None
            return row[0]
    finally:
        connection.close()


def test_the_library_database_has_its_extensions_and_an_ordinary_owner(database_url: str) -> None:
    names = _one(database_url, "select string_agg(extname, ' ' order by extname) from pg_extension where extname <> 'plpgsql'")
    assert names == "fuzzystrmatch pg_trgm postgis"
    assert _one(database_url, "select rolsuper from pg_roles where rolname = current_user") is False
    assert _one(database_url, "select pg_get_userbyid(datdba) from pg_database where datname = current_database()") == "jichu"


def test_chinese_trigrams_are_not_empty(database_url: str) -> None:
    assert _one(database_url, "select similarity('江阳区南城街道', '江阳区北城街道') > 0.3") is True


def test_a_test_database_of_its_own_is_empty_and_postgis_works(empty_database: str) -> None:
    assert _one(empty_database, "select count(*) from pg_tables where schemaname = 'public' and tablename <> 'spatial_ref_sys'") == 0
    assert _one(empty_database, "select st_srid(st_setsrid(st_point(105.4, 28.9), 4490))") == 4490


def test_passwords_and_the_url_are_for_their_owner_only(postgis_cluster: Cluster) -> None:
    for name in ("url", "superuser", "jichu", "airflow", "analyst"):
        assert stat.S_IMODE((postgis_cluster.folder / name).stat().st_mode) == 0o600, name


def test_the_analyst_may_connect_and_may_not_create(postgis_cluster: Cluster) -> None:
    url = postgis_cluster.role_url("analyst", "jichu")
    assert _one(url, "select has_database_privilege(current_database(), 'create')") is False
    assert _one(url, "select has_schema_privilege('public', 'create')") is False


def test_a_stopped_cluster_starts_again_with_its_data_even_on_another_port(postgis_cluster: Cluster) -> None:
    server = postgis_cluster.server
    server.run("pristine", "create table if not exists kept as select 42 as answer")
    before = postgis_cluster.start()
    assert postgis_cluster.stop()
    assert not port_in_use(server.port)
    assert not postgis_cluster.running()
    assert not postgis_cluster.stop(), "stopping twice is no error"
    assert postgis_cluster.start() == before
    assert _one(postgis_cluster.server.url("pristine"), "select answer from kept") == 42
    postgis_cluster.server.run("pristine", "drop table kept")


def test_no_password_is_told_to_the_process_list(postgis_cluster: Cluster) -> None:
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    for name in ("superuser", "jichu", "airflow", "analyst"):
        assert (postgis_cluster.folder / name).read_text(encoding="utf-8").strip() not in commands


def test_the_data_directory_is_remembered(postgis_cluster: Cluster) -> None:
    assert Path(postgis_cluster.data / "PG_VERSION").exists()
    assert Cluster(postgis_cluster.home).data == postgis_cluster.data


def test_a_careful_users_umask_does_not_shut_the_server_out() -> None:
    before = os.umask(0o077)
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    cluster = Cluster(folder, durable=False)
    try:
        cluster.start_empty()
        assert cluster.running()
    finally:
        os.umask(before)
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)
