"""From a column's type to the guide's letter and length."""

import re
from fnmatch import fnmatchcase

from etl.errors import UsageError
from etl.spec import Registry
from etl.spec.catalogue import Catalogue
from etl.spec.source import Column

CLAUSE = re.compile(r"[：；，。（(]")


def title(comment: str) -> str:
    """What a comment calls its thing: its first clause."""
    return CLAUSE.split(comment, maxsplit=1)[0].strip()


def letter(catalogue: Catalogue, kind: str, path: str, *, money: bool) -> str:
    """The guide's letter of a DuckDB or PostgreSQL type; `path`: dataset.column or schema.table.column."""
    base = re.sub(r"\(.*?\)", "", kind).strip()
    if base not in catalogue.types:
        raise UsageError(f"schemas/catalog.yml：types：没有类型 {base}（{path}）")
    found = catalogue.types[base]
    if found == "N" and money:
        return "Y"
    return "M" if found == "C" and any(fnmatchcase(path, pattern) for pattern in catalogue.memos) else found


def precision(kind: str) -> str | None:
    """`18,2` of DECIMAL(18,2) or numeric(18,2)."""
    found = re.fullmatch(r"(?:DECIMAL|numeric)\((\d+), *(\d+)\)", kind)
    return f"{found[1]},{found[2]}" if found else None


def length_of_column(catalogue: Catalogue, registry: Registry, column: Column, suffix: str, kind: str) -> str | None:
    """A cleaned column's length: of its number, of the longest code of its table, or of its rule."""
    if number := precision(kind):
        return number
    if suffix:
        return catalogue.lengths.get(suffix.removeprefix("_"))
    if column.codes:
        return str(max(len(code) for code in registry.codes[column.codes].codes))
    return catalogue.lengths.get(column.rule)
