"""Rules of the house that no single test of a step would notice."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from etl import inspect, spec
from etl.settings import ROOT
from etl.spec.suite import load_suite

STEPS = {"extract", "clean", "match", "merge", "load", "check", "report", "demo"}
COMMON = {"spec", "engine", "db", "store", "settings", "errors", "connections", "workbench", "spread", "warned", "abreast", "judging"}
# Beside the common modules: what a step may import, and why.
ALLOWED = {
    "load": {"account", "migrate"},  # it books accounts, and makes the staging table that it fills
    "report": {"migrate", "records", "tickets", "scoring"},
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
LONG_FILES = {"pipeline.py": "the one place that tells the whole story in order"}
LONG_FUNCTIONS: dict[str, str] = {}
MAY_PRINT = {"cli", "platform", "spec/document.py", "training.py"}  # the last two are programs of their own

MODULES = sorted(p for p in (ROOT / "etl").rglob("*.py"))
PARSED = {p: ast.parse(p.read_text(encoding="utf-8")) for p in MODULES}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT / "etl"))


def imported(tree: ast.AST) -> set[str]:
    """Modules of this project that a file imports anywhere in it, as `etl.x.y`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{a.name}" for a in node.names} if node.module == "etl" else {node.module}
    return {n for n in found if n == "etl" or n.startswith("etl.")}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_step_knows_no_other_step(step: str) -> None:
    known = COMMON | ALLOWED.get(step, set()) | {step}
    wrong = {
        f"{relative(p)} → {n}"
        for p in MODULES
        if relative(p).split("/")[0] == step
        for n in imported(PARSED[p])
        if n.split(".")[1] not in known
    }
    assert wrong == set()


def test_what_everybody_uses_knows_no_step() -> None:
    wrong = {
        f"{relative(p)} → {n}"
        for p in MODULES
        if relative(p).split("/")[0].removesuffix(".py") in COMMON
        for n in imported(PARSED[p])
        if n.split(".")[1] in STEPS | {"pipeline"}
    }
    assert wrong == set()


def test_a_dag_knows_the_pipeline_and_its_decisions_alone() -> None:
    wrong = {
        f"{p.name} → {n}"
        for p in sorted((ROOT / "dags").glob("*.py"))
        for n in imported(ast.parse(p.read_text(encoding="utf-8")))
        if n not in ("etl.pipeline", "etl.decisions", "etl.training")
    }
    assert wrong == set()


def test_an_unforeseen_error_of_a_task_never_carries_its_text_to_airflow() -> None:
    """Airflow logs, stores and sends on the text of whatever a task raises; every function that a DAG calls lets out frames alone."""
    listing = {
        "pipeline.departments",
        "pipeline.libraries",
        "pipeline.sources",
    }  # called while a file is parsed: nothing but what is declared
    calls = {
        f"{n.func.value.id}.{n.func.attr}"
        for p in sorted((ROOT / "dags").glob("*.py"))
        for n in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and n.func.value.id in ("pipeline", "decisions", "training")
    }  # fmt: skip
    assert {"pipeline.ingest", "decisions.answer", "training.train"} <= calls
    open_ones = {c for c in calls - listing if not hasattr(getattr(import_module(f"etl.{c.split('.')[0]}"), c.split(".")[1]), "guarded")}
    assert open_ones == set()


def test_the_pipeline_can_be_imported_by_a_dag_in_no_time() -> None:
    """Heavy libraries are imported where they are needed, not where the module begins."""
    heavy = {"duckdb", "psycopg2", "great_expectations", "splink", "pandas", "pyarrow", "geopandas", "matplotlib", "openpyxl", "shapely"}
    begun = [n for n in PARSED[ROOT / "etl" / "pipeline.py"].body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not heavy & {(a.name if isinstance(n, ast.Import) else str(n.module)).split(".")[0] for n in begun for a in n.names}


def test_no_file_is_too_long_to_read() -> None:
    long = {relative(p) for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE}
    assert long <= set(LONG_FILES)


def test_no_function_is_too_long_to_read() -> None:
    long = {
        f"{relative(p)}:{n.name}"
        for p, tree in PARSED.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and (n.end_lineno or 0) - n.lineno + 1 > LONGEST_FUNCTION
    }
    assert long <= set(LONG_FUNCTIONS)


def test_only_the_command_line_prints() -> None:
    printing = {
        relative(p)
        for p, tree in PARSED.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id == "print"
        and not {relative(p), relative(p).split("/")[0]} & MAY_PRINT
    }
    assert printing == set()


def test_every_module_and_public_class_says_what_it_is() -> None:
    silent = {relative(p) for p, tree in PARSED.items() if p.stat().st_size and not ast.get_docstring(tree)}
    silent |= {
        f"{relative(p)}:{n.name}"
        for p, tree in PARSED.items()
        for n in tree.body
        if isinstance(n, ast.ClassDef) and not n.name.startswith("_") and not ast.get_docstring(n)
    }
    assert silent == set()


def test_nothing_is_left_to_be_done() -> None:
    words = ("TO" + "DO", "FIX" + "ME")
    texts = [*MODULES, *(ROOT / "sql").rglob("*.sql"), *(ROOT / "schemas").rglob("*.yml"), *(ROOT / "dags").glob("*.py")]
    assert {str(p.relative_to(ROOT)) for p in texts for w in words if w in p.read_text(encoding="utf-8")} == set()


def test_the_project_does_not_know_where_the_truth_is() -> None:
    reading = {
        relative(p)
        for p, tree in PARSED.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and ("/work/" in n.value or "/shared/" in n.value)
    }
    assert reading == set()


def test_what_is_declared_holds_no_mistake() -> None:
    assert inspect.problems() == []


def test_every_source_and_every_library_table_has_expectations() -> None:
    registry = spec.load()
    stems = {s.stem for s in registry.sources.values()} | {t.replace(".", "/") for x in registry.libraries.values() for t in x.tables}
    assert {s for s in stems if load_suite(s) is None} == set()


def test_every_dataset_of_the_contract_is_declared() -> None:
    names = set(spec.load().sources)
    assert sum(n.endswith("/information_systems") for n in names) >= 25
    assert sum(n.endswith("/grid_residents") for n in names) == 9
    assert {
        "public_security/household_register",
        "market_regulation/enterprises",
        "quality_supervision/organization_codes",
        "land/regions",
    } <= names
