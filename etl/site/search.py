"""The index of the search box: what can be found, what it is, where it is."""

import json
from collections.abc import Iterator

from etl.site import words
from etl.site.checks import rule_page
from etl.site.known import Known, dataset_page, department_page, library_page, lineage_page, table_page

KINDS = ("部门", "数据集", "库", "表", "列", "来源列", "规则", "检查", "代码表", "代码", "函数", "指标", "页面")
Entry = tuple[int, str, str, str]  # kind, what it is called, its technical name, address


def index(k: Known) -> str:
    """The index as a script: a page opened as a file may load scripts, but read no other file."""
    entries = list(dict.fromkeys(_entries(k)))
    body = ",\n".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) for e in entries)
    return f"window.JICHU={{kinds:{json.dumps(KINDS, ensure_ascii=False)},entries:[\n{body}\n]}};\n"


def _entries(k: Known) -> Iterator[Entry]:
    for name in sorted({s.department for s in k.registry.sources.values()}):
        yield 0, k.department(name), name, department_page(name)
    for name, source in k.registry.sources.items():
        yield 1, f"{source.title}（{k.department(source.department)}）", name, dataset_page(name)
    for name, library in k.registry.libraries.items():
        yield 2, library.title, name, library_page(name)
    yield from _database(k)
    for alike in k.stems.values():
        for delivered, c in alike[0].columns.items():
            yield (
                5,
                k.delivered(alike[0], delivered),
                f"{k.owners(alike[0].stem)}·{alike[0].title}",
                f"{dataset_page(alike[0].name)}#{c.as_}",
            )
    for name, rule in k.registry.rules.items():
        yield 6, rule.title, name, f"rules/{name}.html"
        for problem, told in rule.problems.items():
            yield 6, told.title, f"{name}.{problem}", rule_page(name, problem)
    for check in k.checks:
        if not check.rule:
            yield 7, check.says, check.name, check.page
    for name, table in k.registry.codes.items():
        yield 8, table.title, name, f"dictionary/codes.html#codes.{name}"
        for code, label in table.codes.items():
            yield 9, label, f"{name} {code}", f"dictionary/codes.html#codes.{name}.{code}"
    for f in k.database.functions:
        yield 10, words.title(f.comment), f.anchor, f"dictionary/functions.html#{f.anchor}"
    for i in k.books.indicators:
        yield 11, i.name, i.code, f"dictionary/indicators.html#{i.code}"
    yield 12, "历次运行的走势", "trends", "trends.html"
    yield 12, "血缘总图", "lineage", "lineage/index.html"


def _database(k: Known) -> Iterator[Entry]:
    for path, table in k.database.tables.items():
        page = table_page(k.database.main(path))
        yield 3, words.title(table.comment) or table.name, path, f"{page}#{path}"
        if page == table_page(path):
            for c in table.columns:
                yield 4, words.title(c.comment) or c.name, f"{path}.{c.name}", f"{page}#{path}.{c.name}"
    for path in k.lineage.columns:
        table_path = path.rsplit(".", 1)[0]
        if k.lineage.columns[path].origins and table_path in k.database.tables:
            said = next((c.comment for c in k.database.tables[table_path].columns if path.endswith(f".{c.name}")), path)
            yield 12, f"{words.title(said)}的血缘", path, f"{lineage_page(table_path)}#{path}"
