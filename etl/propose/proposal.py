"""A delivered file → the three files of a new source: spec, expectations, fixture; tried out before they are shown."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from etl import engine, spec
from etl import settings as settings_module
from etl.errors import UsageError
from etl.preview import preview
from etl.propose import excerpt, feeds, keys, recognise, render, trial
from etl.propose import suite as suites
from etl.propose.columns import Told, columns, running_numbers
from etl.propose.fictitious import Mask
from etl.propose.form import Form, look
from etl.propose.hints import remember
from etl.propose.sample import ROWS, Sample, take
from etl.propose.trial import Trial
from etl.spec import Registry, Source
from etl.spec.registry import nearest

OWN_NAMES = {"citizen_id": "citizen_id", "sex": "sex_code", "ethnicity": "ethnicity_code"}
SHOWN = 6  # columns that one doubt names
CONTEXT_TITLES = {"@sheet": "工作表名", "@title": "标题", "@file": "文件名"}


@dataclass(frozen=True)
class Proposal:
    """`files`: path under the project → content; `trial`: what became of the file's rows; `doubts`: what a person has to look at."""

    source: Source
    told: list[Told]
    facts: list[str]
    doubts: list[str]
    trial: Trial
    files: dict[str, bytes]


def propose(dataset: str, file: Path, title: str | None = None, registry: Registry | None = None) -> Proposal:
    """Everything for `department/dataset` from one delivered file. Writes nothing.

    Raises UsageError for a wrong name or an unreadable form, DeliveryRefused where the reader would refuse the file.
    """
    registry = registry or spec.load()
    named(registry, dataset)
    form = look(file)
    settings = settings_module.load()
    with tempfile.TemporaryDirectory() as scratch, engine.connect(settings) as con:
        folder = Path(scratch)
        sample = take(con, dataset, file, form, folder / "read")
        if not sample.rows:
            raise UsageError(f"{file.name} 只有表头没有数据行；请拿一份有数据的")
        shares = recognise.recognise(con, registry, folder, settings.today)
        source, told, doubts, notes = _source(con, registry, dataset, title, form, sample, shares)
        extended = replace(registry, sources={**registry.sources, dataset: source})
        tried = trial.run(con, extended, source, file, folder / "tried", settings.today)
        claims = suites.suite(con, told, source)
        fixture = _fixture(con, extended, source, told, form, folder / "fixture")
    doubts = [*form.doubts, *doubts, *_of_trial(tried), *ALWAYS]
    where = f"tests/fixtures/sources/{dataset}/"
    files = {
        f"schemas/sources/{dataset}.yml": render.source(source, told, form.facts, doubts, notes).encode(),
        f"expectations/{dataset}.yml": render.suite(claims).encode(),
        **{where + name: content for name, content in fixture.items()},
    }
    return Proposal(source, told, _facts(form, sample), doubts, tried, files)


ALWAYS = (
    "kind 与 due：一份文件看不出是全量（full：缺的键算离开）还是增量（increment），也看不出多久交一次；现作 full、monthly，请问部门",
    "required：没有一列写成必填；某列读不出整行就没有意义时（如登记日期），给它加 required: true",
)


def named(registry: Registry, dataset: str) -> str:
    """The department of a new dataset's name. Raises UsageError: a malformed name, one that is there, an unknown department with the lines to add."""
    department, _, name = dataset.partition("/")
    if not name or not all(p.replace("_", "").isalnum() and p.isascii() and p == p.lower() for p in (department, name)):
        raise UsageError(f"数据集名应为 部门/数据集，小写字母、数字与下划线，如 civil_affairs/elderly_cards；现为“{dataset}”")
    if department not in registry.departments:
        raise UsageError(_no_department(registry, department))
    if dataset in registry.sources:
        raise UsageError(f"已有数据集 {dataset}（schemas/sources/{registry.sources[dataset].stem}.yml）；要改请直接改那个文件")
    return department


def _no_department(registry: Registry, department: str) -> str:
    from etl.spec import catalogue

    numbers = [int(n) for n in catalogue.load().departments.values()]
    mail = department.replace("_", "-")
    return (
        f"没有部门 {department}；{nearest(department, registry.departments)}。若是新部门，先在 schemas/departments.yml 末尾加：\n"
        f'{department}:\n  {{title: 部门全称, code: "", owners: [data@{mail}.example.invalid], substitutes: [], contact: ""}}\n'
        f'并在 schemas/catalog.yml 的 departments 下加：\n  {department}: "{max(numbers, default=510500000) + 1}"'
    )


def _source(
    con: duckdb.DuckDBPyConnection,
    registry: Registry,
    dataset: str,
    title: str | None,
    form: Form,
    sample: Sample,
    shares: recognise.Shares,
) -> tuple[Source, list[Told], list[str], list[str]]:
    """The source, its columns, the doubts, and notes for the spec (columns that cannot be declared)."""
    names = [n for n in sample.columns if n.rstrip("_") not in form.unnamed and (not form.rest or n in form.columns)]
    if not names:
        raise UsageError("没有一列可以声明：列名都是空的或重复的，请部门给各列不同的名字")
    told = columns(registry, remember(registry, dataset), sample, shares, names, form.rest)
    if form.terms.get("header") is False:
        _rename(told, sample)
    running = running_numbers(told)
    telling = keys.telling(con, sample)
    key, doubts = keys.key(con, sample, told, running, telling)
    context = {k: {"as": "period", "rule": "period_in_text", "title": f"报告期（由{CONTEXT_TITLES[k]}得出）"} for k in key if k in telling}
    geometry = _geometry(con) if sample.geometry else None
    fed, more = feeds.feeds(registry, told, geometry is not None)
    doubts += [*_of_columns(told), *more]
    notes = [f"列“{n}”没有声明：列名为空或重复" for n in form.unnamed]
    body = {
        "name": dataset,
        "stem": dataset,
        "title": title or _title(con, sample) or dataset.partition("/")[2],
        "delivery": {"channel": "file", "kind": "full", "due": "monthly", **form.terms},
        "key": [next((t.delivered for t in told if t.seen.name == k), k) for k in key],
        "columns": {**{t.delivered: t.declared() for t in told}, **context},
        "running_number": [t.delivered for t in told if t.seen.name in running],
        "rest": "figures" if form.rest else None,
        "geometry": geometry,
        "feeds": fed,
    }
    try:
        return Source.model_validate(body), told, [*doubts, *notes], notes
    except ValidationError as e:
        raise UsageError("；".join(x["msg"].removeprefix("Value error, ") for x in e.errors())) from None


def _of_columns(told: list[Told]) -> list[str]:
    """What is doubtful of columns; the same of several columns is said once."""
    by_doubt: dict[str, list[str]] = {}
    for t in told:
        for d in t.doubts:
            by_doubt.setdefault(d, []).append(t.delivered)
    return [f"列“{'”“'.join(names[:SHOWN])}”{f'等 {len(names)} 列' if len(names) > SHOWN else ''}：{d}" for d, names in by_doubt.items()]


def _rename(told: list[Told], sample: Sample) -> None:
    """A file without a header: columns are called after what they hold, in English, with the kind as title."""
    from etl.propose.decide import NAMES

    used: set[str] = set()
    for number, t in enumerate(told, 1):
        base = {"person_name": "name", "entity_name": "unit_name", "citizen_id": "id"}.get(t.rule, t.rule if t.rule != "text" else "column")
        if t.choice.codes:
            base = t.choice.codes
        name = base if base not in used and base != "column" else f"{base}_{number}"
        used.add(name)
        t.seen = replace(t.seen)
        t.delivered = name
        t.as_ = OWN_NAMES.get(t.rule, name) if name == base else name
        t.title = f"第{number}列（像{NAMES.get(t.rule, t.rule)}）"
        t.doubts = [d for d in t.doubts if "拼音" not in d and "字母" not in d]


def _title(con: duckdb.DuckDBPyConnection, sample: Sample) -> str | None:
    """The first line above a table, without its period and what stands in brackets."""
    import re

    for text in sample.context.get("@title", []):
        line = re.sub(r"[（(].*?[)）]|(19|20)\d\d年(\d{1,2}月)?", "", text.split("\n")[0]).strip()
        if 2 <= len(line) <= 30 and not set(line) & set(":："):
            return line
    return None


def _geometry(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The kinds of geometry that the sample holds."""
    import shapely

    names = {0: "point", 4: "point", 1: "line", 2: "line", 5: "line", 3: "polygon", 6: "polygon"}
    blobs = [b for (b,) in con.execute('select "@geometry" from sample where "@geometry" is not null limit 2000').fetchall()]
    found = {names.get(int(k)) for k in shapely.get_type_id(shapely.from_wkb(blobs, on_invalid="ignore"))} if blobs else set()
    return {"kinds": [k for k in ("point", "line", "polygon") if k in found] or ["point", "line", "polygon"]}


def _fixture(
    con: duckdb.DuckDBPyConnection, registry: Registry, source: Source, told: list[Told], form: Form, folder: Path
) -> dict[str, bytes]:
    """delivered.* and expected.jsonl, the latter what the project's own preview makes of the former."""
    mask = Mask({t.delivered: t for t in told}, source.key)
    taken, context, kinds = excerpt.rows(con, source, mask)
    header = form.header if form.header and taken and len(form.header[0]) == len(taken[0]) else []
    path = excerpt.write(folder, source, taken, context, kinds, header, form.merges if header else [])
    lines = [json.dumps(_expected(item, source), ensure_ascii=False) for item in preview(source.name, path, registry)]
    return {path.name: path.read_bytes(), "expected.jsonl": ("\n".join(lines) + "\n").encode()}


def _expected(item: dict[str, Any], source: Source) -> dict[str, Any]:
    """A line of expected.jsonl: what tests/house/test_sources.py compares, and why the row is there."""
    if item["kind"] == "refused":
        codes = [r.split(":")[0] for r in item["reasons"]]
        return {"why": f"隔离：{'、'.join(codes)}", "source_key": item["source_key"], "refused": codes}
    problems = list(dict.fromkeys(f["problem"] for f in item["findings"]))
    names = {c.as_ for c in source.columns.values()}
    row = {k: _told(v) for k, v in item["row"].items() if k in names or (k.endswith("_state") and v is not None)}
    return {"why": f"装载，有发现：{'、'.join(problems)}" if problems else "各列都读得出", "source_key": item["source_key"], "row": row}


def _told(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _facts(form: Form, sample: Sample) -> list[str]:
    looked = f"；规则在前 {ROWS} 行上试" if sample.rows > ROWS else ""
    return [*form.facts, f"{sample.rows} 行{looked}；主键在全部行上数"]


def _of_trial(tried: Trial) -> Iterator[str]:
    if tried.rows_in and tried.rows_refused > 0.1 * tried.rows_in:
        yield f"试读时 {tried.rows_refused} 行（{tried.rows_refused / tried.rows_in:.0%}）被隔离，超过一成的交付会挂起；先看原因，多半是主键或必填选错了"
