"""The catalogue as it stands in the database, for the files that tell it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from etl import db
from etl.errors import UsageError
from etl.settings import Settings

RESOURCE = "resource_code, name, classification, provider, provider_code, abstract, format, share_type, share_condition, share_mode, open, open_condition, update_cycle, published_on, updated_on, "
RESOURCE += "related_codes, basis, department, kind"


@dataclass(frozen=True)
class Listed:
    """The catalogue as it stands: rows of catalog.resource and catalog.item as dictionaries, in order of their codes."""

    title: str
    day: date
    resources: list[dict[str, Any]]
    items: dict[str, list[dict[str, Any]]]


def read(settings: Settings) -> Listed:
    """The catalogue out of the database; UsageError when it was never filled."""
    con = db.connect(settings, autocommit=True)
    try:
        names = [n.strip() for n in RESOURCE.split(",")]
        resources = [
            dict(zip(names, row, strict=True)) for row in db.rows(con, f"select {RESOURCE} from catalog.resource order by resource_code")
        ]
        if not resources:
            raise UsageError("目录还是空的：先运行一次 jichu run 或 jichu catalog")
        items: dict[str, list[dict[str, Any]]] = {r["resource_code"]: [] for r in resources}
        listed = ["resource_code", "name", "data_type", "length", "table_name", "column_name", "description"]
        for row in db.rows(con, f"select {', '.join(listed)} from catalog.item order by resource_code, position"):
            items[row[0]].append(dict(zip(listed, row, strict=True)))
        return Listed("政务信息资源目录", settings.today, resources, items)
    finally:
        con.close()
