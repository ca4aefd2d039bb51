"""A suite of expectations (expectations/<stem>.yml): Great Expectations' own types and arguments, and why each is claimed."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from etl.settings import ROOT
from etl.spec.base import Declared
from etl.spec.registry import LOADER, SCHEMAS, Registry, in_words, load, nearest
from etl.spec.rule import Dimension
from etl.spec.source import Source

EXPECTATIONS = ROOT / "expectations"
MIGRATIONS = ROOT / "sql" / "migrations"
# Columns of every staging table beside the cleaned ones (docs/architecture.md, Staging).
STAGING_COLUMNS = ("dataset", "source_key", "row_hash", "row_number", "delivery_id", "first_delivered_on", "delivered_on", "removed_on")
SINGLE_COLUMN_KEYS = ("column", "column_A", "column_B")


class Claim(Declared):
    """One expectation, named as a claim. `column` is the department's own column name, for its report."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    column: str | None = None
    dimension: Dimension
    severity: Literal["info", "warning", "critical"]
    because: str = Field(min_length=4)
    fields: list[str] = Field(default_factory=list)
    concerns: str | None = None


class Suite(Declared):
    """The expectations of one dataset (`stem` = schemas/sources stem) or library table (`stem` = schema/table)."""

    stem: str
    expectations: list[Claim] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> "Suite":
        names = [c.name for c in self.expectations]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"name 重复：{'、'.join(twice)}")
        return self


@dataclass(frozen=True)
class Kind:
    """A type of expectation: the arguments it takes and those it cannot do without."""

    arguments: frozenset[str]
    required: frozenset[str]


# Our own types (etl/check/expectations.py), beside those of Great Expectations.
OWN_KINDS = {"expect_column_values_to_refer_to": Kind(frozenset({"column", "table", "key"}), frozenset({"column", "table", "key"}))}
# Arguments of every type that say what a claim says in its own keys.
NOT_ARGUMENTS = frozenset(
    {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content"}
    | {"severity", "windows", "batch_id", "metadata"}
)


@cache
def load_suite(stem: str) -> Suite | None:
    """The suite of that stem; None when there is none. A wrong file raises pydantic's ValidationError."""
    path = EXPECTATIONS / f"{stem}.yml"
    return read_suite(path, stem) if path.is_file() else None


def read_suite(path: Path, stem: str) -> Suite:
    """The suite of one file."""
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 – a safe loader, in C
    return Suite.model_validate({**(raw if isinstance(raw, dict) else {}), "stem": stem})


@cache
def kinds() -> Mapping[str, Kind]:
    """Every known type, from the JSON Schemas that Great Expectations ships: importing it would take seconds."""
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        return OWN_KINDS
    known = dict(OWN_KINDS)
    for path in Path(next(iter(spec.submodule_search_locations))).glob("expectations/core/schemas/*Expect*.json"):
        schema = json.loads(path.read_text(encoding="utf-8"))
        known[snake(path.stem)] = Kind(frozenset(schema["properties"]) - NOT_ARGUMENTS, frozenset(schema.get("required", ())))
    return known


def snake(name: str) -> str:
    """`ExpectColumnKLDivergence…` → `expect_column_kl_divergence_…`, as Great Expectations itself names its types."""
    once = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", once).lower()


@cache
def table_columns() -> Mapping[str, frozenset[str]]:
    """Columns of each published table: those that a migration comments on (every column has a comment)."""
    found: dict[str, set[str]] = {}
    for path in sorted(MIGRATIONS.rglob("*.sql")):
        for table, column in re.findall(r"comment on column (\w+\.\w+)\.(\w+) is", path.read_text(encoding="utf-8"), re.IGNORECASE):
            found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


def problems(folder: Path = EXPECTATIONS) -> list[str]:
    """Every mistake in expectations/: file, key, what is wrong and the nearest alternatives."""
    registry = load()
    by_stem = {s.stem: s for s in registry.sources.values()}
    tables = {t.replace(".", "/"): t for library in registry.libraries.values() for t in library.tables}
    said: list[str] = []
    for path in sorted(folder.rglob("*.yml")):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem == "weights":
            continue
        where = f"{folder.name}/{stem}.yml"
        if stem not in by_stem and (SCHEMAS / "sources" / f"{stem}.yml").exists():
            continue  # the dataset's own mistake, which schemas/ reports
        if stem not in by_stem and stem not in tables:
            said.append(f"{where}：没有此数据集或库表；{nearest(stem, [*by_stem, *tables])}")
            continue
        try:
            suite = read_suite(path, stem)
        except yaml.YAMLError as e:
            said.append(f"{where}：YAML 写法有误：{getattr(e, 'problem', '')}")
        except ValidationError as e:
            said += [_invalid(where, x) for x in e.errors()]
        else:
            source = by_stem.get(stem)
            columns = _source_columns(registry, source) if source else table_columns().get(tables[stem], frozenset())
            for claim in suite.expectations:
                said += [f"{where}：{claim.name}：{p}" for p in _claim(claim, source, columns, set(tables.values()))]
    return said


def _invalid(where: str, error: Any) -> str:
    key = ".".join(str(p) for p in error["loc"]) or "（整个文件）"
    if error["type"] == "extra_forbidden":
        model = Claim if len(error["loc"]) > 1 else Suite
        return f"{where}：{key}：不认识的键；{nearest(str(error['loc'][-1]), model.model_fields)}"
    return f"{where}：{key}：{in_words(error)}"


def _source_columns(registry: Registry, source: Source) -> frozenset[str]:
    if any(c.rule not in registry.rules for c in source.columns.values()):
        return frozenset()  # the source's own mistake, which schemas/ reports
    return frozenset(registry.outputs(source)) | frozenset(STAGING_COLUMNS)


def _claim(claim: Claim, source: Source | None, columns: frozenset[str], tables: set[str]) -> Iterator[str]:
    """What is wrong with one claim. `columns` empty: not known, so not judged."""
    kind = kinds().get(claim.type)
    if kind is None:
        yield f"type：没有 {claim.type}；{nearest(claim.type, kinds())}"
        return
    for key in claim.kwargs:
        if key not in kind.arguments:
            yield f"kwargs.{key}：{claim.type} 没有此参数；{nearest(key, kind.arguments)}"
    for key in sorted(kind.required - set(claim.kwargs)):
        yield f"kwargs：{claim.type} 缺少参数 {key}"
    for key, column in _named_columns(claim.kwargs):
        if columns and column not in columns:
            yield f"kwargs.{key}：没有列 {column}；{nearest(column, columns)}"
    if claim.column and (source is None or claim.column not in (*source.columns, "@geometry")):
        known = source.columns if source else {}
        yield f"column：部门没有交付列“{claim.column}”" + (f"；{nearest(claim.column, known)}" if known else "（库表不写 column）")
    if claim.type in OWN_KINDS and "table" in claim.kwargs:
        yield from _reference(str(claim.kwargs["table"]), str(claim.kwargs.get("key")), tables)


def _reference(table: str, key: str, tables: set[str]) -> Iterable[str]:
    if table not in tables:
        return [f"kwargs.table：没有库表 {table}；{nearest(table, tables)}"]
    known = table_columns().get(table, frozenset())
    return [f"kwargs.key：{table} 没有列 {key}；{nearest(key, known)}"] if known and key not in known else []


def _named_columns(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(argument, column) for every column that a claim names."""
    for key in SINGLE_COLUMN_KEYS:
        if isinstance(kwargs.get(key), str):
            yield key, kwargs[key]
    for column in kwargs.get("column_list") or ():
        yield "column_list", str(column)
    condition = kwargs.get("row_condition")
    if isinstance(condition, dict):
        for part in condition.get("conditions", [condition]):
            if isinstance(part, dict) and isinstance(part.get("column"), dict):
                yield "row_condition", str(part["column"].get("name"))
