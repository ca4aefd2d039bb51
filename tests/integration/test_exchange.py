"""Packages from one instance to another, over two real databases: what arrives, what changed, and what is refused."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from exchange_kit import COUNTIES, DAY, Instance, fill, number

from etl import db, exchange
from etl.errors import UsageError
from etl.exchange import PackageRefused
from etl.settings import ROOT
from etl.spec import exchange as declaration

A, B = COUNTIES


@pytest.fixture
def instances(new_database: Callable[[], str], tmp_path: Path) -> Callable[[str], Instance]:
    """Makes instances, each with a database and a key of its own, who trust each other."""

    def make(code: str) -> Instance:
        made = Instance(code, new_database(), tmp_path / code)
        made.make_key(tmp_path / "trust")
        return made

    return make


@pytest.fixture
def city(instances: Callable[[str], Instance]) -> Instance:
    return fill(instances("510500"))


@pytest.fixture
def county(instances: Callable[[str], Instance]) -> Instance:
    return instances(A)


@dataclass(frozen=True)
class Posted:
    """A package on its way from a city to a county that never takes it: for tests in which nothing may change."""

    city: Instance
    county: Instance
    neighbour: Instance
    path: Path


@pytest.fixture(scope="module")
def posted(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Posted:
    folder = tmp_path_factory.mktemp("posted")
    made = [Instance(code, new_database(), folder / code) for code in ("510500", A, B)]
    for instance in made:
        instance.make_key(folder / "trust")
    return Posted(*made, fill(made[0]).export(A).path)


def published(instance: Instance, *statements: str) -> None:
    """A change of the libraries, as a publication makes it."""
    with db.transaction(instance.settings) as con:
        for sql in statements:
            db.rows(con, sql)
        db.rows(
            con, "insert into ops.publication (library, published_on, inputs, state) values ('population', %s, 'y', 'published')", [DAY]
        )


def manifest(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        return dict(json.loads(archive.read("manifest.json")))


def sent(city: Instance) -> dict[str, str]:
    """Checksums of the last package that was made."""
    sql = "select subject, checksum from exchange.package_resource where package_id = (select package_id from exchange.package order by created_at desc limit 1)"
    return dict(city.query(sql))


# ── what a package is ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_package_says_of_every_file_what_any_tool_can_check(city: Instance) -> None:
    made = city.export("province")
    with zipfile.ZipFile(made.path) as archive:
        told = json.loads(archive.read("manifest.json"))
        for resource in told["resources"]:
            for kind in ("parquet", "csv"):
                content = archive.read(resource[kind]["name"])
                assert len(content) == resource[kind]["bytes"]
                assert hashlib.sha256(content).hexdigest() == resource[kind]["sha256"]
                if "sm3" in hashlib.algorithms_available:
                    assert hashlib.new("sm3", content).hexdigest() == resource[kind]["sm3"]
    assert (told["kind"], told["sequence"], told["vintage"], told["publication_to"]) == ("full", 1, str(DAY), 5)
    assert made.path.stat().st_mode & 0o077 == 0


def test_both_forms_hold_the_same_rows_and_geometry_is_geoparquet(city: Instance) -> None:
    with zipfile.ZipFile(city.export("province").path) as archive:
        file = pq.ParquetFile(io.BytesIO(archive.read("data/geospatial__address.parquet")))
        raw = archive.read("data/geospatial__address.csv")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    table = file.read()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert table.num_rows == len(rows) == 40
    geo = json.loads(file.metadata.metadata[b"geo"])
    assert geo["columns"]["geom"]["crs"]["id"] == {"authority": "EPSG", "code": 4490}
    assert geo["columns"]["geom"]["geometry_types"] == ["Point"]
    assert [r["full_address"] for r in rows] == table.column("full_address").to_pylist()
    assert rows[0]["geom"].startswith("POINT (105.35")
    assert table.schema.field("full_address").metadata[b"title"].decode().startswith("全称")


# ── who gets what ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_province_gets_what_is_shared_unconditionally_and_nothing_that_was_not_granted(city: Instance) -> None:
    made = city.export("province")
    told = {r["subject"]: [c["name"] for c in r["columns"]] for r in manifest(made.path)["resources"]}  # type: ignore[attr-defined]
    assert told["population.person"] == [
        "person_id",
        "citizen_id",
        "name",
        "sex_code",
        "ethnicity_code",
        "birth_date",
        "death_date",
        "birth_place_code",
        "living_status",
    ]
    assert "population.employment" not in told
    assert any("population.person#extended" in w for w in made.withheld)
    assert not any(name.endswith(("_history", "_record")) for name in told)


def test_a_resource_that_is_not_to_be_shared_goes_to_nobody(city: Instance) -> None:
    with db.transaction(city.settings) as con:
        db.rows(con, "update catalog.resource set share_type = 3, share_condition = '依据' where subject = 'legal_entity.entity'")
    made = city.export("province")
    assert "legal_entity.entity" not in [r["subject"] for r in manifest(made.path)["resources"]]  # type: ignore[attr-defined]
    assert "legal_entity.entity：不予共享" in made.withheld


def test_a_grant_that_has_run_out_is_no_grant() -> None:
    grant = declaration.Grant(of=["population.*"], purpose="试", approved_by="某局", approved_on="2018-01-01", until="2018-02-28")  # type: ignore[arg-type]
    assert grant.holds("population.person#extended", DAY.replace(month=2, day=28))
    assert not grant.holds("population.person#extended", DAY)
    assert not grant.holds("credit.rating", DAY.replace(month=1))


def test_a_countys_package_holds_its_own_people_masked_and_nobody_elses(city: Instance) -> None:
    with zipfile.ZipFile(city.export(A).path) as archive:
        people = pq.read_table(io.BytesIO(archive.read("data/population__person.parquet"))).to_pylist()
        whole = b"".join(archive.read(n) for n in archive.namelist() if n.endswith(".csv")).decode()
    assert {p["person_id"][1:7] for p in people} == {A}
    assert len(people) == 40
    assert people[0]["citizen_id"] == number(A, 0)[:6] + "********" + number(A, 0)[-4:]
    assert people[0]["phone"][3:7] == "****"
    numbers = {n for c in COUNTIES for i in range(40) for n in [number(c, i)]}
    assert not [n for n in numbers if n in whole]
    assert B not in {r for r in COUNTIES if f"P{r}" in whole}


def test_what_has_left_a_list_leaves_the_packages_too(city: Instance) -> None:
    with zipfile.ZipFile(city.export(A).path) as archive:
        entries = pq.read_table(io.BytesIO(archive.read("data/credit__list_entry.parquet"))).to_pylist()
    assert [e["source_key"] for e in entries] == [f"L{A}"]


# ── the cascade ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_city_and_a_county_cascade_with_equal_checksums(city: Instance, county: Instance) -> None:
    made = city.export("江阳区")
    done = county.receive(made.path)
    assert (done.again, done.rows) == (False, made.rows)
    assert county.checksums("510500") == sent(city)
    assert county.query("select count(*) from received.s510500_population_person") == [(40,)]
    same = "select address_code, full_address, st_asewkt(geom) from {} where region_code like '510502%' order by 1"
    assert county.query(same.format("received.s510500_geospatial_address")) == city.query(same.format("geospatial.address"))
    contradictions = "select contradictions from {} where department = 'county_510502'"
    assert county.query(contradictions.format("received.s510500_registry_information_system")) == city.query(
        contradictions.format("registry.information_system")
    )


def test_a_city_that_signs_by_sm2_is_believed_and_the_countys_own_signature_stays_what_it_is(city: Instance, county: Instance) -> None:
    city.algorithm = "sm2"
    city.make_key(city.folder.parent / "trust")
    made = city.export(county.code)
    told = manifest(made.path)
    assert told["signature"] == "SM2-SM3"
    received = county.receive(made.path)
    city.acknowledge(made.path, received.receipt)
    assert json.loads(received.receipt.read_text(encoding="utf-8"))["receipt"]["signature"] == "Ed25519"
    assert county.checksums("510500") == sent(city)
    city.make_key(city.folder.parent / "trust")  # another key under the same name
    with pytest.raises(PackageRefused, match="对不上"):
        county.receive(made.path)


def test_what_was_received_is_explained_in_chinese_with_its_mask(city: Instance, county: Instance) -> None:
    city.deliver(county)
    table = "received.s510500_population_person"
    assert county.query(f"select obj_description('{table}'::regclass, 'pg_class')")[0][0].startswith("510500：人口")
    silent = "select count(*) from pg_attribute a join pg_class k on k.oid = a.attrelid where k.relnamespace = 'received'::regnamespace and k.relkind = 'r' and a.attnum > 0 and col_description(k.oid, a.attnum) is null"
    assert county.query(silent) == [(0,)]
    (said,) = county.query(
        f"select col_description('{table}'::regclass, attnum) from pg_attribute where attrelid = '{table}'::regclass and attname = 'phone'"
    )[0]
    assert said.endswith("（脱敏）")


def test_a_county_reports_upwards_in_the_same_form(city: Instance, county: Instance) -> None:
    fill(county, (A,), persons=12)
    made = county.export("city")
    city.receive(made.path)
    first = min(number(A, i) for i in range(12))
    assert city.query("select count(*), min(citizen_id) from received.s510502_population_person") == [(12, first)]
    assert city.checksums(A) == sent(county)


def test_only_changes_follow_an_acknowledged_package(city: Instance, county: Instance) -> None:
    city.deliver(county)
    published(
        city,
        f"update population.person set name = '吴改名' where person_id = 'P{A}003'",
        f"delete from population.person where person_id = 'P{A}004'",
        f"insert into population.person (person_id, name, residence_region_code, living_status, version_from) values ('PNEW', '新来人', '{A}001001', 'living', '2018-03-01')",
    )
    made = city.deliver(county)
    (person,) = [r for r in manifest(made.path)["resources"] if r["subject"] == "population.person"]  # type: ignore[attr-defined]
    assert (made.kind, made.rows) == ("increment", 3)
    assert (person["rows_inserted"], person["rows_updated"], person["rows_deleted"], person["rows_total"]) == (1, 1, 1, 40)
    assert county.checksums("510500") == sent(city)
    assert county.query(
        "select name from received.s510500_population_person where person_id in ('PNEW', 'P510502003', 'P510502004') order by 1"
    ) == [("吴改名",), ("新来人",)]


def test_a_person_who_moves_leaves_one_county_and_comes_to_the_other(
    city: Instance, county: Instance, instances: Callable[[str], Instance]
) -> None:
    other = instances(B)
    city.deliver(county)
    city.deliver(other)
    published(
        city,
        f"update population.person set residence_region_code = '{B}001001', registered_region_code = '{B}001001' where person_id = 'P{A}005'",
    )
    city.deliver(county)
    city.deliver(other)
    who = f"select count(*) from received.s510500_population_person where person_id = 'P{A}005'"
    assert (county.query(who), other.query(who)) == ([(0,)], [(1,)])


def test_who_is_registered_here_and_lives_elsewhere_is_shown_without_the_other_address(city: Instance, county: Instance) -> None:
    published(
        city,
        f"update population.person set residence_region_code = '{B}001001', residence_address = '四川省泸州市泸县城关镇新街3号' where person_id = 'P{A}006'",
    )
    city.deliver(county)
    sql = f"select residence_address, geom is null, address_code is null, registered_address from received.s510500_population_person where person_id = 'P{A}006'"
    assert county.query(sql) == [("四川省泸州市泸县城关镇****", True, True, "四川省泸州市江阳区城关镇佳乐路6号")]


def test_a_row_that_came_and_went_on_one_day_is_told_too(city: Instance, county: Instance) -> None:
    city.deliver(county)
    published(
        city,
        f"insert into population.person (person_id, residence_region_code, living_status, version_from) values ('PDAY', '{A}001001', 'living', '2018-03-01')",
    )
    city.deliver(county)
    published(city, "delete from population.person where person_id = 'PDAY'")
    assert city.deliver(county).rows == 1
    assert county.query("select count(*) from received.s510500_population_person") == [(40,)]


def test_nothing_new_makes_no_package(city: Instance, county: Instance) -> None:
    city.deliver(county)
    made = city.export(A)
    assert (made.path, made.rows) == (None, 0)


def test_without_a_receipt_the_whole_is_sent_again(city: Instance, county: Instance) -> None:
    county.receive(city.export(A).path)
    again = city.export(A)
    assert again.kind == "full"
    county.receive(again.path)
    assert county.checksums("510500") == sent(city)


def test_another_shape_begins_anew_and_what_is_withdrawn_vanishes(city: Instance, county: Instance) -> None:
    city.deliver(county)
    with db.transaction(city.settings) as con:
        db.rows(con, "update catalog.resource set share_type = 3, share_condition = '依据' where subject = 'credit.rating'")
    made = city.deliver(county)
    assert (made.kind, "不同" in made.why) == ("full", True)
    assert "credit.rating" not in county.checksums("510500")
    assert county.query("select to_regclass('received.s510500_credit_rating')") == [(None,)]


def test_a_lost_ledger_costs_a_full_package_and_nothing_else(city: Instance, county: Instance) -> None:
    import shutil

    city.deliver(county)
    shutil.rmtree(city.settings.home / "exchange" / "ledger")
    made = city.deliver(county)
    assert (made.kind, "底账" in made.why) == ("full", True)
    assert county.checksums("510500") == sent(city)


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_package_twice_changes_nothing(city: Instance, county: Instance) -> None:
    made = city.export(A)
    county.receive(made.path)
    before = county.query("select xmin::text, ctid::text from received.s510500_population_person order by 2")
    assert county.receive(made.path).again
    assert county.query("select xmin::text, ctid::text from received.s510500_population_person order by 2") == before
    assert county.query("select count(*) from exchange.received") == [(1,)]


def test_a_gap_is_refused_with_a_clear_sentence(city: Instance, county: Instance, instances: Callable[[str], Instance]) -> None:
    city.deliver(county)
    published(city, f"update population.person set name = '一' where person_id = 'P{A}007'")
    second = city.export(A)
    receipt = instances(A)  # another database under the county's name has not even the first
    with pytest.raises(PackageRefused, match="还没有装过 510500 的全量包"):
        receipt.receive(second.path)
    city.acknowledge(second.path, county.receive(second.path).receipt)
    published(city, f"update population.person set name = '二' where person_id = 'P{A}007'")
    third = city.export(A)
    published(city, f"update population.person set name = '三' where person_id = 'P{A}007'")
    county.query("select 1")
    with db.transaction(county.settings) as con:  # as if the second had never come
        db.rows(
            con, "delete from exchange.received where sequence = 2 and package_id not in (select package_id from exchange.received_table)"
        )
        db.rows(con, "update exchange.received_table set package_id = (select package_id from exchange.received where sequence = 1)")
        db.rows(con, "delete from exchange.received where sequence = 2")
    with pytest.raises(PackageRefused, match="次序不接：这是第 3 包，接在第 2 包之后"):
        county.receive(third.path)


def test_an_older_full_package_is_not_taken_after_a_newer_one(city: Instance, county: Instance) -> None:
    older, newer = city.export(A), city.export(A)
    county.receive(newer.path)
    with pytest.raises(PackageRefused, match="早于本库已装的"):
        county.receive(older.path)


def test_a_table_that_somebody_changed_by_hand_is_noticed_and_left_alone(city: Instance, county: Instance) -> None:
    city.deliver(county)
    with db.transaction(county.settings) as con:
        db.rows(con, f"update received.s510500_population_person set name = '手改' where person_id = 'P{A}008'")
    published(city, f"update population.person set name = '改' where person_id = 'P{A}009'")
    with pytest.raises(PackageRefused, match="校验和不同"):
        county.receive(city.export(A).path)
    assert county.query("select count(*) from exchange.received") == [(1,)]
    assert county.query("select count(*) from received.s510500_population_person where name = '改'") == [(0,)]


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_that_was_changed_or_belongs_to_another_is_refused(city: Instance, county: Instance) -> None:
    made = city.export(A)
    receipt = county.receive(made.path).receipt
    told = json.loads(receipt.read_text())
    told["receipt"]["checksums"]["credit.rating"] = "0:0:0"
    receipt.with_suffix(".bad").write_text(json.dumps(told))
    with pytest.raises(PackageRefused, match="签名与 510502 的公钥对不上"):
        city.acknowledge(made.path, receipt.with_suffix(".bad"))
    with pytest.raises(PackageRefused, match="别的包"):
        city.acknowledge(city.export(B).path, receipt)
    (county.folder / "no.json").write_text("[]")
    with pytest.raises(PackageRefused, match="不是回执"):
        city.acknowledge(made.path, county.folder / "no.json")
    with pytest.raises(UsageError, match="没有发出过包"):
        city.acknowledge("ffffffff", receipt)
    city.acknowledge(str(made.package_id)[:8], receipt)
    city.acknowledge(made.path.name, receipt)
    assert city.query("select count(*) from exchange.package where acknowledged_at is not null") == [(1,)]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_key_nothing_leaves_and_no_key_is_invented(posted: Posted) -> None:
    city = posted.city
    city.key.rename(city.key.with_suffix(".away"))
    with pytest.raises(UsageError, match="私钥文件读不到"):
        city.export("province")
    city.key.with_suffix(".away").rename(city.key)
    city.key.chmod(0o644)
    with pytest.raises(UsageError, match="别的用户也能读"):
        city.export("province")
    city.key.chmod(0o600)


def test_an_unsigned_package_is_taken_only_where_that_is_expressly_allowed(city: Instance, county: Instance) -> None:
    city.unsigned = True
    made = city.export(A)
    with pytest.raises(PackageRefused, match="没有签名，不收"):
        county.receive(made.path)
    county.unsigned = True
    assert county.receive(made.path).manifest.signature is None


def test_a_stranger_is_not_believed(city: Instance, county: Instance, tmp_path: Path) -> None:
    made = city.export(A)
    (tmp_path / "trust" / "510500.pem").rename(tmp_path / "away.pem")
    with pytest.raises(PackageRefused, match="不认识 510500"):
        county.receive(made.path)
    (tmp_path / "trust" / "510502.pem").rename(tmp_path / "trust" / "510500.pem")
    with pytest.raises(PackageRefused, match="签名与 510500 的公钥对不上"):
        county.receive(made.path)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


def altered(path: Path, change: Callable[[dict[str, bytes]], None], out: Path) -> Path:
    """A copy of a package with other contents, packed afresh."""
    with zipfile.ZipFile(path) as archive:
        contents = {n: archive.read(n) for n in archive.namelist()}
    change(contents)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out


def _flip(contents: dict[str, bytes]) -> None:
    name = "data/population__person.parquet"
    contents[name] = contents[name][:200] + bytes([contents[name][200] ^ 1]) + contents[name][201:]


def _flip_csv(contents: dict[str, bytes]) -> None:
    contents["data/population__person.csv"] = contents["data/population__person.csv"].replace("守信".encode(), "守义".encode(), 1)


def _rows(contents: dict[str, bytes]) -> None:
    contents["manifest.json"] = contents["manifest.json"].replace(b'"rows_total": 40', b'"rows_total": 41', 1)


def _climb(contents: dict[str, bytes]) -> None:
    contents["data/../../../../tmp/evil.parquet"] = b"x"


REFUSALS: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "a byte of a data file": (_flip, "对不上|读不完整"),
    "a word of a CSV file": (_flip_csv, "对不上"),
    "a figure of the manifest": (_rows, "签名"),
    "another receiver": (lambda c: c.update({"manifest.json": c["manifest.json"].replace(b'"510502"', b'"510521"')}), "签名"),
    "no signature": (lambda c: c.update({"manifest.sig": b""}), "签名"),
    "a signature that is none": (lambda c: c.update({"manifest.sig": b"not base64!"}), "签名"),
    "a path that climbs out": (_climb, "名称不安全"),
    "an absolute path": (lambda c: c.update({"/etc/passwd": b"x"}), "名称不安全"),
    "a Windows path": (lambda c: c.update({"data\\..\\evil.csv": b"x"}), "名称不安全"),
    "one file too many": (lambda c: c.update({"data/more.parquet": b"x"}), "有缺少或多出的"),
    "one file too few": (lambda c: c.pop("data/population__person.csv") and None, "有缺少或多出的"),
    "a longer file": (lambda c: c.update({"data/population__person.csv": c["data/population__person.csv"] + b"x"}), "长度"),
    "no manifest": (lambda c: c.pop("manifest.json") and None, "缺 manifest.json"),
    "a manifest that is no JSON": (lambda c: c.update({"manifest.json": b"{"}), "不是 JSON"),
    "a manifest with a key unknown": (
        lambda c: c.update({"manifest.json": c["manifest.json"].replace(b'"chain"', b'"chian"')}),
        "不合本版本的格式",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_package_that_was_tampered_with_is_refused_and_changes_nothing(what: str, posted: Posted, tmp_path: Path) -> None:
    change, sentence = REFUSALS[what]
    path = altered(posted.path, change, tmp_path / "bad.zip")
    with pytest.raises(PackageRefused, match=sentence) as refused:
        posted.county.receive(path)
    assert "\n" not in str(refused.value)
    assert posted.county.query("select count(*) from exchange.received") == [(0,)]
    assert posted.county.query("select count(*) from pg_class where relnamespace = 'received'::regnamespace and relkind = 'r'") == [(0,)]
    assert not Path("/tmp/evil.parquet").exists()


def test_a_package_for_somebody_else_is_refused(posted: Posted) -> None:
    with pytest.raises(PackageRefused, match="是给 江阳区（510502）的，本实例是 510521"):
        posted.neighbour.receive(posted.path)


def test_a_truncated_or_foreign_file_is_refused(posted: Posted, tmp_path: Path) -> None:
    whole = posted.path.read_bytes()
    for n, content in enumerate((whole[: len(whole) // 2], whole[:100], b"", b"<html></html>")):
        (tmp_path / f"{n}.zip").write_bytes(content)
        with pytest.raises(PackageRefused, match="不是完整的交换包"):
            posted.county.receive(tmp_path / f"{n}.zip")


def test_symbolic_links_and_names_given_twice_are_refused(posted: Posted, tmp_path: Path) -> None:
    for n, (kind, sentence) in enumerate(((0o120777, "符号链接"), (0o100644, "同名"))):
        path = tmp_path / f"{n}.zip"
        path.write_bytes(posted.path.read_bytes())
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings(action="ignore"):
            link = zipfile.ZipInfo("README.txt" if n else "data/link.parquet")
            link.external_attr = kind << 16
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(PackageRefused, match=sentence):
            posted.county.receive(path)


def test_a_package_that_is_too_big_is_refused_before_it_is_unpacked(posted: Posted, monkeypatch: pytest.MonkeyPatch) -> None:
    with posted.county.acting():
        monkeypatch.setenv("JICHU_EXCHANGE_LIMIT", "0.00001")
        with pytest.raises(PackageRefused, match="超过所许的"):
            exchange.receive(posted.county.settings, posted.path, posted.county.folder)


# ── what is declared ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_of_the_declaration_that_nobody_knows_is_refused() -> None:
    text = declaration.FILE.read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="counties.grnats"):
        declaration.parse(text + "\n  grnats: []\n", "schemas/exchange.yml")
    with pytest.raises(UsageError, match="masks"):
        declaration.parse(text.replace("{manager: name}", "{manager: nmae}"), "schemas/exchange.yml")


def test_an_unknown_receiver_is_answered_with_the_nearest(posted: Posted) -> None:
    with pytest.raises(UsageError, match="没有接收方 provinse.*province"):
        posted.city.export("provinse")
    with pytest.raises(UsageError, match="不能发给自己"):
        posted.city.export("city")


def test_on_the_command_line_every_refusal_is_one_sentence_and_an_exit_code(posted: Posted, tmp_path: Path) -> None:
    bad = altered(posted.path, _flip, tmp_path / "bad.zip")
    for instance, arguments, code in ((posted.city, ("export", "nobody"), 2), (posted.county, ("import", str(bad)), 3)):
        with instance.acting():
            done = subprocess.run([sys.executable, "-m", "etl.cli", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert done.stderr.startswith("jichu: ")
        assert len(done.stderr.strip().splitlines()) == 1
