"""What a file holds: read whole by the project's reader, its first rows as a sample, every row only to count different values."""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl import extract
from etl.clean import prepare
from etl.engine import columns as columns_of
from etl.engine import count, literal, quote
from etl.propose.form import Form, draft
from etl.spec import Source

ROWS = 20_000  # rows that rules are tried on
VALUES = 400  # different values of a column that rules are tried on
LISTED = 30  # most frequent values that are kept
OWN = ("row_number", "@geometry", "@shape", "@file", "@sheet", "@title")
CONTEXT_COLUMNS: tuple[str, ...] = ("@title", "@sheet", "@file")


@dataclass
class Seen:
    """One delivered column. Of the sample: `filled` (share of rows with a value that is no filler), `distinct` values, the most
    frequent ones, lengths; over all rows: `empty` rows, `unique` = different values per row that has one, repeated rows left out."""

    name: str
    rows: int
    filled: float = 0.0
    distinct: int = 0
    values: list[str] = field(default_factory=list)
    shortest: int = 0
    longest: int = 0
    empty: int = 0
    unique: float = 0.0
    running: bool = False

    def named(self, *endings: str) -> bool:
        """Whether the column's name ends so."""
        return self.name.strip().endswith(endings)


@dataclass
class Sample:
    """The file as a DuckDB table `delivered` (all rows) and `sample`; the columns by name; texts of title, sheet and file name."""

    rows: int
    different: int
    columns: dict[str, Seen]
    context: dict[str, list[str]]
    geometry: bool


def take(con: duckdb.DuckDBPyConnection, name: str, file: Path, form: Form, folder: Path) -> Sample:
    """Reads the file with nothing declared. Raises DeliveryRefused as a delivery of it would."""
    source: Source = draft(name, form)
    rows = extract.read_file(source, file, folder)
    prepare(con)
    con.execute(f"create or replace view delivered as select * from read_parquet({literal(str(rows))})")
    present = columns_of(con, "delivered")
    con.execute(f"create or replace temp table sample as select * from delivered where row_number <= {ROWS}")
    names = [n for n in present if n not in OWN]
    _values(con, names)
    context: dict[str, list[str]] = {
        c: [r[0] for r in con.execute(f"select distinct {quote(c)} from delivered where {quote(c)} is not null order by 1").fetchall()]
        for c in CONTEXT_COLUMNS
        if c in present
    }
    whole = f"hash({', '.join(quote(n) for n in present if n not in ('row_number', '@geometry', '@shape'))})"
    rows_told = con.execute(f"select count(*), count(distinct {whole}) from delivered").fetchall()[0]
    sample = Sample(int(rows_told[0]), int(rows_told[1]), {n: Seen(n, 0) for n in names}, context, "@geometry" in present)
    if sample.rows:
        _describe(con, sample)
        _over_all_rows(con, sample)
    return sample


def _values(con: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    """Temporary table value(number, "column", text, n): up to VALUES different texts of each column, any of them, and how often each stands."""
    con.execute("create or replace temp sequence value_number")
    con.execute('create or replace temp table value (number bigint, "column" varchar, text varchar, n bigint)')
    for name in names:
        con.execute(f"""
            insert into value select nextval('value_number'), {literal(name)}, text, n from (
                select blank_trim({quote(name)}) as text, count(*) as n from sample group by 1 having text is not null
                order by hash(text) limit {VALUES})
        """)


def _describe(con: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    rows = count(con, "select count(*) from sample")
    for name, seen in sample.columns.items():
        text = f"blank_trim({quote(name)})"
        filled, distinct, shortest, longest, running = con.execute(f"""
            select count(*) filter (not is_void({text})), count(distinct {text}) filter (not is_void({text})),
                coalesce(min(length({text})), 0), coalesce(max(length({text})), 0),
                coalesce(bool_and(try_cast({text} as bigint) is not distinct from row_number), false)
            from sample""").fetchall()[0]
        seen.rows, seen.filled, seen.distinct, seen.shortest, seen.longest = rows, filled / rows, distinct, shortest, longest
        seen.running = bool(running) and rows > 1
        frequent = con.execute(
            f"""select {text}, count(*) from sample where not is_void({text}) group by 1 order by 2 desc, 1 limit {LISTED}"""
        )
        seen.values = [v for v, _ in frequent.fetchall()]


def _over_all_rows(con: duckdb.DuckDBPyConnection, sample: Sample) -> None:
    """Empty cells and different values over the whole file; exactly only where an estimate leaves the column a chance to be a key."""
    names = list(sample.columns)
    parts = [f"count(blank_trim({quote(n)})), approx_count_distinct({quote(n)})" for n in names]
    told = con.execute(f"select {', '.join(parts)} from delivered").fetchall()[0] if names else ()
    for i, name in enumerate(names):
        filled, about = told[2 * i], told[2 * i + 1]
        seen = sample.columns[name]
        seen.empty = sample.rows - filled
        if filled and about > filled * 0.5:
            about = count(con, f"select count(distinct blank_trim({quote(name)})) from delivered")
        seen.unique = min(about / max(sample.different - seen.empty, 1), 1.0) if filled else 0.0


def unique(con: duckdb.DuckDBPyConnection, sample: Sample, names: list[str]) -> float:
    """Different combinations of these columns, none of them empty, per row of the whole file; repeated rows left out."""
    parts = ", ".join(f"blank_trim({quote(n)})" for n in names)
    whole = " and ".join(f"blank_trim({quote(n)}) is not null" for n in names)
    different = count(con, f"select count(distinct hash({parts})) from delivered where {whole}")
    return min(different / sample.different, 1.0) if sample.different else 0.0
