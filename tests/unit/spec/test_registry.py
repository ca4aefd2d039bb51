"""Mistakes in what is declared: each is told by its file, its key and what would be right."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl import settings
from etl.errors import UsageError
from etl.spec import registry
from etl.spec.registry import Registry, nearest

Edit = Callable[[str, str, str], None]


class Schemas:
    """A copy of schemas/ that can be spoilt."""

    def __init__(self, root: Path):
        self.root = root
        shutil.copytree(settings.ROOT / "schemas", root / "schemas")

    def spoil(self, file: str, old: str, new: str) -> None:
        path = self.root / "schemas" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def load(self) -> Registry:
        return registry.load.__wrapped__()


@pytest.fixture
def schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Schemas]:
    made = Schemas(tmp_path)
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    monkeypatch.setattr(registry, "SCHEMAS", tmp_path / "schemas")
    yield made


HEALTH = "sources/health/health_records.yml"


def test_the_schemas_as_they_are_hold_no_mistake(schemas: Schemas) -> None:
    assert schemas.load().problems == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (HEALTH, "rule: person_name", "rule: person_nam", ["health_records.yml", "columns.姓名.rule", "person_nam", "person_name"]),
        (HEALTH, "codes: record_state", "codes: record_stat", ["health_records.yml", "columns.档案状态.codes", "record_state"]),
        (HEALTH, "title: 居民健康档案", "title: 居民健康档案\ntitel: x", ["health_records.yml", "titel", "title"]),
        (HEALTH, "kind: full", "kind: whole", ["health_records.yml", "delivery.kind", "full"]),
        (HEALTH, "required: true", "required: 也许", ["health_records.yml", "columns.建档日期.required", "应为 true 或 false"]),
        (HEALTH, "title: 居民健康档案", "", ["health_records.yml", "title", "缺少此项"]),
        ("codes/editions.yml", "sex: {", "sexes: {", ["editions.yml", "sexes", "schemas/codes/sexes.csv"]),
        (HEALTH, "due: weekly", "due: weekly, encodin: utf-8", ["health_records.yml", "delivery.encodin", "encoding"]),
        (HEALTH, "key: [档案号]", "key: [档案]", ["health_records.yml", "档案号"]),
        (HEALTH, "as: birth_date", "as: name", ["health_records.yml", "name"]),
        (HEALTH, "as: birth_date", "as: row_hash", ["health_records.yml", "row_hash"]),
        (HEALTH, "as: birth_date", "as: BirthDate", ["health_records.yml", "columns.出生日期.as"]),
        (HEALTH, "to: population.person", "to: population.persons", ["health_records.yml", "feeds[0].to", "population.person"]),
        (HEALTH, "role: self}", "role: himself}", ["health_records.yml", "feeds[0].role", "self"]),
        (HEALTH, "role: residence}", "role: home}", ["health_records.yml", "columns.现住址.role", "residence"]),
        (HEALTH, "format: csv", "crs: null", ["health_records.yml", "delivery", "format"]),
        (
            "sources/market_regulation/enterprises.yml",
            "name: legal_representative,",
            "nam: legal_representative,",
            ["enterprises.yml", "feeds[1].fields.nam", "name"],
        ),
        (
            "sources/market_regulation/enterprises.yml",
            "citizen_id: legal_representative_id,",
            "citizen_id: legal_representative_no,",
            ["enterprises.yml", "feeds[1].fields.citizen_id", "legal_representative_id"],
        ),
        ("libraries/population.yml", "title: 人口库", "title: 人口库\nbelive: {}", ["population.yml", "belive", "believe"]),
        ("departments.yml", "title:", "titel:", ["departments.yml", "titel"]),
        ("rules.yml", "title: 文本", "titel: 文本", ["rules.yml", "titel"]),
    ],
)
def test_a_mistake_is_told_by_file_key_and_alternative(schemas: Schemas, file: str, old: str, new: str, said: list[str]) -> None:
    schemas.spoil(file, old, new)
    problems = schemas.load().problems
    assert any(all(word in p for word in said) for p in problems), problems


def test_a_wrong_file_does_not_hide_another(schemas: Schemas) -> None:
    schemas.spoil(HEALTH, "kind: full", "kind: whole")
    schemas.spoil("sources/court/dishonest_debtors.yml", "rule: ", "rule: no_such_")
    problems = schemas.load().problems
    assert any("health_records" in p for p in problems)
    assert any("dishonest_debtors" in p for p in problems)


def test_broken_yaml_is_told_by_file_and_line(schemas: Schemas) -> None:
    schemas.spoil(HEALTH, "key: [档案号]", "key: [档案号")
    with pytest.raises(UsageError, match=r"health_records\.yml：YAML 写法有误，第 \d+ 行"):
        schemas.load()


def test_a_key_written_twice_is_told_by_file_line_and_key(schemas: Schemas) -> None:
    schemas.spoil(HEALTH, "  性别:", "  姓名: {as: name_again}\n  性别:")
    with pytest.raises(UsageError, match=r"health_records\.yml：YAML 写法有误，第 8 行：键 姓名 写了两次"):
        schemas.load()


def test_a_file_in_another_encoding_is_told_by_name(schemas: Schemas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: b"\xff".decode())
    with pytest.raises(UsageError, match=r"\.yml：不是 UTF-8 编码"):
        schemas.load()


def test_a_dataset_that_is_not_declared_is_told_with_its_neighbours() -> None:
    with pytest.raises(UsageError, match="没有数据集 health/health_record；相近的有：health/health_records"):
        registry.load().source("health/health_record")


def test_the_alternatives_are_the_nearest_or_else_the_known() -> None:
    assert nearest("citizenid", ["citizen_id", "phone"]) == "相近的有：citizen_id"
    assert nearest("zzz", ["b", "a"]) == "已知的有：a、b"


def test_libraries_come_after_those_they_read() -> None:
    ordered = [x.name for x in registry.load().ordered_libraries()]
    for library in registry.load().libraries.values():
        assert all(ordered.index(a) < ordered.index(library.name) for a in library.after)


def test_libraries_that_wait_for_each_other_are_a_mistake(schemas: Schemas) -> None:
    schemas.spoil("libraries/geospatial.yml", "title: 地理空间库", "title: 地理空间库\nafter: [population]")
    with pytest.raises(UsageError, match="成环"):
        schemas.load().ordered_libraries()


def test_departments_of_one_file_share_a_table_and_differ_in_terms() -> None:
    sources = registry.load().sources
    one, other = sources["county_510502/grid_residents"], sources["county_510503/grid_residents"]
    assert one.table == other.table == "every_county__grid_residents"
    assert (one.delivery.encoding, other.delivery.encoding) == ("utf-8", "gb18030")


def test_every_spelling_of_a_code_leads_to_it() -> None:
    table = registry.load().codes["red_black"]
    for code, label in table.codes.items():
        assert table.spellings()[code] == table.spellings()[label] == code
    assert all(table.spellings()[a] == c for a, c in table.aliases.items())
