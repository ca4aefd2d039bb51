"""A delivery beside the dataset's own past: how many rows, how much is empty, how the codes are spread, how fresh it is.

What is unlike the past is said as a result that neither holds nor scores (checked 0): it warns before any rule does. Every
measure is compared with the median of the last eight deliveries, and tolerates what they differed by among themselves.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import log
from pathlib import Path
from statistics import median

import duckdb
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db
from etl.check.outcome import Outcome
from etl.engine import literal, quote
from etl.spec import Registry, Source

SO_MANY = 8  # deliveries that make a past
FEW = 30  # rows below which shares say nothing
TOP = 20  # codes kept of a column
WHOLE = ""  # the profile of the whole delivery
UPDATED = "told_at"  # the cleaned column that says when a record was last touched
DIMENSIONS = {"volume": "completeness", "freshness": "timeliness", "nulls": "completeness", "codes": "consistency"}
ALIKE = {
    "volume": "行数与以往相近",
    "freshness": "最新记录与以往一样新",
    "nulls": "各列空值与以往相近",
    "codes": "各代码列的构成与以往相近",
}
PERIOD = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}  # days


@dataclass(frozen=True)
class Look:
    """One column of one delivery (ops.profile): rows with and without a value, codes of a code column, newest day of a time."""

    column: str
    filled: int
    nulls: int
    codes: Mapping[str, int] | None = None
    newest: date | None = None

    @property
    def empty(self) -> float:
        """Share of rows without a value."""
        return self.nulls / max(1, self.filled + self.nulls)


@dataclass(frozen=True)
class Profile:
    """One delivery: its date and its columns by cleaned name; `WHOLE` counts its rows."""

    day: date
    columns: Mapping[str, Look]

    @property
    def rows(self) -> int:
        """Rows delivered."""
        return self.columns[WHOLE].filled


def look(duck: duckdb.DuckDBPyConnection, cleaned: Path, registry: Registry, source: Source, day: date) -> Profile:
    """What a delivery looks like, in one scan of cleaned.parquet. Codes are kept of columns that a code table reads, and of no others."""
    wanted = [(c.as_, registry.rules[c.rule]) for c in source.columns.values() if "" in registry.rules[c.rule].outputs]
    counts = ["count(*)"]
    for name, rule in wanted:
        of_time = name == UPDATED and rule.outputs[""] in ("DATE", "TIMESTAMP")
        counts.append(f"count({quote(name)})")
        counts.append(f"histogram({quote(name)})" if "not_in_list" in rule.problems else "null")
        counts.append(f"max({quote(name)}::date) filter ({quote(name)}::date <= date '{day}')" if of_time else "null")
    rows, *found = duck.execute(f"select {', '.join(counts)} from read_parquet({literal(str(cleaned))})").fetchall()[0]
    looks = {WHOLE: Look(WHOLE, rows, 0)}
    for (name, _), filled, codes, newest in zip(wanted, found[::3], found[1::3], found[2::3], strict=True):
        kept = dict(Counter(codes).most_common(TOP)) if codes is not None else None
        looks[name] = Look(name, filled, rows - filled, kept, newest)
    return Profile(day, looks)


def keep(con: Connection, source: Source, delivery_id: str, profile: Profile) -> None:
    """Writes the profile into ops.profile, within the caller's transaction."""
    rows = [
        (source.name, delivery_id, x.column, x.filled, x.nulls, None if x.codes is None else json.dumps(x.codes, sort_keys=True), x.newest)
        for x in profile.columns.values()
    ]
    with con.cursor() as c:
        c.execute("delete from ops.profile where dataset = %s and delivery_id = %s", [source.name, delivery_id])
        execute_values(c, "insert into ops.profile (dataset, delivery_id, column_name, filled, nulls, codes, newest) values %s", rows)


def history(con: Connection, source: Source, before: date) -> list[Profile]:
    """The profiles of the dataset's last deliveries up to a date, newest first."""
    found = db.rows(
        con,
        """
        with last as (
            select delivery_id, delivered_on, sequence from ops.delivery
            where dataset = %s and state = 'loaded' and kind <> 'replay' and delivered_on <= %s order by delivered_on desc, sequence desc limit %s
        )
        select l.sequence, l.delivered_on, p.column_name, p.filled, p.nulls, p.codes, p.newest
        from last l join ops.profile p on p.dataset = %s and p.delivery_id = l.delivery_id order by l.delivered_on desc, l.sequence desc
        """,
        [source.name, before, SO_MANY, source.name],
    )
    by: dict[int, tuple[date, dict[str, Look]]] = {}
    for sequence, day, *of_column in found:
        by.setdefault(sequence, (day, {}))[1][of_column[0]] = Look(*of_column)
    return [Profile(day, columns) for day, columns in by.values() if WHOLE in columns]


def unlike(source: Source, now: Profile, past: Sequence[Profile]) -> list[Outcome]:
    """A delivery beside its past: one result for each of volume, freshness, empty values and codes; nothing on the first
    delivery, on the second only what is gross."""
    if not past:
        return []
    delivered = {c.as_: name for name, c in source.columns.items()}
    said: dict[str, list[str]] = {name: [] for name in DIMENSIONS}
    said["volume"] += _volume(now, past, may_be_short=source.delivery.kind != "full")
    said["freshness"] += _freshness(source, now, past)
    told = [p for p in past if p.rows >= FEW]
    for name, column in now.columns.items() if now.rows >= FEW else ():
        of_past = [p.columns[name] for p in told if name in p.columns]
        if name != WHOLE and of_past:
            said["nulls"] += _nulls(column, of_past, delivered[name])
            said["codes"] += _codes(column, of_past, delivered[name])
    return [
        Outcome(source.name, f"past_{name}", dimension, "warning", not said[name], False, 0, 0, "；".join(said[name]) or ALIKE[name], None)
        for name, dimension in DIMENSIONS.items()
    ]


def _volume(now: Profile, past: Sequence[Profile], *, may_be_short: bool) -> Iterator[str]:
    """Half or double the median, or four times what the past differed by where that is more; on the second delivery ten times.
    An increment may be as short as it likes: it is as long as what happened."""
    counts = [max(1, p.rows) for p in past]
    usual = median(counts)
    allowed = log(10) if len(past) == 1 else max(log(2), 4 * median(abs(log(n / usual)) for n in counts))
    fewer = now.rows < usual
    if max(usual, now.rows) >= FEW and abs(log(max(1, now.rows) / usual)) > allowed and not (fewer and may_be_short):
        before = "上一次" if len(past) == 1 else f"以往 {len(past)} 次的中位数"
        yield f"行数比以往{'少' if fewer else '多'}得多：本次 {now.rows} 行，{before}为 {usual:g} 行；请确认交付的是完整、正确的文件"


def _freshness(source: Source, now: Profile, past: Sequence[Profile]) -> Iterator[str]:
    """The newest record is older than it used to be, by more than two periods."""
    period = PERIOD.get(source.delivery.due)
    ages = [(p.day - p.columns[UPDATED].newest).days for p in past if UPDATED in p.columns and p.columns[UPDATED].newest]  # type: ignore[operator]
    newest = now.columns[UPDATED].newest if UPDATED in now.columns else None
    if period is None or newest is None or not ages:
        return
    age, usual = (now.day - newest).days, median(ages)
    if age > usual + max(2 * period, 4 * _spread(ages)) * (2 if len(past) == 1 else 1):
        yield f"最新的一条记录在交付前 {age} 天，以往为 {usual:g} 天"


def _nulls(now: Look, past: Sequence[Look], delivered: str) -> Iterator[str]:
    """More or fewer empty values: by a twentieth, three standard errors and four times the past's own spread; at first by half."""
    shares = [x.empty for x in past]
    usual, rows = median(shares), now.filled + now.nulls
    noise = 3 * max(usual * (1 - usual), 0.01) ** 0.5 * (1 / rows + 1 / min(x.filled + x.nulls for x in past)) ** 0.5
    allowed = 0.5 if len(past) == 1 else max(0.05, noise, 4 * _spread(shares))
    if abs(now.empty - usual) > allowed:
        yield f"列“{delivered}”空值占 {now.empty:.0%}，以往为 {usual:.0%}"


def _codes(now: Look, past: Sequence[Look], delivered: str) -> Iterator[str]:
    """Another spread of codes: the total variation from the past's mean, beyond what chance and the past itself explain."""
    before = [_shares(x.codes) for x in past if x.codes]
    if not now.codes or not before or now.filled < FEW:
        return
    shares = _shares(now.codes)
    usual = {code: sum(x.get(code, 0) for x in before) / len(before) for code in {c for x in before for c in x}}
    noise = 2 * (len(usual | shares) / (4 * min(now.filled, *(sum(x.codes.values()) for x in past if x.codes)))) ** 0.5
    own = median(_distance(x, usual) for x in before)
    allowed = 0.5 + noise if len(before) == 1 else max(0.1, 3 * own) + noise
    if _distance(shares, usual) > allowed:
        code = max(usual | shares, key=lambda c: abs(shares.get(c, 0) - usual.get(c, 0)))
        yield f"列“{delivered}”的构成与以往不同：代码 {code} 由 {usual.get(code, 0):.0%} 变为 {shares.get(code, 0):.0%}"


def _spread(values: Sequence[float]) -> float:
    """How far values lie from their median, at the median: one odd delivery does not widen what is tolerated."""
    middle = median(values)
    return median(abs(v - middle) for v in values)


def _shares(codes: Mapping[str, int]) -> dict[str, float]:
    whole = sum(codes.values())
    return {code: n / whole for code, n in codes.items()}


def _distance(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    return sum(abs(a.get(c, 0) - b.get(c, 0)) for c in {*a, *b}) / 2
