"""rows.parquet while it grows: batches of text columns in, one Parquet file out, in bounded memory.

Files and sheets of a delivery may differ in their columns, and the records of a JSON in their keys: whenever the
columns change a new part begins, and the parts are joined at the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.errors import DeliveryRefused
from etl.extract.limits import Limits, size, too_big

BATCH = 20_000  # rows that readers in Python collect before they hand them over
NUMBER = "row_number"
FILE, SHEET, TITLE, GEOMETRY, SHAPE = "@file", "@sheet", "@title", "@geometry", "@shape"
CONTEXT = {FILE: pa.string(), SHEET: pa.string(), TITLE: pa.string(), GEOMETRY: pa.binary(), SHAPE: pa.int32()}
RESERVED = {NUMBER, *CONTEXT}


class Rows:
    """Collects rows into parts in `folder`. `count`: rows so far."""

    def __init__(self, folder: Path, limits: Limits):
        self.folder, self.limits, self.count = folder, limits, 0
        self._parts: list[tuple[Path, int]] = []  # file, rows before it
        self._writer: pq.ParquetWriter | None = None
        self._serial = 0

    def begin(self) -> int:
        """Marks a place to which `back` can return; ends the running part."""
        self._close()
        return self.count

    def back(self, mark: int) -> None:
        """Forgets every row after the mark."""
        self._close()
        for path, before in self._parts:
            if before >= mark:
                path.unlink(missing_ok=True)
        self._parts = [(p, b) for p, b in self._parts if b < mark]
        self.count = mark

    def write(self, columns: Mapping[str, pa.Array], where: str, context: Mapping[str, pa.Array | str | None], *, keep_blank: bool) -> None:
        """Adds a batch. `columns`: name → text; `context`: @-column → array or one value for all; keep_blank: rows of nothing count.

        Raises DeliveryRefused(too_big) for a cell beyond the limit; `where` names the file or sheet in the message.
        """
        height = len(next(iter(columns.values()))) if columns else 0
        if not height:
            return
        data = dict(columns)
        for name, value in context.items():
            data[name] = value if isinstance(value, pa.Array) else pa.repeat(pa.scalar(value, CONTEXT[name]), height)
        table = pa.table(data)
        keep = None if keep_blank else _not_blank(columns)
        if keep is not None:
            table = table.filter(keep)
        self._measure(table, list(columns), where)
        if table.num_rows:
            self._append(table)

    def finish(self, target: Path, declared: Sequence[str]) -> list[str]:
        """Joins the parts into `target`; columns that no row delivered but the spec declares (@-columns too) are there, empty.

        Returns the delivered columns.
        """
        self._close()
        names: dict[str, pa.DataType] = {NUMBER: pa.int64()}
        for path, _ in self._parts:
            names |= {f.name: f.type for f in pq.read_schema(path) if f.name not in names and f.name not in CONTEXT}
        names |= {name: pa.string() for name in declared if name not in names and name not in CONTEXT}
        present = {name for path, _ in self._parts for name in pq.read_schema(path).names}
        names |= {n: t for n, t in CONTEXT.items() if n in present or n in declared or n == FILE}
        if len(self._parts) == 1 and pq.read_schema(self._parts[0][0]).names == list(names):
            self._parts[0][0].rename(target)
        else:
            self._join(target, pa.schema(list(names.items())))
        return [n for n in names if n not in RESERVED]

    def _join(self, target: Path, schema: pa.Schema) -> None:
        with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as out:
            for path, _ in self._parts:
                for batch in pq.ParquetFile(path).iter_batches():
                    arrays = [batch.column(f.name) if f.name in batch.schema.names else pa.nulls(batch.num_rows, f.type) for f in schema]
                    out.write_batch(pa.record_batch(arrays, schema=schema))
                path.unlink()

    def _append(self, table: pa.Table) -> None:
        numbers = pa.array(np.arange(self.count + 1, self.count + table.num_rows + 1, dtype=np.int64))
        table = table.add_column(0, NUMBER, numbers)
        if self._writer is None or self._writer.schema != table.schema:
            self._close()
            path = self.folder / f"part-{self._serial:05d}.parquet"
            self._serial += 1
            self._parts.append((path, self.count))
            self._writer = pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
        self._writer.write_table(table)
        self.count += table.num_rows

    def _measure(self, table: pa.Table, columns: Iterable[str], where: str) -> None:
        for name in columns:
            longest = pc.max(pc.binary_length(table.column(name))).as_py() or 0
            if longest > self.limits.cell:
                raise too_big(f"{where} 列“{name}”中有过长的内容", size(longest), size(self.limits.cell))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _not_blank(columns: Mapping[str, pa.Array]) -> pa.Array | None:
    """Which rows hold anything but white space; None when all do. Stops at the first column that is always filled."""
    keep: pa.Array | None = None
    for values in columns.values():
        filled = pc.fill_null(pc.greater(pc.binary_length(pc.utf8_trim_whitespace(values)), 0), False)
        keep = filled if keep is None else pc.or_(keep, filled)
        if pc.all(keep).as_py():
            return None
    return keep


def texts(values: Sequence[str | None]) -> pa.Array:
    """Python texts as an Arrow column. Halves of surrogate pairs and NUL, which no database holds, become U+FFFD."""
    try:
        made = pa.array(values, pa.string())
    except UnicodeEncodeError:
        made = pa.array([v.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if v else v for v in values], pa.string())
    return pc.replace_substring(made, "\0", "\ufffd") if pc.any(pc.match_substring(made, "\0")).as_py() else made


def no_rows_in(where: str) -> DeliveryRefused:
    """The refusal of a file that holds nothing at all, not even a header."""
    return DeliveryRefused("truncated", f"{where} 是空文件，连表头也没有")
