"""What a dataset's builder gives: today's records as columns of text, and beside each record whom it is about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from etl.demo.chance import Ints, Mask
from etl.demo.city import City
from etl.demo.damage import Place, Said
from etl.demo.text import Text


@dataclass
class Firm:
    """One entity as a record names it: its number in the city (-1 = none), and the qualities of its code and name (words)."""

    entity: Ints
    code_quality: Text
    name_quality: Text


@dataclass
class Rows:
    """Records of a dataset as the department would tell them today, undamaged as rows.

    ids: what makes a record the same on every day; since: the day (0, 1, …) on which it first stands there;
    updated: seconds, by which an API sorts; observations: what the cells of a statistical table mean, by `row`; resend: records that an
    increment repeats although nothing changed; facts: truth tables beside credit, certificate, place.
    """

    ids: Ints
    columns: dict[str, Text]
    people: Mapping[str, Said] = field(default_factory=dict)
    firms: Mapping[str, Firm] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    facts: Mapping[str, dict[str, pa.Array]] = field(default_factory=dict)
    since: Ints | None = None
    updated: Ints | None = None
    geometry: np.ndarray[tuple[int], np.dtype[np.object_]] | None = None
    observations: pa.Table | None = None
    resend: Mask | None = None

    def only(self, at: Ints) -> "Rows":
        """Those records; without whom they are about."""
        taken = {n: c.take(pa.array(at)) for n, c in self.columns.items()}
        return Rows(
            self.ids[at],
            taken,
            since=None if self.since is None else self.since[at],
            updated=None if self.updated is None else self.updated[at],
        )


Builder = Callable[[City], Rows]


@dataclass(frozen=True)
class Output:
    """Where a delivery is written: the drop folder, its date (YYYYMMDD), the table and the geometries in row order.

    loose: the department moves columns about and adds one that nobody declared.
    """

    drop: Path
    date: str
    dataset: "Dataset"
    table: pa.Table
    geometry: np.ndarray[tuple[int], np.dtype[np.object_]] | None
    loose: bool = False

    @property
    def columns(self) -> pa.Table:
        """The table as it is written."""
        if not self.loose:
            return self.table
        names = self.table.column_names
        turned = self.table.select([*names[1::2], *names[::2]])
        return turned.append_column("备用字段", pa.repeat(pa.scalar("-"), self.table.num_rows))


@dataclass(frozen=True)
class Dataset:
    """One dataset: what ../schemas calls a source, from the department's side.

    days: on which days it is delivered; touch: a content column that differs between two rows of one key;
    shape_errors: rows with a field too few or too many can occur; clean: no row is damaged; ordered: rows keep the
    builder's order; is_api: the file is the service's whole state.
    """

    name: str
    key: tuple[str, ...]
    kind: str
    build: Builder
    write: Callable[[Output], None]
    touch: str = ""
    required_dates: tuple[str, ...] = ()
    required_codes: tuple[str, ...] = ()
    required_numbers: tuple[str, ...] = ()
    not_content: tuple[str, ...] = ()
    days: tuple[int, ...] | None = None
    shape_errors: bool = False
    clean: bool = False
    ordered: bool = False
    is_api: bool = False

    @property
    def may_be_loose(self) -> bool:
        """Plain tables with a header, written by name and not by place."""
        return not self.clean and self.write.__qualname__.split(".")[0] in ("csv", "workbook")

    @property
    def department(self) -> str:
        return self.name.split("/")[0]

    @property
    def stem(self) -> str:
        return self.name.split("/")[1]
