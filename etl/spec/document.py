"""What is declared, for people and for editors: `python -m etl.spec.document` writes it anew.

docs/sources.md: every dataset and whom each library believes; schemas/*.schema.json: JSON Schema (2020-12) of the YAML
files, made from the models, so that an editor completes keys and marks the ones that no model knows.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from etl.settings import ROOT
from etl.spec.library import Believe, Library
from etl.spec.registry import Registry, load
from etl.spec.source import Source
from etl.spec.suite import Suite

CHANNELS = {"file": "文件", "database": "数据库", "api": "接口"}
KINDS = {"full": "全量", "increment": "增量"}
DUE = {"daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季", "yearly": "每年", "irregular": "不定期"}
FEW = 3  # departments of one spec that are named; more are counted
HEAD = """# 数据来源

本页由 `python -m etl.spec.document` 从 `schemas/` 生成，请勿手改。列的含义与规则见各数据集的说明文件 `schemas/sources/<部门>/<数据集>.yml`。

## 各部门交付什么

“供给”是这些行进入的库与身份；“首先采信”是该库里以此数据集为第一可信来源的字段。

| 部门 | 数据集 | 名称 | 方式 | 格式 | 全量或增量 | 周期 | 主键 | 供给 | 首先采信 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
BELIEVED = """
## 同一字段说法不一时信谁

从左到右，前者先于后者；未列出的数据集排在最后。同一位次取最新的记录。“先看时间”的字段先取最新的，同时才看位次。
“登记”表示未采信的值记入 `quality.disagreement` 并通知有关部门。`id_birth`、`id_sex` 是身份号码里的出生日期与性别，先于 `birth_date`、`sex_code`。
不在表里的由各库自己的程序（`etl/merge/`）算出：居住地址取本人各记录中最新的一条，没有则取户籍地址；死亡日期先信死亡证；生死去留看死亡证与户籍。

| 库 | 字段 | 先看时间 | 登记 | 可信次序 |
| --- | --- | --- | --- | --- |
"""


def sources_page(registry: Registry) -> str:
    """docs/sources.md."""
    by_stem = groupby(sorted(registry.sources.values(), key=lambda s: (s.stem, s.name)), key=lambda s: s.stem)
    datasets = [_dataset(registry, list(each)) for _, each in by_stem]
    believed = [
        _row(library.title, f"`{field}`", "是" if rule.prefer == "newest" else "", "是" if rule.disagree else "", _order(rule))
        for library in registry.ordered_libraries()
        for fields in library.believe.values()
        for field, rule in fields.items()
    ]
    return HEAD + "\n".join(datasets) + "\n" + BELIEVED + "\n".join(believed) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(c.replace('|', chr(92) + '|') for c in cells)} |"


def _dataset(registry: Registry, alike: list[Source]) -> str:
    """One line for one spec file, whichever departments deliver it."""
    first, several = alike[0], len(alike) > 1
    owners = [registry.departments[s.department].title if s.department in registry.departments else s.department for s in alike]
    named = "、".join(owners) if len(owners) <= FEW else f"{owners[0]}等 {len(owners)} 个部门"
    return _row(
        named,
        f"`{'*' if several else first.department}/{first.dataset}`",
        first.title,
        CHANNELS[first.delivery.channel],
        "、".join(sorted({_format(s) for s in alike})),
        KINDS[first.delivery.kind],
        DUE[first.delivery.due],
        "、".join(k.lstrip("@") for k in first.key),
        "、".join(_feeds(first)),
        "、".join(_leads(registry, first)),
    )


def _format(source: Source) -> str:
    terms = source.delivery
    if terms.channel == "database":
        return terms.table or ""
    if terms.channel == "api":
        return "JSON"
    encoding = f" {terms.encoding}" if terms.format in ("csv", "text") else ""
    return f"{terms.format}{encoding}{f' {terms.crs}' if terms.crs else ''}"


def _feeds(source: Source) -> Iterator[str]:
    """`library.input` with the roles that rows of this source take in it."""
    targets = dict.fromkeys(f.to for f in source.feeds)
    for to in targets:
        roles = dict.fromkeys(f.role for f in source.feeds if f.to == to)
        yield f"`{to}`" + ("" if list(roles) == ["self"] else f"（{'、'.join(roles)}）")


def _leads(registry: Registry, source: Source) -> Iterator[str]:
    """Fields of a library for which nobody is believed more than this source."""
    for library in registry.ordered_libraries():
        for name, fields in library.believe.items():
            if f"{library.name}.{name}" in {f.to for f in source.feeds}:
                yield from (f"`{field}`" for field, rule in fields.items() if rule.order and fnmatchcase(source.name, rule.order[0]))


def _order(rule: Believe) -> str:
    return " › ".join(f"`{dataset}`" for dataset in rule.order)


def editor_schemas(registry: Registry) -> dict[str, dict[str, Any]]:
    """File name → JSON Schema. What a file's place tells (name, stem) does not stand in the file and is left out."""
    source = _schema(Source, "schemas/sources/<department>/<dataset>.yml", "name", "stem")
    source["properties"]["departments"] = {
        "description": "同一形式由多个部门交付时：部门 → 与 delivery 不同之处（没有不同则留空）",
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "null"}, _differences(source)]},
    }
    source["$defs"]["Column"]["properties"]["rule"]["enum"] = sorted(registry.rules)
    source["$defs"]["Feed"]["properties"]["to"]["enum"] = sorted(f"{x.name}.{n}" for x in registry.libraries.values() for n in x.inputs)
    return {
        "source.schema.json": source,
        "library.schema.json": _schema(Library, "schemas/libraries/<library>.yml", "name"),
        "suite.schema.json": _schema(Suite, "expectations/<stem>.yml", "stem"),
    }


def _schema(model: type[BaseModel], files: str, *told_by_place: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    for name in told_by_place:
        schema["properties"].pop(name)
        schema["required"].remove(name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "description": f"{files}：{_first_line(model)}"}


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _differences(source: dict[str, Any]) -> dict[str, Any]:
    """What a department may say of its own: some terms of delivery, none of them required."""
    terms = {"type": "object", "properties": source["$defs"]["Terms"]["properties"], "additionalProperties": False}
    return {"type": "object", "properties": {"delivery": terms}, "additionalProperties": False}


def documents(registry: Registry) -> dict[Path, str]:
    """Path under the project → text, of everything that this module writes."""
    schemas = {Path("schemas") / n: json.dumps(s, ensure_ascii=False, indent=2) + "\n" for n, s in editor_schemas(registry).items()}
    return {Path("docs") / "sources.md": sources_page(registry), **schemas}


if __name__ == "__main__":
    for place, text in documents(load()).items():
        (ROOT / place).write_text(text, encoding="utf-8")
        print(place)
