"""Every declared dataset as a resource: what its spec says, in the guide's words."""

import re
from collections import Counter
from datetime import date

from etl.catalog.model import Item, Resource
from etl.catalog.types import length_of_column, letter, title
from etl.spec import Column, Registry, Source
from etl.spec.catalogue import Catalogue

Dates = dict[str, tuple[date, date]]


def resources(registry: Registry, catalogue: Catalogue, codes: dict[str, str], dates: Dates) -> list[Resource]:
    """One resource per dataset. `codes`: department → credit code; `dates`: dataset → first and last day it was loaded."""
    shared = Counter(s.stem for s in registry.sources.values())
    return [_resource(registry, catalogue, s, codes, dates, named=shared[s.stem] > 1) for s in registry.sources.values()]


def personal(catalogue: Catalogue, source: Source) -> bool:
    """Whether the dataset tells of persons: judged by the rules its columns use."""
    return any(c.rule in catalogue.personal_rules for c in source.columns.values())


def fed(registry: Registry, source: Source) -> frozenset[str]:
    """The library tables that a dataset feeds: the table of the input's name, else every table of the library that keeps history or has a key of its own."""
    tables: set[str] = set()
    for feed in source.feeds:
        library = registry.libraries[feed.to.split(".")[0]]
        tables |= {feed.to} if feed.to in library.tables else {t for t in library.tables if not t.endswith(("_record", "_redirect"))}
    return frozenset(tables)


def _resource(registry: Registry, catalogue: Catalogue, source: Source, codes: dict[str, str], dates: Dates, *, named: bool) -> Resource:
    department = registry.departments[source.department]
    terms = catalogue.terms(source.name, personal(catalogue, source))
    name = department.title + source.title if named else source.title
    listed = items(registry, catalogue, source)
    first, last = dates.get(source.name, (None, None))
    return Resource(
        subject=source.name,
        kind="dataset",
        name=name,
        front=catalogue.department_code(source.department),
        classification="/".join([*catalogue.department_place.path, department.title]),
        department=source.department,
        provider=department.title,
        provider_code=codes.get(source.department),
        abstract=_abstract(registry, catalogue, source),
        format=catalogue.formats[source.delivery.format or source.delivery.channel],
        share_type=terms.share_type,
        share_condition=terms.share_condition,
        share_mode=catalogue.modes[source.delivery.channel],
        open=int(terms.open),
        open_condition=terms.open_condition,
        basis=terms.because,
        update_cycle=catalogue.cycles[source.delivery.due],
        published_on=first,
        updated_on=last,
        related=fed(registry, source),
        items=tuple(listed),
    )


def _abstract(registry: Registry, catalogue: Catalogue, source: Source) -> str:
    """What it is, how it comes, what it holds and which libraries it feeds."""
    kind = {"full": "全量", "increment": "增量"}[source.delivery.kind]
    names = [title(c.title or delivered.lstrip("@")) for delivered, c in source.columns.items() if delivered not in source.running_number]
    libraries = sorted({registry.libraries[f.to.split(".")[0]].title for f in source.feeds})
    told = f"{registry.departments[source.department].title}{source.title}，{catalogue.cycles[source.delivery.due]}{kind}交付；信息项：{'、'.join(names)}"
    told += "，及未逐一声明的其余各列" if source.rest else ""
    told += "，附几何" if source.geometry else ""
    told += f"；用于{'、'.join(libraries)}" if libraries else ""
    return told + (f"。{source.notes.strip()}" if source.notes.strip() else "。")


def _item_name(comment: str, suffix: str) -> str:
    """A column's name; a rule's further output is named after its column: 公民身份号码（号码状态）."""
    if not suffix:
        return title(comment)
    column, _, more = comment.partition("：")
    return f"{title(column)}（{re.split('[ （/]', more or suffix, maxsplit=1)[0]}）"


def items(registry: Registry, catalogue: Catalogue, source: Source) -> list[Item]:
    """One item per cleaned column; the name is the department's own word for it."""
    outputs = registry.outputs(source)
    owner = {c.as_ + suffix: (c, suffix) for c in source.columns.values() for suffix in registry.rules[c.rule].outputs}
    listed = []
    for name, (kind, comment) in outputs.items():
        column, suffix = owner.get(name, (None, ""))
        money = column is not None and column.rule in catalogue.money_rules
        listed.append(
            Item(
                name=_item_name(comment, suffix),
                data_type=letter(catalogue, kind, f"{source.name}.{name}", money=money),
                length=length_of_column(catalogue, registry, column, suffix, kind) if column else None,
                table_name=f"staging.{source.table}",
                column_name=name,
                description=comment,
                code_table=_code_table(registry, column) if column and not suffix else None,
            )
        )
    return listed


def _code_table(registry: Registry, column: Column) -> str | None:
    """The code table of a column: the one it names, or its rule's own."""
    return column.codes or (column.rule if column.rule in registry.codes else None)
