"""Two counties' worth of made-up libraries, and instances with keys of their own that exchange them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pipeline_kit import citizen_id

from etl import catalog, db, exchange, spec
from etl.settings import Settings

DAY = date(2018, 3, 1)
COUNTIES = {"510502": "江阳区", "510521": "泸县"}
SQUARE = "st_multi(st_makeenvelope({x}, 28.8, {x} + 0.1, 28.9, 4490))"


@dataclass
class Instance:
    """A city, a county or a province with its database, home and key."""

    code: str
    url: str
    folder: Path
    unsigned: bool = False
    algorithm: str = "ed25519"  # or sm2

    @property
    def settings(self) -> Settings:
        return Settings(self.url, self.folder / "drop", self.folder / "home", "duckdb", 512, DAY, 5.0, 1000)

    @property
    def key(self) -> Path:
        return self.folder / f"{self.code}.key"

    def make_key(self, trust: Path) -> None:
        """A key pair of its own; the public half among those that everybody trusts."""
        trust.mkdir(exist_ok=True)
        key = Ed25519PrivateKey.generate()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.algorithm == "sm2":
            subprocess.run(["openssl", "genpkey", "-algorithm", "SM2", "-out", self.key], check=True, capture_output=True)
            self.key.chmod(0o600)
            subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-out", trust / f"{self.code}.pem"], check=True)
            return
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.key.chmod(0o600)
        (trust / f"{self.code}.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    @contextmanager
    def acting(self) -> Iterator[None]:
        """The environment of this instance."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JICHU_")}
        own = {
            "JICHU_INSTANCE": f"{self.code}:{COUNTIES.get(self.code, '')}".rstrip(":"),
            "JICHU_EXCHANGE_TRUST": str(self.folder.parent / "trust"),
        }
        own |= {"JICHU_EXCHANGE_UNSIGNED": "allowed"} if self.unsigned else {"JICHU_EXCHANGE_KEY": str(self.key)}
        own |= {
            "JICHU_SIGN": self.algorithm,
            "JICHU_DATABASE_URL": self.url,
            "JICHU_HOME": str(self.folder / "home"),
            "JICHU_TODAY": str(DAY),
            "JICHU_MEMORY": "1GB",
        }
        with mock.patch.dict(os.environ, kept | own, clear=True):
            yield

    def export(self, receiver: str) -> Any:
        """Makes a package for a receiver."""
        with self.acting():
            return exchange.export(self.settings, spec.load(), receiver, self.folder.parent / "post")

    def receive(self, path: Path) -> Any:
        """Takes a package in."""
        with self.acting():
            return exchange.receive(self.settings, path, self.folder / "receipts")

    def acknowledge(self, package: str | Path, receipt: Path) -> Any:
        """Books a receipt."""
        with self.acting():
            return exchange.acknowledge(self.settings, str(package), receipt)

    def deliver(self, other: "Instance", receiver: str | None = None) -> Any:
        """Export, import, acknowledge: a whole round."""
        made = self.export(receiver or other.code)
        if made.path:
            self.acknowledge(made.path, other.receive(made.path).receipt)
        return made

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return db.query(self.settings, sql)

    def checksums(self, sender: str) -> dict[str, str]:
        """What it holds of a sender: subject → checksum."""
        return dict(self.query(f"select subject, checksum from exchange.received_table where sender = '{sender}'"))


def number(county: str, n: int) -> str:
    """The n-th made-up person's number."""
    return citizen_id(county, f"{1930 + n % 80}0{1 + n % 9}1{n % 10}", n % 1000)


def fill(instance: Instance, counties: tuple[str, ...] = tuple(COUNTIES), persons: int = 40) -> Instance:
    """Libraries of these counties: `persons` people, ten firms, a town and its addresses each; then the catalogue."""
    with db.transaction(instance.settings) as con:
        _shape(con, counties)
        for x, county in enumerate(counties):
            _county(con, county, x, persons)
        for library in ("population", "legal_entity", "geospatial", "certificate", "credit"):
            db.rows(
                con, "insert into ops.publication (library, published_on, inputs, state) values (%s, %s, 'x', 'published')", [library, DAY]
            )
    with instance.acting():
        catalog.refresh(instance.settings, spec.load())
    return instance


def _shape(con: Any, counties: tuple[str, ...]) -> None:
    insert = "insert into geospatial.region (code, name, level, parent_code, geom, version_from) values (%s, %s, %s, %s, {geom}, %s)"
    db.rows(con, insert.format(geom=SQUARE.format(x=105.3)), ["510500000000", "泸州市", "city", None, DAY])
    for x, code in enumerate(counties):
        shape = SQUARE.format(x=105.3 + x / 10)
        db.rows(con, insert.format(geom=shape), [f"{code}000000", COUNTIES[code], "county", "510500000000", DAY])
        db.rows(con, insert.format(geom=shape), [f"{code}001000", f"{COUNTIES[code]}城关镇", "town", f"{code}000000", DAY])
    indicator = "insert into statistics.indicator (indicator_code, name, unit, source_dataset, version_from) values ('I1', '总产值', '万元', 'statistics_bureau/county_annual', %s)"
    db.rows(con, indicator, [DAY])


def _county(con: Any, county: str, x: int, persons: int) -> None:
    name, point = COUNTIES[county], f"st_setsrid(st_makepoint({105.35 + x / 10}, 28.85), 4490)"
    db.rows(
        con,
        f"insert into geospatial.address (address_code, full_address, county, region_code, geom, version_from) select %s || lpad(i::text, 4, '0'), '四川省泸州市' || %s || '城关镇佳乐路' || i || '号', %s, %s, {point}, %s from generate_series(1, 20) i",
        [county, name, name, f"{county}001001", DAY],
    )
    for i in range(persons):
        db.rows(
            con,
            f"insert into population.person (person_id, citizen_id, name, sex_code, ethnicity_code, birth_date, education_code, phone, household_id, registered_address, registered_region_code, "
            f"residence_address, residence_region_code, address_code, geom, living_status, version_from) values (%s, %s, %s, %s, '01', %s, '70', %s, %s, %s, %s, %s, %s, %s, {point}, 'living', %s)",
            [f"P{county}{i:03}", number(county, i), "赵钱孙李周吴郑王"[i % 8] + "守信", "12"[i % 2], date(1930 + i % 80, 1 + i % 9, 10 + i % 10), f"1381234{int(county[-2:]) * 100 + i:04}"[:11],
             f"H{county}{i // 3}", f"四川省泸州市{name}城关镇佳乐路{i}号", f"{county}001001", f"四川省泸州市{name}城关镇佳乐路{i}号", f"{county}001001", f"{county}{i % 20 + 1:04}", DAY],
        )  # fmt: skip
    for i in range(10):
        db.rows(
            con,
            f"insert into legal_entity.entity (entity_id, uscc, name, kind, industry_code, established_on, registered_capital, status, address, region_code, geom, version_from) values (%s, %s, %s, 'enterprise', '5111', '2015-01-01', 10.5, 'open', '佳乐路', %s, {point}, %s)",
            [f"E{county}{i}", f"91{county}0000{i}", f"{name}第{i}贸易有限公司", county, DAY],
        )
    rest = [
        ("insert into certificate.certificate (dataset, source_key, type_name, holder_name, holder_code, person_id, status, version_from) values ('health/birth_certificates', %s, '证', '赵守信', %s, %s, 'valid', %s)", [f"C{county}", number(county, 0), f"P{county}000", DAY]),
        ("insert into certificate.certificate (dataset, source_key, type_name, holder_name, holder_code, entity_id, status, version_from) values ('food_drug/food_licences', %s, '食品经营许可证', '贸易公司', %s, %s, 'valid', %s)", [f"F{county}", f"91{county}00000", f"E{county}0", DAY]),
        ("insert into credit.rating (dataset, source_key, subject_name, subject_code, entity_id, scheme, year, grade, version_from) values ('state_tax/credit_ratings', %s, '个体', %s, %s, 'A', '2017', 'A', %s)", [f"{number(county, 1)}|2017", number(county, 1), f"E{county}1", DAY]),
        ("insert into credit.list_entry (dataset, source_key, list, subject_name, subject_code, person_id, listed_on, removed_on, version_from) values ('court/dishonest_debtors', %s, 'dishonest', '钱守信', %s, %s, '2017-01-01', null, %s)", [f"L{county}", number(county, 1), f"P{county}001", DAY]),
        ("insert into credit.list_entry (dataset, source_key, list, subject_name, person_id, listed_on, removed_on, version_from) values ('court/dishonest_debtors', %s, 'dishonest', '孙守信', %s, '2017-01-01', '2018-01-01', %s)", [f"R{county}", f"P{county}002", DAY]),
        ("insert into statistics.observation (indicator_code, region_code, object_code, frequency, period, measure, value, unit, status, released_on, dataset, source_key, version_from) values ('I1', %s, '', 'A', '2017', 'period', 12.5, '万元', 'normal', %s, 'statistics_bureau/county_annual', %s, %s)", [f"{county}000000", DAY, county, DAY]),
        ("insert into registry.information_system (dataset, source_key, department, system_name, fundable, connected_actual, contradictions, version_from) values (%s, '系统', %s, '系统', true, false, array['一句', '带\"引号\"，逗号', null], %s)", [f"county_{county}/information_systems", f"county_{county}", DAY]),
    ]  # fmt: skip
    for sql, args in rest:
        db.rows(con, sql, args)
