"""Records whose columns are their keys: JSON objects, XML elements, features."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from etl.extract.columns import Names
from etl.extract.reading import Raw, Reading
from etl.extract.rows import BATCH

HEAVY = 16 * 1024 * 1024  # characters, after which a batch is full whatever its number


class Keyed:
    """Collects records into batches. The columns are all keys that any record has; a key that one lacks is NULL there.

    geometry: makes WKB of the shapes that come with the records.
    """

    def __init__(self, raw: Raw, reading: Reading, geometry: Callable[[Sequence[Any]], pa.Array] | None = None):
        self._raw, self._reading, self._geometry = raw, reading, geometry
        self._batch: list[Mapping[str, str | None]] = []
        self._shapes: list[Any] = []
        self._seen: dict[str, None] = {}
        self._any, self._weight = False, 0

    def add(self, record: Mapping[str, str | None], shape: Any = None) -> None:
        """One record, its values as text."""
        self._batch.append(record)
        self._shapes.append(shape)
        self._any = True
        self._weight += sum(len(v) for v in record.values() if v) + (len(shape) if isinstance(shape, str) else 0)
        if len(self._batch) == BATCH or self._weight > HEAVY:
            self._flush()

    def close(self) -> None:
        """The last batch. Raises missing_column for a declared column that no record had, unless there were no records."""
        self._flush()
        if self._any:
            self._reading.names.require(self._seen, self._raw.name)

    def _flush(self) -> None:
        keys: dict[str, None] = {}
        for record in self._batch:
            keys |= dict.fromkeys(record)
        self._seen |= keys
        final = settle(keys, self._reading.names)
        rows = [[record.get(k) for k in keys] for record in self._batch]
        context = {"geometry": self._geometry(self._shapes)} if self._geometry and rows else {}
        self._reading.write_rows(self._raw, [final[k] for k in keys], rows, keep_blank=True, **context)
        self._batch, self._shapes, self._weight = [], [], 0


def settle(keys: Mapping[str, None], names: Names) -> dict[str, str]:
    """Key → final column, each once; where two keys mean one declared column the exact one has it."""
    final = {k: names.of(k) for k in keys}
    used = {k for k, n in final.items() if k == n}
    out = {}
    for key, name in final.items():
        while key != name and name in used:
            name += "_"
        used.add(name)
        out[key] = name
    return out
