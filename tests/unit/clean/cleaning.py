"""What the tests of cleaning share: sources as a file would declare them, the outcome of one value."""

from collections.abc import Callable
from datetime import date
from typing import Any

from etl.spec import Source

TODAY = date(2018, 3, 15)
Row = dict[str, Any]
Cleaner = Callable[..., list[Row]]


def source_of(columns: dict[str, Any], key: list[str], **more: Any) -> Source:
    """A source as a file under schemas/sources would declare it."""
    delivery = more.pop("delivery", {"channel": "file", "kind": "full", "format": "csv"})
    body = {"name": "health/tested", "stem": "health/tested", "title": "试", "delivery": delivery, "key": key, "columns": columns}
    return Source.model_validate(body | more)


def outcome(row: Row, name: str) -> Row:
    """What became of one value: suffix → output, and the problem."""
    values = {k.removeprefix(name): v for k, v in row.items() if k.startswith(name)}
    problems = [f["problem"] for f in row["findings"]]
    return {**values, "problem": problems[0] if problems else None, "reasons": row["reasons"]}
