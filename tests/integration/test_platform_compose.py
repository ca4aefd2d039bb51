"""docker-compose.yml: valid, and the same thing as the embedded setting runs.

The schema is that of the Compose specification (Apache-2.0), as dclint 3.1.0 carries it, without its descriptions.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import psycopg2
import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from etl import db
from etl.platform import airflow
from etl.platform.postgres import SETTINGS, Cluster, binaries
from etl.platform.processes import wait
from etl.settings import ROOT, Settings

SCHEMA = Path(__file__).with_suffix(".schema.json")
# Where things are and who they are differ between a server and one's own machine; nothing else may.
PLACES = {
    "JICHU_HOME",
    "JICHU_DROP",
    "JICHU_MEMORY",
    "AIRFLOW_HOME",
    "AIRFLOW_CONN_SMTP_DEFAULT",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "JICHU_LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OPENLINEAGE_URL",
    "AIRFLOW__METRICS__OTEL_ON",
    "AIRFLOW__LOGGING__JSON_LOGS",
}
# A server hands its tasks to Celery; the embedded setting starts them itself.
EXECUTOR = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "${WORKER_CONCURRENCY:-3}",
    "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
    "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "etl.platform.celery_settings.CONFIG",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
}
# A server has memory of its own, a network around it, and people whose coming and going is written down.
SERVER = {
    "shared_buffers": "${SHARED_BUFFERS:-2GB}",
    "effective_cache_size": "${EFFECTIVE_CACHE_SIZE:-6GB}",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "200",
    "log_connections": "on",
    "log_disconnections": "on",
    "ssl": "on",
    "ssl_cert_file": "/run/secrets/postgres_certificate",
    "ssl_key_file": "/run/secrets/postgres_key",
    "ssl_min_protocol_version": "TLSv1.2",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))


def test_the_file_is_valid_compose(compose: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(compose)


def test_every_airflow_command_is_the_embedded_one(compose: dict[str, Any]) -> None:
    services = {n: s["command"] for n, s in compose["services"].items() if n in airflow.COMMANDS}
    assert services == airflow.COMMANDS


def test_every_airflow_setting_is_the_embedded_one_but_for_the_executor(compose: dict[str, Any]) -> None:
    for name in (*airflow.COMMANDS, "airflow-worker", "airflow-migrate"):
        told = compose["services"][name]["environment"]
        plain = {k: str(v) for k, v in told.items() if k not in PLACES and not k.endswith("_FILE")}
        assert plain == airflow.SETTINGS | EXECUTOR, name


def server_settings(compose: dict[str, Any]) -> dict[str, str]:
    command = compose["services"]["postgis"]["command"]
    assert command[0] == "postgres"
    return dict(x.removeprefix("-c").split("=", 1) for x in command[1:])


def test_the_database_has_the_embedded_settings_but_for_those_of_a_server(compose: dict[str, Any]) -> None:
    assert server_settings(compose) == SETTINGS | SERVER


def test_every_long_running_service_restarts_and_is_checked(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "airflow-migrate":
            assert service["restart"] == "unless-stopped", name
            assert name == "collector" or service["healthcheck"]["test"], name  # the collector's image holds nothing to check with
        name_and_tag = service["image"].rpartition("/")[2]
        assert re.search(r":v?\d+(\.\d+|-\d)", name_and_tag), f"{name}: {service['image']} is not pinned to a version"


def test_every_service_has_a_ceiling_of_memory_and_its_log_an_end(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["logging"]["options"]["max-size"], name


def test_only_the_loopback_is_published_and_the_queue_is_reached_from_inside_alone(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert compose["services"]["redis"]["networks"] == ["queue"]
    assert compose["networks"]["queue"] == {"internal": True}


def test_nobody_runs_as_root_longer_than_he_must(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "airflow" in name:
            assert service["cap_drop"] == ["ALL"]
        if name != "mail":
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_secrets_come_from_files_and_only_declared_ones_are_used(compose: dict[str, Any]) -> None:
    declared = set(compose["secrets"])
    used = {s if isinstance(s, str) else s["source"] for each in compose["services"].values() for s in each.get("secrets", [])}
    assert used == declared
    for name in declared:
        assert compose["secrets"][name]["file"].startswith("./secrets/"), name
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("PASSWORD", "SECRET", "FERNET", "DATABASE_URL", "ALCHEMY_CONN")):
                assert str(value).startswith("/run/secrets/") or value == "admin:admin", f"{name} {key}"


def test_volumes_and_dependencies_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or source == "./drop" or (ROOT / source).exists(), source
            assert source.startswith((".", "$")) or source in compose["volumes"], volume
        assert set(service.get("depends_on", {})) <= set(compose["services"])


def test_secrets_reach_the_command_as_plain_variables(tmp_path: Path) -> None:
    script = (ROOT / "etl/platform/with-secrets.sh").read_text(encoding="utf-8")
    (tmp_path / "run.sh").write_text(script.replace(r"\/run\/secrets", str(tmp_path).replace("/", r"\/")), encoding="utf-8")
    (tmp_path / "database_url").write_text("postgresql://jichu:a'b c@postgis/jichu\n", encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "JICHU_DATABASE_URL_FILE": f"{tmp_path}/database_url", "OTHER": "kept"}
    command = ["sh", str(tmp_path / "run.sh"), "sh", "-c", 'echo "$JICHU_DATABASE_URL|$OTHER|${JICHU_DATABASE_URL_FILE-gone}"']
    assert (
        subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        == "postgresql://jichu:a'b c@postgis/jichu|kept|gone\n"
    )


IMAGE_HBA = "local all all trust\nhost all all all scram-sha-256\n"
ROLES = (("jichu", "11aa", "jichu"), ("airflow", "22bb", "airflow"), ("analyst", "33cc", "jichu"), ("tiles", "44dd", "jichu"))


def certificates(folder: Path, owner: str) -> None:
    """A certification authority and the server's certificate, made by the very commands of docs/deployment.md."""
    (commands,) = re.findall(r"^(    openssl req -x509.*?)\n\n", (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8"), re.M | re.S)
    subprocess.run(["bash", "-euc", commands], cwd=folder, check=True, capture_output=True, env={**os.environ, "SERVER": "127.0.0.1"})
    for made, wanted in (("postgres_ca.crt", "ca.crt"), ("postgres.crt", "server.crt"), ("postgres.key", "server.key")):
        (folder / made).rename(folder / wanted)
        shutil.chown(folder / wanted, owner, owner)
        (folder / wanted).chmod(0o600)


def _connects(**how: Any) -> bool:
    try:
        psycopg2.connect(**how).close()
    except psycopg2.OperationalError:
        return False
    return True


def _asked_asynchronously(url: str) -> str:
    """Airflow's asynchronous engine understands the same URL: by psycopg, whose TLS settings are libpq's own."""

    async def ask() -> str:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            return str((await connection.execute(text("select current_user"))).scalar())

    return asyncio.run(ask())


def test_tiles_are_made_of_nothing_personal(compose: dict[str, Any], postgis_cluster: Cluster, new_database: Callable[[], str]) -> None:
    """The tile server publishes what its account may read: so the account's tables are the tiles, and none of them knows a person."""
    told = tomllib.loads((ROOT / "sql" / "maps" / "pg_tileserv.toml").read_text(encoding="utf-8"))
    tiles = compose["services"]["tiles"]
    assert f":{told['HttpPort']}" in tiles["ports"][0]
    assert f":{told['HttpPort']}/health" in tiles["healthcheck"]["test"][-1]
    assert "/run/secrets/tiles_url" in tiles["entrypoint"][2]
    url = new_database()
    postgis_cluster.grant_roles(url.rpartition("/")[2])
    settings = Settings(url, ROOT, ROOT, "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
    readable = """select n.nspname || '.' || k.relname, exists (select from pg_attribute a where a.attrelid = k.oid and a.attname ~ 'person|citizen|household')
        from pg_class k join pg_namespace n on n.oid = k.relnamespace where k.relkind in ('r', 'v', 'm', 'p') and n.nspname !~ '^pg_|^information_schema|^public'
            and has_schema_privilege('jichu_tiles', n.oid, 'usage') and has_table_privilege('jichu_tiles', k.oid, 'select')"""
    found = dict(db.query(settings, readable))
    assert {"geospatial.region", "geospatial.place", "geospatial.parcel", "geospatial.building"} <= found.keys()
    assert {n.split(".")[0] for n in found} <= {"geospatial", "theme"}
    assert not any(found.values())


def test_the_mail_relay_is_what_the_image_runs(compose: dict[str, Any]) -> None:
    mail = compose["services"]["mail"]
    assert "COPY etl/platform/mail-relay.sh /usr/local/bin/mail-relay" in mail["build"]["dockerfile_inline"]
    script = ROOT / "etl" / "platform" / "mail-relay.sh"
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", script], check=True)
    assert f"${{MAIL_PORT:-{compose['services']['airflow-worker']['environment']['AIRFLOW_CONN_SMTP_DEFAULT'].split(':')[2].split('?')[0]}}}" in script.read_text(encoding="utf-8")  # fmt: skip
    assert {n for n in mail["environment"] if n != "TZ"} <= set(re.findall(r"\b[A-Z_]{5,}\b", script.read_text(encoding="utf-8")))


def test_what_is_built_here_is_built_from_pinned_bases(compose: dict[str, Any]) -> None:
    bases = re.findall(
        r"^\s*FROM (\S+)", "\n".join(s["build"]["dockerfile_inline"] for s in compose["services"].values() if "build" in s), re.M
    )
    assert bases
    assert all(re.search(r":\d+\.\d+", base) for base in bases), bases


def test_the_containers_first_start_makes_the_embedded_roles_and_databases(tmp_path: Path) -> None:
    """initdb.sh against a server of its own: an empty cluster, as the image hands it over."""
    folder = Path(tempfile.mkdtemp(prefix=f"jichu-test-{os.getpid()}-"))
    folder.chmod(0o711)
    fresh = Cluster(folder, durable=False)
    try:
        fresh.start_empty()
        secrets = {
            "database_url": "postgresql://jichu:11aa@postgis:5432/jichu",
            "airflow_database_url": "postgresql+psycopg2://airflow:22bb@postgis:5432/airflow",
            "analyst_password": "33cc",
            "tiles_url": "postgresql://tiles:44dd@postgis:5432/jichu?sslmode=verify-full",
        }
        for name, value in secrets.items():
            (tmp_path / name).write_text(value + "\n", encoding="utf-8")
        script = (ROOT / "etl/platform/initdb.sh").read_text(encoding="utf-8").replace("/run/secrets", str(tmp_path))
        env = {
            "PATH": f"{binaries()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(fresh.port),
            "PGPASSWORD": fresh.server.password,
            "PGDATA": str(fresh.data),
            "ROLES_SQL": str(ROOT / "sql" / "roles.sql"),
        }
        hba = fresh.data / "pg_hba.conf"
        hba.write_text(IMAGE_HBA, encoding="ascii")  # what the image leaves behind
        shutil.chown(hba, *([hba.parent.owner()] * 2))
        certificates(fresh.data, hba.parent.owner())
        subprocess.run(["bash", "-c", script], env=env, check=True, capture_output=True, text=True)
        encrypt = [
            f"alter system set {k} = '{v}'"
            for k, v in {**SERVER, "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}.items()
            if k.startswith("ssl")
        ]
        fresh.server.run("postgres", *encrypt, "select pg_reload_conf()")
        whole = {"host": "127.0.0.1", "port": fresh.port, "sslmode": "verify-full", "sslrootcert": str(fresh.data / "ca.crt")}
        wait(lambda: _connects(user="jichu", password="11aa", dbname="jichu", **whole), 10)
        for role, password, database in ROLES:
            assert _connects(user=role, password=password, dbname=database, **whole), role
            assert not _connects(user=role, password=password, dbname=database, **(whole | {"sslmode": "disable"})), role
            assert not _connects(
                user=role, password=password, dbname=database, **(whole | {"sslrootcert": str(fresh.data / "server.crt")})
            ), role
        assert not _connects(user="analyst", password="33cc", dbname="airflow", **whole)
        url = f"postgresql://jichu:11aa@127.0.0.1:{fresh.port}/jichu?sslmode=verify-full&sslrootcert={fresh.data}/ca.crt"
        settings = Settings(url, tmp_path, tmp_path, "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
        assert db.query(settings, "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()") == [(True, "TLSv1.3")]
        assert _asked_asynchronously(url.replace("postgresql://", "postgresql+psycopg://", 1)) == "jichu"
    finally:
        fresh.remove()
        shutil.rmtree(folder, ignore_errors=True)
