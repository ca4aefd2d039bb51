"""docker-compose.yml: valid, and the same thing as the embedded setting runs.

The schema is that of the Compose specification (Apache-2.0), as dclint 3.1.0 carries it, without its descriptions.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import psycopg2
import pytest
import yaml

from etl.platform import airflow
from etl.platform.postgres import SETTINGS, Cluster, binaries
from etl.settings import ROOT

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
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8")))


def test_the_file_is_valid_compose(compose: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(compose)


def test_every_airflow_command_is_the_embedded_one(compose: dict[str, Any]) -> None:
    services = {n: s["command"] for n, s in compose["services"].items() if n in airflow.COMMANDS}
    assert services == airflow.COMMANDS


def test_every_airflow_setting_is_the_embedded_one(compose: dict[str, Any]) -> None:
    for name in airflow.COMMANDS:
        told = compose["services"][name]["environment"]
        plain = {k: str(v) for k, v in told.items() if k not in PLACES and not k.endswith("_FILE")}
        assert plain == airflow.SETTINGS, name


def test_the_database_has_the_embedded_settings(compose: dict[str, Any]) -> None:
    command = compose["services"]["postgis"]["command"]
    assert command[0] == "postgres"
    assert dict(x.removeprefix("-c").split("=", 1) for x in command[1:]) == SETTINGS


def test_every_long_running_service_restarts_and_is_checked(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "airflow-migrate":
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
        assert ":latest" not in service["image"], name


def test_secrets_come_from_files_and_only_declared_ones_are_used(compose: dict[str, Any]) -> None:
    declared = set(compose["secrets"])
    used = {s if isinstance(s, str) else s["source"] for each in compose["services"].values() for s in each.get("secrets", [])}
    assert used == declared
    for name in declared:
        assert compose["secrets"][name]["file"].startswith("./secrets/"), name
    for name, service in compose["services"].items():
        for key, value in service["environment"].items():
            if any(word in key for word in ("PASSWORD", "SECRET", "FERNET", "DATABASE_URL", "ALCHEMY_CONN")):
                assert str(value).startswith("/run/secrets/") or value == "admin:admin", f"{name} {key}"


def test_volumes_and_dependencies_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
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
        }
        for name, value in secrets.items():
            (tmp_path / name).write_text(value + "\n", encoding="utf-8")
        script = (ROOT / "etl/platform/initdb.sh").read_text(encoding="utf-8").replace("/run/secrets", str(tmp_path))
        env = {
            "PATH": f"{binaries()}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(fresh.port),
            "PGPASSWORD": fresh.server.password,
        }
        subprocess.run(["bash", "-c", script], env=env, check=True, capture_output=True, text=True)
        for role, password, database in (("jichu", "11aa", "jichu"), ("airflow", "22bb", "airflow"), ("analyst", "33cc", "jichu")):
            connection = psycopg2.connect(host="127.0.0.1", port=fresh.port, user=role, password=password, dbname=database)
            connection.close()
    finally:
        fresh.remove()
        shutil.rmtree(folder, ignore_errors=True)
