"""Reads schemas/ whole, and says every mistake by file, key and the known alternatives."""

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from etl.errors import UsageError
from etl.settings import ROOT
from etl.spec.base import Declared
from etl.spec.codes import CodeTable
from etl.spec.library import Library
from etl.spec.rule import RuleSpec
from etl.spec.source import Source
from etl.spec.terms import DisplayTerm

SCHEMAS = ROOT / "schemas"
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a hundred specs parse in a tenth of the time
# What pydantic says, in Chinese; what is not here is said by our own validators.
SAID = {
    "missing": "缺少此项",
    "literal_error": "应为 {expected}",
    "string_too_short": "至少 {min_length} 个字",
    "string_type": "应为文字",
    "string_pattern_mismatch": "应为小写字母、数字与下划线，以字母开头",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "list_type": "应为列表",
    "too_short": "至少 {min_length} 项",
    "dict_type": "应为“键: 值”",
    "model_type": "应为“键: 值”",
}


class Loader(SAFE):  # type: ignore[misc, valid-type]
    """A safe loader that takes no key twice: YAML itself would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key in (k for k, _ in node.value if isinstance(k, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(problem=f"键 {key.value} 写了两次", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


LOADER = Loader


class Department(Declared):
    """A department: its Chinese name, credit code, who reads its mail (and who when they are away)."""

    title: str
    code: str = Field(default="", description="统一社会信用代码")
    owners: list[str] = Field(default_factory=list)
    substitutes: list[str] = Field(default_factory=list)
    absent: dict[str, date] = Field(default_factory=dict, description="谁外出到哪一天（含）：邮箱 → 日期，其间由替补收信")
    contact: str = ""
    parent: str | None = Field(default=None, description="园区所属区县等")


@dataclass(frozen=True)
class Registry:
    """All of schemas/, by name."""

    sources: dict[str, Source]
    libraries: dict[str, Library]
    codes: dict[str, CodeTable]
    rules: dict[str, RuleSpec]
    departments: dict[str, Department]
    problems: tuple[str, ...] = field(default=())
    terms: dict[str, DisplayTerm] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """The source of that name; a near miss is named in the error."""
        if name not in self.sources:
            raise UsageError(f"没有数据集 {name}；{nearest(name, self.sources)}")
        return self.sources[name]

    def outputs(self, source: Source) -> dict[str, tuple[str, str]]:
        """Cleaned columns of a source: name → (DuckDB type, Chinese comment), in declared order."""
        out: dict[str, tuple[str, str]] = {}
        for delivered, c in source.columns.items():
            rule = self.rules[c.rule]
            title = c.title or delivered.lstrip("@")
            for suffix, kind in rule.outputs.items():
                more = f"：{rule.titles[suffix]}" if suffix in rule.titles else ""
                out[c.as_ + suffix] = (kind, title + more)
        if source.rest:
            out[source.rest] = ("JSON", "其余各列（列名 → 交付文本）")
        if source.geometry:
            out["geom"] = ("BLOB", "几何，WKB，CGCS2000（EPSG:4490）")
        return out

    def feeding(self, target: str) -> list[tuple[Source, int]]:
        """Every (source, index of the feed) that feeds `library.input`."""
        return [(s, i) for s in self.sources.values() for i, f in enumerate(s.feeds) if f.to == target]

    def ordered_libraries(self) -> list[Library]:
        """Libraries, each after those it reads."""
        done: list[Library] = []
        waiting = [self.libraries[n] for n in sorted(self.libraries)]
        while waiting:
            ready = [x for x in waiting if all(a in {d.name for d in done} for a in x.after)]
            if not ready:
                raise UsageError(f"schemas/libraries：after 成环：{'、'.join(x.name for x in waiting)}")
            done += ready
            waiting = [x for x in waiting if x not in ready]
        return done


def nearest(word: str, known: Iterable[str]) -> str:
    """`相近的有 …` or `已知的有 …`: the alternatives an error names."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    return f"相近的有：{'、'.join(close)}" if close else f"已知的有：{'、'.join(names[:12])}{' …' if len(names) > 12 else ''}"


def _yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}  # noqa: S506  (a safe loader, in C)
    except UnicodeDecodeError:
        raise UsageError(f"{path.relative_to(ROOT)}：不是 UTF-8 编码，请另存为 UTF-8") from None
    except yaml.YAMLError as e:
        mark, twice = getattr(e, "problem_mark", None), e.problem if isinstance(e, yaml.constructor.ConstructorError) else ""
        line = f"，第 {mark.line + 1} 行" if mark else ""
        raise UsageError(f"{path.relative_to(ROOT)}：YAML 写法有误{line}{f'：{twice}' if twice else ''}") from None


def _say(path: Path, error: ValidationError, model: type[Declared]) -> list[str]:
    """A validation error of a file of `model`s as sentences: file, key, what is wrong, what would be right."""
    said = []
    for e in error.errors():
        key = ".".join(str(p) for p in e["loc"] if p != "function-after[_complete(), Terms]")
        if e["type"] == "extra_forbidden":
            said.append(f"{path.relative_to(ROOT)}：{key}：不认识的键；{nearest(str(e['loc'][-1]), _keys(model, e['loc']))}")
        else:
            said.append(f"{path.relative_to(ROOT)}：{key or '（整个文件）'}：{in_words(e)}")
    return said


def in_words(error: Any) -> str:
    """What is wrong with a value, in Chinese as far as pydantic's kind of error is known."""
    return SAID.get(error["type"], "").format(**error.get("ctx", {})) or str(error["msg"]).removeprefix("Value error, ")


def _keys(model: type[Declared], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at this place, for the error's alternatives: down from `model`, through lists and dictionaries."""
    for part in loc[:-1]:
        inside = next((f.annotation for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        model = _declared(inside) or model
    return [f.alias or n for n, f in model.model_fields.items()]


def _declared(annotation: Any) -> type[Declared] | None:
    """The model that an annotation is about: Terms, dict[str, Column], Geometry | None."""
    if isinstance(annotation, type) and issubclass(annotation, Declared):
        return annotation
    return next((found for a in get_args(annotation) if (found := _declared(a))), None)


def read_codes(path: Path, edition: dict[str, str]) -> CodeTable:
    """A code table; aliases are separated by `|`."""
    codes: dict[str, str] = {}
    aliases: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            codes[row["code"]] = row["label"]
            aliases |= {a: row["code"] for a in (row.get("aliases") or "").split("|") if a}
    return CodeTable(
        name=path.stem, title=edition.get("title", path.stem), edition=edition.get("edition", ""), codes=codes, aliases=aliases
    )


def _sources(path: Path, problems: list[str]) -> list[Source]:
    """The sources of one file: one, or one per department listed under `departments` with what differs there."""
    stem = str(path.relative_to(SCHEMAS / "sources").with_suffix(""))
    raw = _yaml(path)
    each = raw.pop("departments", None) if isinstance(raw, dict) else None
    out = []
    for department, differs in (each or {stem.split("/")[0]: None}).items():
        name = f"{department}/{stem.split('/')[1]}"
        body = {**raw, "name": name, "stem": stem}
        body["delivery"] = {**(raw.get("delivery") or {}), **((differs or {}).get("delivery") or {})}
        try:
            out.append(Source.model_validate(body))
        except ValidationError as e:
            problems += _say(path, e, Source)
            break
    return out


@cache
def load() -> Registry:
    """All of schemas/; a wrong file does not hide the others. `Registry.problems` holds every mistake found."""
    problems: list[str] = []
    sources: dict[str, Source] = {}
    for path in sorted((SCHEMAS / "sources").glob("*/*.yml")):
        sources |= {s.name: s for s in _sources(path, problems)}
    libraries: dict[str, Library] = {}
    for path in sorted((SCHEMAS / "libraries").glob("*.yml")):
        try:
            libraries[path.stem] = Library.model_validate({**_yaml(path), "name": path.stem})
        except ValidationError as e:
            problems += _say(path, e, Library)
    editions = _yaml(SCHEMAS / "codes" / "editions.yml")
    codes = {p.stem: read_codes(p, editions.get(p.stem, {})) for p in sorted((SCHEMAS / "codes").glob("*.csv"))}
    problems += [f"schemas/codes/editions.yml：{name}：没有文件 schemas/codes/{name}.csv" for name in editions if name not in codes]
    rules: dict[str, RuleSpec] = {}
    departments: dict[str, Department] = {}
    terms: dict[str, DisplayTerm] = {}
    for file, kind, into in (
        ("rules.yml", RuleSpec, rules),
        ("departments.yml", Department, departments),
        ("credit_terms.yml", DisplayTerm, terms),
    ):
        try:
            into |= TypeAdapter(dict[str, kind]).validate_python(_yaml(SCHEMAS / file))  # type: ignore[valid-type]
        except ValidationError as e:
            problems += _say(SCHEMAS / file, e, kind)
    registry = Registry(dict(sorted(sources.items())), libraries, codes, rules, departments)
    return Registry(registry.sources, libraries, codes, rules, departments, tuple(problems + list(_cross(registry))), terms)


def _cross(r: Registry) -> Iterable[str]:
    """Mistakes that only show across files: rules, code tables, departments and feeds that do not exist."""
    for s in r.sources.values():
        where = f"schemas/sources/{s.stem}.yml"
        if s.department not in r.departments:
            yield f"{where}：部门 {s.department} 不在 schemas/departments.yml；{nearest(s.department, r.departments)}"
        for name, c in s.columns.items():
            if c.rule not in r.rules:
                yield f"{where}：columns.{name}.rule：没有规则 {c.rule}；{nearest(c.rule, r.rules)}"
            elif c.codes and c.codes not in r.codes:
                yield f"{where}：columns.{name}.codes：没有代码表 {c.codes}；{nearest(c.codes, r.codes)}"
            elif c.rule == "code" and not c.codes:
                yield f"{where}：columns.{name}：rule: code 必须写 codes；{nearest('', r.codes)}"
        if all(c.rule in r.rules for c in s.columns.values()):
            yield from _feeds(r, s, where)


def _feeds(r: Registry, s: Source, where: str) -> Iterable[str]:
    cleaned = r.outputs(s)
    parties = [(f.to, f.role) for f in s.feeds if f.to in ("population.person", "legal_entity.entity")]
    for to, role in sorted({p for p in parties if parties.count(p) > 1}):
        yield f"{where}：feeds：{to} 的角色 {role} 写了两次；一行里一个角色只有一方"
    for i, f in enumerate(s.feeds):
        library, name = f.to.split(".")
        if library not in r.libraries or name not in r.libraries[library].inputs:
            known = [f"{x.name}.{n}" for x in r.libraries.values() for n in x.inputs]
            yield f"{where}：feeds[{i}].to：没有 {f.to}；{nearest(f.to, known)}"
            continue
        into = r.libraries[library].inputs[name]
        if f.role not in into.roles:
            yield f"{where}：feeds[{i}].role：{f.to} 没有角色 {f.role}；{nearest(f.role, into.roles)}"
        for target, column in (f.fields or {}).items():
            if target not in into.fields:
                yield f"{where}：feeds[{i}].fields.{target}：{f.to} 没有此字段；{nearest(target, into.fields)}"
            if column not in cleaned:
                yield f"{where}：feeds[{i}].fields.{target}：没有清洗后的列 {column}；{nearest(column, cleaned)}"
        for target in f.constants:
            if target not in into.fields:
                yield f"{where}：feeds[{i}].constants.{target}：{f.to} 没有此字段；{nearest(target, into.fields)}"
        for column in f.when:
            if column not in cleaned:
                yield f"{where}：feeds[{i}].when.{column}：没有清洗后的列 {column}；{nearest(column, cleaned)}"
