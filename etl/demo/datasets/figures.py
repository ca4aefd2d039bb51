"""Tables of figures on their way into a workbook, with what each cell means."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from etl.demo import text
from etl.demo.chance import Chance
from etl.demo.city import City
from etl.demo.rows import Dataset, Output, Rows


@dataclass
class Figures:
    """Rows of a statistical table being written, with the observations that they tell."""

    columns: dict[str, list[str | None]]
    observations: list[dict[str, object]] = field(default_factory=list)
    since: list[int] = field(default_factory=list)

    def add(self, since: int, *cells: str | None) -> int:
        """A row; gives its number."""
        for column, cell in zip(self.columns.values(), cells, strict=True):
            column.append(cell)
        self.since.append(since)
        return len(self.since) - 1

    def tell(
        self,
        row: int,
        indicator: str,
        region: str,
        frequency: str,
        period: str,
        measure: str,
        value: float | None,
        unit: str,
        *,
        base: tuple[float, str] | None = None,
        status: str = "normal",
    ) -> None:
        """What a cell means; base = factor and unit of the indicator where the sheet uses another."""
        factor, unit_base = base or (1.0, unit)
        self.observations.append(
            {
                "row": row,
                "indicator": indicator,
                "region_code": region,
                "frequency": frequency,
                "period": period,
                "measure": measure,
                "value": value,
                "unit": unit,
                "value_base": None if value is None else value * factor,
                "unit_base": unit_base,
                "status": "missing" if value is None else status,
            }
        )

    def rows(self) -> Rows:
        """As a builder's result; rows are known by their place."""
        n = len(self.since)
        schema = pa.schema(
            [
                ("row", pa.int64()),
                *[
                    (k, pa.float64() if k.startswith("value") else pa.string())
                    for k in (
                        "indicator",
                        "region_code",
                        "frequency",
                        "period",
                        "measure",
                        "value",
                        "unit",
                        "value_base",
                        "unit_base",
                        "status",
                    )
                ],
            ]
        )
        return Rows(
            np.arange(n),
            {k: text.pool(v) for k, v in self.columns.items()},
            since=np.array(self.since, dtype=np.int64),
            observations=pa.Table.from_pylist(self.observations, schema=schema),
        )


def plain_number(value: float, digits: int) -> str:
    shown = f"{value:.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def shown_cell(chance: Chance, place: str, value: float | None, digits: int, blank: str = "—") -> tuple[str, float | None]:
    """A cell: a plain number, one with thousands separators or a footnote mark, or a sign for nothing."""
    if value is None:
        return blank, None
    u = float(chance.uniform(place, [0])[0])
    told = float(plain_number(value, digits))
    if u < 0.012:
        return "…", None
    if u < 0.075 and abs(told) >= 1000:
        return f"{told:,.{digits}f}" if digits else f"{told:,.0f}", told
    if u < 0.095:
        return plain_number(told, digits) + "①", told
    return plain_number(told, digits), told


def draw(chance: Chance, place: str) -> float:
    """One number in [0, 1) for a named place."""
    return float(chance.uniform(place, [0])[0])


def sheets_by(table: pa.Table, column: str) -> list[tuple[str, list[int]]]:
    """Row numbers by the value of a hidden column, in order of first appearance."""
    groups: dict[str, list[int]] = {}
    for i, v in enumerate(table.column(column).to_pylist()):
        groups.setdefault(v or "", []).append(i)
    return sorted(groups.items())


def increment(
    name: str, key: tuple[str, ...], build: Callable[[City], Rows], write: Callable[[Output], None], required: tuple[str, ...] = ()
) -> Dataset:
    """A table of figures as a dataset: no row is damaged by accident."""
    return Dataset(name, key, "increment", build, write, clean=True, ordered=True, required_dates=required)
