"""Three weeks of a small, badly kept demo city: delivered, run, reported and mailed as an engineer would, everything that came out kept."""

import csv
import json
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pipeline_kit import City, Service, execute

from etl.demo import generate
from etl.platform.postgres import Cluster, binaries, free_port

DAYS = ("2018-03-01", "2018-03-08", "2018-03-15")
CORRECTED = "health/health_records"
PERSONS, SEED, HARSHNESS = 300, 11, 3.0


class Sink:
    """An SMTP server that keeps every letter it gets."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, data_size_limit=64 * 1024**2)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@dataclass
class ThreeDays:
    """The city; the folder it was made in; the outputs of each day; whatever the commands wrote to their outputs.

    corrected: keys of the health records whose ID number the department mended for the last day."""

    city: City
    made: Path
    sink: Sink
    outputs: list[Path] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    corrected: set[str] = field(default_factory=set)

    def command(self, day: str, *arguments: str) -> None:
        """`jichu …` with JICHU_LOG=debug; its output and error output are kept."""
        process = self.city.process(*arguments, JICHU_LOG="debug", JICHU_TODAY=day)
        out, err = process.communicate(timeout=1200)
        self.codes.append(process.returncode)
        self.said += [out, err]


@pytest.fixture(scope="session")
def three_days(postgis_cluster: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeDays]:
    """Made once a session (about three minutes on two idle cores): each day's deliveries, `run`, `report --send`; in the end the leaders' page and the catalogue."""
    folder = tmp_path_factory.mktemp("three_days")
    generate(persons=PERSONS, seed=SEED, out=folder / "made", days=len(DAYS), harshness=HARSHNESS)
    postgis_cluster.server.create_database("three_days", "jichu", template=migrated_template)
    url = postgis_cluster.role_url("jichu", "three_days")
    execute(url, "update ops.instance set id = gen_random_uuid()")
    service, sink = Service(), Sink()
    sink.controller.start()
    city = City(folder / "drop", folder / "home", url)
    city.extra["AIRFLOW_CONN_MARKET_REGULATION"] = service.connection
    city.extra["AIRFLOW_CONN_SMTP_DEFAULT"] = (
        f"smtp://127.0.0.1:{sink.port}?disable_ssl=true&disable_tls=true&from_email=jichu%40example.invalid"
    )
    world = ThreeDays(city, folder / "made", sink)
    try:
        for k, day in enumerate(DAYS):
            _deliver(postgis_cluster, world, service, folder / "made" / ("drop" if k == 0 else f"drop_day{k}"))
            if day == DAYS[-1]:
                world.corrected = _correct(world, day)
            out = folder / f"out{k}"
            world.command(day, "run")
            world.command(day, "report", "--send", "--out", str(out))
            if day == DAYS[-1]:
                world.command(day, "report", "--leaders", "--send", "--out", str(out))
                world.command(day, "catalog", "--out", str(out / "catalogue"))
            world.outputs.append(out)
        yield world
    finally:
        sink.controller.stop()
        service.shutdown()
        service.server_close()
        for name in ("three_days", *_databases):
            postgis_cluster.server.drop_database(name)


_databases: dict[str, str] = {}


def _deliver(cluster: Cluster, world: ThreeDays, service: Service, source: Path) -> None:
    """Files join the drop folder; the departments' databases and the API are in their new state."""
    shutil.copytree(source, world.city.drop, dirs_exist_ok=True)
    for dump in sorted(source.glob("*/database.sql")):
        name = f"three_days_{dump.parent.name}"
        cluster.server.drop_database(name)
        cluster.server.create_database(name, "jichu")
        command = [str(binaries() / "psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", cluster.role_url("jichu", name), "-f", str(dump)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _databases[name] = dump.parent.name
        world.city.extra[f"AIRFLOW_CONN_{dump.parent.name.upper()}"] = cluster.role_url("jichu", name).replace(
            "postgresql://", "postgres://", 1
        )
    for file in sorted(source.glob("*/api/*.jsonl")):
        service.records[file.stem] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _correct(world: ThreeDays, day: str) -> set[str]:
    """The department writes three of the ID numbers that it was told are badly written as they should be."""
    sql = f"select source_key, value from quality.finding where dataset = '{CORRECTED}' and problem = 'id_format' and closed_on is null"
    plain = {key: re.sub("[^0-9X]", "", unicodedata.normalize("NFKC", value).upper()) for key, value in world.city.query(sql)}
    keys = set(sorted(key for key, number in plain.items() if len(number) == 18)[:3])
    (file,) = (world.city.drop / CORRECTED / day.replace("-", "")).glob("*.csv")
    with file.open(encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        row["身份证号"] = plain[row["档案号"]] if row["档案号"] in keys else row["身份证号"]
    with file.open("w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return keys
