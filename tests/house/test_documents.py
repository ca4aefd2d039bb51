"""What is written about the project is so: generated pages are up to date, links lead somewhere, examples run."""

import json
import re
from pathlib import Path

import psycopg2
import pytest
import yaml
from jsonschema import Draft202012Validator

from etl import catalog, migrate, settings, spec
from etl.preview import preview
from etl.settings import ROOT
from etl.spec.document import documents, editor_schemas

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ANALYSTS = ROOT / "docs" / "analysts-guide.md"
FILES = {"source": "schemas/sources/*/*.yml", "library": "schemas/libraries/*.yml", "suite": "expectations/*/*.yml"}


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


# ── what is generated ────────────────────────────────────────────────────────────────────────────────────────────


def test_every_line_of_the_page_of_sources_is_what_the_specs_say() -> None:
    """A dataset that the page does not list yet is no mistake: adding one touches its own files only."""
    (page,) = [text for place, text in documents(spec.load()).items() if place.suffix == ".md"]
    written = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    untrue = set(written.splitlines()) - set(page.splitlines())
    assert not untrue, "python -m etl.spec.document writes the page anew"


def test_the_schemas_for_editors_are_those_of_the_models() -> None:
    for name, schema in editor_schemas(spec.load()).items():
        assert json.loads((ROOT / "schemas" / name).read_text(encoding="utf-8")) == schema, "python -m etl.spec.document"


@pytest.mark.parametrize("kind", FILES)
def test_every_declared_file_is_valid_by_its_schema_for_editors(kind: str) -> None:
    schema = json.loads((ROOT / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for path in sorted(ROOT.glob(FILES[kind])):
        found = [
            f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))
        ]
        assert not found, path.name


def test_the_schema_for_editors_marks_a_key_that_no_model_knows() -> None:
    schema = json.loads((ROOT / "schemas" / "source.schema.json").read_text(encoding="utf-8"))
    delivery = {"channel": "file", "kind": "full", "format": "csv"}
    right = {"title": "例", "delivery": delivery, "key": ["a"], "columns": {"a": {"as": "number"}}}
    assert Draft202012Validator(schema).is_valid(right)
    assert not Draft202012Validator(schema).is_valid({**right, "collumns": {}})
    assert not Draft202012Validator(schema).is_valid({**right, "columns": {"a": {"as": "number", "rule": "no_such_rule"}}})


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=lambda p: p.name)
def test_every_path_on_the_map_of_the_tree_is_there(page: Path) -> None:
    (tree,) = [b for b in blocks(page, "text") if "pipeline.py" in b]
    named = re.findall(r"^((?:\.?[\w.-]+/)*[\w.-]+/?)  ", tree, re.MULTILINE)
    assert len(named) > 10
    assert [n for n in named if not (ROOT / n).exists()] == []


def test_every_decision_says_its_context_the_decision_and_what_follows() -> None:
    assert [int(p.name[:4]) for p in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}: ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name


def test_every_setting_that_the_code_reads_stands_on_the_page_of_settings() -> None:
    code = [*(ROOT / "etl").rglob("*.py"), *(ROOT / "dags").glob("*.py"), *(ROOT / "etl").rglob("*.sh"), ROOT / "docker-compose.yml"]
    read = {n for p in code for n in re.findall(r"\bJICHU_[A-Z]+(?:_[A-Z]+)*\b", p.read_text(encoding="utf-8"))}
    told = set(re.findall(r"\bJICHU_[A-Z_]+\b", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    assert read - told == set()


def test_the_rows_of_the_readme_are_cleaned_as_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")
    (rows,) = blocks(ROOT / "README.md", "csv")
    file = tmp_path / "health_records.csv"
    file.write_text(rows, encoding="utf-8")
    first, second, third = preview("health/health_records", file)
    assert first["row"] | {"citizen_id": "11010519491231002X", "name": "王示例"} == first["row"]
    assert str(first["row"]["birth_date"]) == "1949-12-13"
    assert [f["problem"] for f in first["findings"]] == ["name_decorated", "id_format", "id_birth_differs"]
    assert second["row"]["citizen_id_state"] == "missing"
    assert third["reasons"] == ["bad_date: 列“建档日期”为空"]


# ── the analysts' questions ──────────────────────────────────────────────────────────────────────────────────────


def test_every_question_of_the_analysts_guide_runs_on_a_migrated_database(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_DATABASE_URL", empty_database)
    migrate.migrate(settings.load())
    catalog.themes(settings.load())
    questions = blocks(ANALYSTS, "sql")
    assert len(questions) >= 20
    connection = psycopg2.connect(empty_database)
    try:
        for question in questions:
            with connection.cursor() as cursor:
                cursor.execute(question)
                assert cursor.description, question.splitlines()[0]
    finally:
        connection.close()
