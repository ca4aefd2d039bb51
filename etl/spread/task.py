"""What an executor does: cuts a stretch of rows into parts, and runs a work's function on a part that came together.

Rows travel as small Parquet files that DuckDB wrote, in rows (part, input, rows) of Spark: its scheduler and its shuffle
never look into them, so no value is translated on the way.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from etl import engine, store
from etl.settings import Settings
from etl.spread import Part
from etl.spread.shelf import Shelf

ENVELOPE = pa.schema([("part", pa.int32()), ("input", pa.string()), ("rows", pa.binary())])
DONE = pa.schema([("part", pa.int32()), ("output", pa.string()), ("rows", pa.int64())])
PARQUET = "format parquet, compression zstd, compression_level 1"


@dataclass(frozen=True)
class Given:
    """An input as executors know it: its Parquet files on the shelf, key and columns as in `Input`, and its columns' types."""

    files: tuple[str, ...]
    key: str | None
    columns: str
    types: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Piece:
    """A stretch of rows that one task reads: `first` to `last` of a file of an input."""

    input: str
    file: str
    first: int
    last: int


@dataclass(frozen=True)
class Job:
    """A work on its way: all that an executor needs. `settings` hold no way to the database. `scratch`: None = the machine's own."""

    function: Callable[[duckdb.DuckDBPyConnection, Part], Mapping[str, str]]
    inputs: Mapping[str, Given]
    pieces: tuple[Piece, ...]
    parts: int
    shelf: Shelf
    settings: Settings
    scratch: Path | None
    version: str = duckdb.__version__

    @contextmanager
    def bench(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
        """A connection of one task, and its private folder."""
        if self.version != duckdb.__version__:  # keys are told apart by its hash, which another version may compute differently
            raise RuntimeError(f"DuckDB {duckdb.__version__} on the executor, {self.version} on the driver")
        parent = self.scratch or Path(tempfile.gettempdir()) / "jichu"
        with store.private_folder(parent) as folder, engine.connect(replace(self.settings, home=folder), threads=1) as con:
            yield con, folder


def scatter(batches: Iterable[pa.RecordBatch], job: Job) -> Iterator[pa.RecordBatch]:
    """Numbers of pieces → envelopes: the rows of each piece by part."""
    for piece in (job.pieces[n] for n in _numbers(batches)):
        with job.bench() as (con, folder):
            given, out = job.inputs[piece.input], folder / "parts"
            parts = f"list_distinct(list_transform({given.key}, lambda k: (hash(k) % {job.parts})::int))"
            con.execute(
                f"copy (select {given.columns}, unnest({parts}) as part from ({_stretch(job, piece, folder)})) "
                f"to {engine.literal(str(out))} ({PARQUET}, partition_by (part))"
            )
            for file in sorted(out.glob("part=*/*.parquet")):
                yield _batch(ENVELOPE, int(file.parent.name.removeprefix("part=")), piece.input, file.read_bytes())


def gather(batches: Iterable[pa.RecordBatch], job: Job) -> Iterator[pa.RecordBatch]:
    """Envelopes → how many rows of which output: the function on each part that is whole here."""
    with job.bench() as (con, folder):
        for number, envelope in enumerate(r for b in batches for r in b.to_pylist()):
            place = folder / f"part-{envelope['part']}" / envelope["input"]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.parquet").write_bytes(envelope["rows"])
        for place in sorted(folder.glob("part-*")):
            for name, given in job.inputs.items():
                if given.key:
                    con.execute(f"create or replace view {name} as {_rows(place / name, given)}")
            yield from _perform(con, folder, job, int(place.name.removeprefix("part-")))


def by_piece(batches: Iterable[pa.RecordBatch], job: Job) -> Iterator[pa.RecordBatch]:
    """Numbers of pieces → how many rows of which output: the function on each piece, which is a part by itself."""
    for number in _numbers(batches):
        piece = job.pieces[number]
        with job.bench() as (con, folder):
            rows = f"select {job.inputs[piece.input].columns} from ({_stretch(job, piece, folder)})"
            con.execute(f"create or replace view {piece.input} as {rows}")
            yield from _perform(con, folder, job, number)


def _perform(con: duckdb.DuckDBPyConnection, folder: Path, job: Job, number: int) -> Iterator[pa.RecordBatch]:
    for name, given in job.inputs.items():
        if given.key == "":
            files = [str(job.shelf.fetched(f, folder)) for f in given.files]
            con.execute(f"create or replace view {name} as select {given.columns} from read_parquet({files}, hive_partitioning = false)")
    for output, sql in job.function(con, Part(number, job.parts)).items():
        out = folder / "out.parquet"
        rows = con.execute(f"copy ({sql}) to {engine.literal(str(out))} ({PARQUET})").fetchall()[0][0]
        job.shelf.keep(out, output, number)
        yield _batch(DONE, number, output, rows)


def _numbers(batches: Iterable[pa.RecordBatch]) -> Iterator[int]:
    return (number for batch in batches for number in batch.column(0).to_pylist())


def _stretch(job: Job, piece: Piece, folder: Path) -> str:
    """SQL: the rows of a piece; only the row groups that hold them are read."""
    local = engine.literal(str(job.shelf.fetched(piece.file, folder)))
    return (
        f"select * exclude (file_row_number) from read_parquet({local}, file_row_number = true, hive_partitioning = false) "
        f"where file_row_number between {piece.first} and {piece.last}"
    )


def _rows(place: Path, given: Given) -> str:
    """SQL: what came of an input, or nothing in its shape."""
    if place.is_dir():
        return f"select * from read_parquet({engine.literal(str(place / '*.parquet'))}, hive_partitioning = false)"
    return f"select {', '.join(f'null::{kind} as {engine.quote(n)}' for n, kind in given.types)} where false"


def _batch(schema: pa.Schema, *values: object) -> pa.RecordBatch:
    return pa.record_batch([pa.array([v], f.type) for v, f in zip(values, schema, strict=True)], schema=schema)
