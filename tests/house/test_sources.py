"""The declared sources: every spec loads, is checked, fits what is delivered, and makes of its fixture what the fixture says."""

import csv
import datetime
import decimal
import io
import json
import re
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
import yaml

from etl import spec
from etl.preview import preview
from etl.settings import ROOT
from etl.spec import Registry, Source, registry, suite

FIXTURES = ROOT / "tests" / "fixtures" / "sources"
GUIDE = ROOT / "docs" / "adding-a-source.md"
CITY = Path("/work/shared/city/drop")

with_city = pytest.mark.skipif(not CITY.is_dir(), reason="the shared city's deliveries are not on this machine")


@pytest.fixture(scope="module")
def declared() -> Registry:
    return spec.load()


def fixtures() -> list[str]:
    return sorted(str(p.parent.relative_to(FIXTURES)) for p in FIXTURES.glob("*/*/expected.jsonl"))


# ── what is declared ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_spec_loads_without_a_mistake(declared: Registry) -> None:
    assert declared.problems == ()
    assert len({s.stem for s in declared.sources.values()}) > 50


def test_every_source_has_four_to_ten_expectations_and_none_is_mistaken(declared: Registry) -> None:
    assert suite.problems() == []
    for source in declared.sources.values():
        claims = suite.load_suite(source.stem)
        assert claims is not None, f"no expectations/{source.stem}.yml"
        assert 4 <= len(claims.expectations) <= 10, source.stem


def test_a_critical_expectation_can_only_fail_when_columns_have_shifted(declared: Registry) -> None:
    """It holds a delivery, and sees the new and changed rows alone: on a quiet day one of them decides."""
    for stem in sorted({s.stem for s in declared.sources.values()}):
        claims = suite.load_suite(stem)
        assert claims is not None
        critical = [c for c in claims.expectations if c.severity == "critical"]
        assert all(c.type == "expect_column_values_to_not_match_regex" and c.kwargs["mostly"] <= 0.5 for c in critical), stem


def test_every_feed_fills_fields_that_its_library_has(declared: Registry) -> None:
    for source in declared.sources.values():
        assert source.feeds, f"{source.name} feeds nothing"
        cleaned = declared.outputs(source)
        for feed in source.feeds:
            library, name = feed.to.split(".")
            fields = declared.libraries[library].inputs[name].fields
            mapped = dict(feed.fields) if feed.fields is not None else {f: f for f in fields if f in cleaned}
            assert mapped, f"{source.name} feeds {feed.to} nothing"
            assert set(mapped) <= set(fields)
            assert set(mapped.values()) <= set(cleaned)


def test_a_party_is_told_by_a_name_or_an_identifier(declared: Registry) -> None:
    tells = {"population.person": {"name", "citizen_id"}, "legal_entity.entity": {"name", "code", "entity_key", "organization_code"}}
    for source in declared.sources.values():
        for feed in source.feeds:
            if feed.to in tells:
                mapped = set(feed.fields) if feed.fields is not None else {c.as_ for c in source.columns.values()}
                assert mapped & tells[feed.to], f"{source.name} {feed.to} {feed.role}"


def test_a_role_is_told_once_in_a_row(declared: Registry) -> None:
    """Two feeds of one role are allowed only where `when` tells them apart, or the input is not a party."""
    for source in declared.sources.values():
        roles = [(f.to, f.role) for f in source.feeds if f.to in ("population.person", "legal_entity.entity") and not f.when]
        assert len(roles) == len(set(roles)), source.name


def test_an_address_role_stands_once_in_a_dataset(declared: Registry) -> None:
    for source in declared.sources.values():
        roles = [c.role for c in source.columns.values() if c.rule == "address"]
        assert None not in roles and len(roles) == len(set(roles)), source.name


def test_every_department_has_somebody_who_reads_its_mail(declared: Registry) -> None:
    assert {s.department for s in declared.sources.values()} <= set(declared.departments)
    for name, department in declared.departments.items():
        assert department.owners and department.substitutes, name
        assert re.search(r"[\u4e00-\u9fff]", department.title), name
        assert department.parent is None or department.parent in declared.departments


def test_every_delivered_column_has_a_chinese_title(declared: Registry) -> None:
    for source in declared.sources.values():
        for delivered, column in source.columns.items():
            assert re.search(r"[\u4e00-\u9fff]", column.title or delivered), f"{source.name} {delivered}"


# What a row cannot do without: dataset → (key, required fields). Datasets not named need only their key.
AGREED = {
    "public_security/household_register": ("rkid", "csrq zxbs"),
    "public_security/floating_population": ("登记编号", "登记日期"),
    "health/birth_certificates": ("出生证编号", "出生时间"),
    "health/death_certificates": ("死亡证编号", "死亡日期"),
    "health/health_records": ("档案号", "建档日期"),
    "civil_affairs/marriages": ("登记字号", "登记日期 登记类型"),
    "civil_affairs/social_organizations": ("统一社会信用代码", "成立日期"),
    "housing_fund/accounts": ("account", "opened base"),
    "county_510502/grid_residents": ("采集编号", "采集时间"),
    "county_510571/grid_residents": ("采集编号", "采集时间"),
    "market_regulation/enterprises": ("pripid", "estdate regstate"),
    "market_regulation/self_employed": ("pripid", "estdate regstate"),
    "market_regulation/abnormal_operations": ("文号", "列入日期"),
    "market_regulation/business_licences": ("zzbs", "fzrq zt"),
    "quality_supervision/organization_codes": ("JGDM", "ZCRQ"),
    "state_tax/taxpayers": ("纳税人识别号", "登记日期"),
    "local_tax/taxpayers": ("纳税人识别号", "登记日期"),
    "food_drug/food_licences": ("xkzbh", "fzrq zt"),
    "transport/road_permits": ("许可证号", "有效期起"),
    "water/intake_permits": ("取水许可证编号", "有效期起"),
    "housing/construction_permits": ("施工许可证编号", "发证日期"),
    "safety/hazardous_permits": ("证书编号", "有效期至"),
    "state_tax/credit_ratings": ("纳税人识别号 年度", "等级"),
    "local_tax/arrears": ("公告号", "公告日期 欠税余额(元)"),
    "development_reform/permits": ("行政许可决定文书号 行政相对人名称", "许可决定日期"),
    "development_reform/penalties": ("行政处罚决定书文号 行政相对人名称", "处罚决定日期"),
    "development_reform/red_black_lists": ("名单类型 主体名称 认定单位 列入日期", "列入日期 名单类型"),
    "court/dishonest_debtors": ("案号 名称", "立案时间"),
    "mass_work/appeals": ("工单号", "受理时间"),
    "meteorology/daily": ("站号 日期", "日期"),
    "public_security/information_systems": ("系统名称", ""),
    "statistics_bureau/monthly_indicators": ("指标名称 @sheet", ""),
    "transport/monthly_traffic": ("指标 @title", ""),
    "agriculture/crops": ("作物 指标 @sheet", ""),
    "statistics_bureau/county_annual": ("县区 @sheet", ""),
}


def test_keys_and_required_fields_are_those_agreed_with_the_departments(declared: Registry) -> None:
    for source in declared.sources.values():
        key, required = AGREED.get(source.name, (None, ""))
        if key is not None:
            assert source.key == key.split(), source.name
        if source.dataset != "grid_residents":
            assert {c for c, column in source.columns.items() if column.required} == set(required.split()), source.name


# ── what the fixtures show ───────────────────────────────────────────────────────────────────────────────────────


def told(value: Any) -> Any:
    """A cleaned value as JSON writes it."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value


def compare(dataset: str, folder: Path) -> None:
    """Each row of `delivered.*` against its line of expected.jsonl; only the fields named there are compared."""
    (delivered,) = folder.glob("delivered.*")
    expected = [json.loads(line) for line in (folder / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = list(preview(dataset, delivered))
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        why = wanted["why"]
        assert row["source_key"] == wanted["source_key"], why
        if "refused" in wanted:
            assert row["kind"] == "refused", why
            assert [r.split(":")[0] for r in row["reasons"]] == wanted["refused"], why
        else:
            assert row["kind"] == "row", why
            assert {k: told(row["row"][k]) for k in wanted["row"]} == wanted["row"], why


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")


@pytest.mark.parametrize("dataset", fixtures())
def test_a_fixture_becomes_what_it_says(dataset: str, own_home: None) -> None:
    compare(dataset, FIXTURES / dataset)


# ── the guide ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def as_the_guide_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of what is declared, with the files of docs/adding-a-source.md written into it as they stand there."""
    for folder in ("schemas", "expectations"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    blocks = re.findall(r"^```\w+ (\S+)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert {Path(name).suffix for name, _ in blocks} == {".csv", ".yml", ".jsonl"}
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(registry, "SCHEMAS", tmp_path / "schemas")
    monkeypatch.setattr(suite, "EXPECTATIONS", tmp_path / "expectations")
    registry.load.cache_clear()
    suite.load_suite.cache_clear()
    yield tmp_path
    registry.load.cache_clear()
    suite.load_suite.cache_clear()


def test_following_the_guide_adds_a_source(as_the_guide_says: Path, own_home: None) -> None:
    dataset = "statistics_bureau/divisions"
    declared = spec.load()
    assert declared.problems == ()
    assert dataset in declared.sources
    assert suite.problems(as_the_guide_says / "expectations") == []
    compare(dataset, as_the_guide_says / "tests" / "fixtures" / "sources" / dataset)


# ── the shared city ──────────────────────────────────────────────────────────────────────────────────────────────


def delivered_columns(source: Source) -> set[str]:
    """Column names of the city's delivery of a dataset, read without any of our own readers."""
    if source.delivery.channel == "database":
        return _of_dump(source)
    if source.delivery.channel == "api":
        line = (CITY / source.department / "api" / f"{source.dataset}.jsonl").read_text(encoding="utf-8").splitlines()[0]
        return set(json.loads(line))
    files = sorted(p for p in (CITY / source.name).glob("*/*") if p.name != "_SUCCESS")
    return set().union(*(_of_file(source, f) for f in files))


def _of_dump(source: Source) -> set[str]:
    dump = (CITY / source.department / "database.sql").read_text(encoding="utf-8")
    copied = re.search(rf"^COPY {re.escape(source.delivery.table or '')} \((.*?)\)", dump, re.MULTILINE)
    assert copied
    return set(copied[1].split(", "))


def _of_file(source: Source, file: Path) -> set[str]:
    match file.suffix:
        case ".csv":
            raw = file.read_bytes()
            text = raw.decode("gb18030" if source.delivery.encoding.startswith("gb") else "utf-8-sig")
            return set(next(csv.reader(io.StringIO(text))))
        case ".txt":
            fields = (
                file.read_text(encoding=source.delivery.encoding)
                .splitlines()[0]
                .removesuffix(source.delivery.separator)
                .split(source.delivery.separator)
            )
            return set(source.columns) if len(fields) == len(source.columns) else set()
        case ".xlsx":
            return _of_workbook(file)
        case ".json":
            return set(json.loads(file.read_text(encoding="utf-8"))[source.delivery.records or ""][0])
        case ".xml":
            record = ElementTree.parse(file).getroot().find(source.delivery.records or "")
            assert record is not None
            return {field.tag for field in record}
        case ".geojson":
            return set(json.loads(file.read_text(encoding="utf-8"))["features"][0]["properties"])
        case ".kml":
            return {"name", *re.findall(r'<Data name="(\w+)"', file.read_text(encoding="utf-8"))}
        case ".gpkg":
            with sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True) as con:
                (table,) = con.execute("select table_name from gpkg_contents").fetchone()
                return {r[1] for r in con.execute(f'pragma table_info("{table}")')}
        case ".zip":
            with zipfile.ZipFile(file) as archive:
                (name,) = [n for n in archive.namelist() if n.endswith(".dbf")]
                return _of_dbf(archive.read(name))
        case ".dbf":
            return _of_dbf(file.read_bytes())
    raise AssertionError(f"no reader for {file.suffix}")


def _of_workbook(file: Path) -> set[str]:
    """Every text of the first four rows of any sheet: the header is among them."""
    found: set[str] = set()
    book = openpyxl.load_workbook(file, read_only=True)
    for sheet in book.worksheets:
        for row in sheet.iter_rows(max_row=4, values_only=True):
            found |= {str(v).strip() for v in row if v is not None}
    book.close()
    return found


def _of_dbf(raw: bytes) -> set[str]:
    (length,) = struct.unpack("<H", raw[8:10])
    fields = [raw[at : at + 11].split(b"\0")[0].decode("gbk") for at in range(32, length - 1, 32)]
    return {f for f in fields if f.isascii() and f.strip()}


@with_city
def test_every_dataset_of_the_city_is_declared(declared: Registry) -> None:
    folders = {f"{p.parent.name}/{p.name}" for p in CITY.glob("*/*") if p.is_dir() and p.name != "api"}
    files = {f"{p.parent.parent.name}/{p.stem}" for p in CITY.glob("*/api/*.jsonl")}
    assert folders | files <= set(declared.sources)


@with_city
def test_every_declared_column_is_in_the_delivered_files(declared: Registry) -> None:
    missing = {}
    for source in declared.sources.values():
        if source.delivery.channel == "file" and not (CITY / source.name).is_dir():
            continue
        names = {n for n, c in source.columns.items() if not n.startswith("@") and not c.optional}
        if gone := names - delivered_columns(source):
            missing[source.name] = gone
    assert missing == {}


@with_city
def test_no_delivered_column_is_left_undeclared_unless_it_goes_into_the_rest(declared: Registry) -> None:
    extra = {}
    for source in declared.sources.values():
        if source.delivery.format == "xlsx" or source.rest or (source.delivery.channel == "file" and not (CITY / source.name).is_dir()):
            continue
        if more := delivered_columns(source) - set(source.columns) - {"fid", "geom"}:
            extra[source.name] = more
    assert extra == {}


def test_specs_hold_names_and_lists_but_no_anchors() -> None:
    """A spec is read by people who do not know YAML: what stands in a file is all there is."""
    for path in sorted((ROOT / "schemas" / "sources").glob("*/*.yml")):
        text = path.read_text(encoding="utf-8")
        assert not any(isinstance(t, yaml.AnchorToken | yaml.AliasToken) for t in yaml.scan(text)), path.name
