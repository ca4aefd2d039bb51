"""Plants one bad row for one claim: derived from the claim's type and arguments, or (for what SQL alone can say) from plants.yml."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import psycopg2
import yaml

from etl.check import Outcome, run
from etl.judging import TODAY
from etl.spec.suite import Claim, Suite

PLANTS = yaml.safe_load((Path(__file__).parent / "plants.yml").read_text(encoding="utf-8"))
DAY = date(2018, 3, 1)
ODD = ("", "~", "x", "甲", "0", "00", "12", "1234567", "ABCDEFGH", "甲乙丙丁", "2.5", "-")  # texts that some pattern or list refuses
Row = dict[str, Any]


class CannotPlant(Exception):
    """No bad row is known that fails this claim and no other."""


@dataclass
class Bed:
    """A table as a candidate, where rows are planted; `kinds`: column → type; `near`: tables that its claims read."""

    url: str
    suite: Suite
    target: str
    name: str
    kinds: dict[str, str]
    near: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.con = psycopg2.connect(self.url)
        self.con.autocommit = True

    # ── claims ──

    def of(self, column: str, *types: str) -> list[Claim]:
        """The claims of these types on a column that hold for every row."""
        return [c for c in self.suite.expectations if c.kwargs.get("column") == column and any(t in c.type for t in types)]

    def values(self, column: str) -> list[Any]:
        """Some different values that the column's own claims let pass."""
        if listed := self.of(column, "to_be_in_set"):
            return list(listed[0].kwargs["value_set"])
        if patterns := self.of(column, "to_match_regex"):
            return list(dict.fromkeys(matching(patterns[0].kwargs["regex"], n) for n in range(3)))
        kind = self.kinds[column]
        bounds = [c.kwargs for c in self.of(column, "values_to_be_between")]
        low = next((b["min_value"] for b in bounds if b.get("min_value") is not None), None)
        high = next((b["max_value"] for b in bounds if b.get("max_value") is not None), None)
        return _of_kind(kind, column, low, high)

    def violating(self, claim: Claim) -> Iterator[list[Row]]:
        """Rows that might fail a claim: one, or those that are wrong together."""
        k, kind = claim.kwargs, claim.type
        if kind == "unexpected_rows_expectation":
            raise CannotPlant("an SQL claim needs a row in tests/integration/plants.yml")
        given = condition_row(k.get("row_condition"))
        if kind.endswith("to_not_be_null"):
            yield [given | {k["column"]: None}]
        elif kind.endswith("to_be_null"):
            yield from ([given | {k["column"]: v}] for v in self.values(k["column"]))
        elif kind.endswith(("to_be_in_set", "to_match_regex")):
            lists = [v for c in self.of(k["column"], "to_be_in_set") for v in c.kwargs["value_set"]]
            yield from ([given | {k["column"]: v}] for v in (*ODD, "999", "2099", *lists))
        elif kind.endswith("to_not_match_regex"):
            yield from ([given | {k["column"]: matching(k["regex"], n) + tail}] for n in range(2) for tail in ("", "甲", "号路1"))
            yield from ([given | {k["column"]: head + matching(k["regex"], 0)}] for head in ("路1号", "甲"))
        elif kind.endswith("values_to_be_between"):
            yield from ([given | {k["column"]: v}] for v in beyond(k, self.kinds[k["column"]]))
        elif kind.endswith("a_to_be_greater_than_b"):
            pairs = [*descending(self.kinds[k["column_A"]]), *itertools.product(self.values(k["column_A"]), self.values(k["column_B"]))]
            yield from ([given | {k["column_A"]: a, k["column_B"]: b}] for a, b in pairs)
        elif kind.endswith("unique_within_record"):
            yield from ([given | dict.fromkeys(k["column_list"], v)] for v in self.values(k["column_list"][0]))
        elif kind.endswith("to_refer_to"):
            yield from ([given | {k["column"]: v}] for v in ("nowhere", "999999999999"))
        elif kind.endswith("to_be_unique"):
            yield self.twice(k.get("column_list") or [k["column"]], given)
        else:
            raise CannotPlant(f"no bad row can be derived for {kind}")

    def twice(self, columns: Sequence[str], given: Row) -> list[Row]:
        """Two rows with the same key; in the other keys of the suite they differ."""
        good = self.good()
        one = given | {c: self.values(c)[0] for c in columns if good.get(c) is None}
        two = dict(one)
        for c in self.suite.expectations:
            other = c.kwargs.get("column_list") or [c.kwargs.get("column")]
            if c.type.endswith("to_be_unique") and set(other) != set(columns) and (free := [x for x in other if x not in columns]):
                one[free[0]], two[free[0]] = self.values(free[0])[:2]
        return [one, two]

    def some(self, claim: Claim) -> list[list[Row]]:
        """A few plants of a claim, which may fail others as well."""
        try:
            return [[self.good() | row for row in rows] for rows in itertools.islice(self.violating(claim), 3)]
        except CannotPlant:
            return [[self.good() | _numbered(row, 0) for row in PLANTS[self.suite.stem][claim.name]["rows"]]]

    # ── rows ──

    def good(self) -> Row:
        """A row that meets every claim: empty but for what must be there."""
        row: Row = {}
        for c in self.suite.expectations:
            if c.type.endswith("to_not_be_null") and "row_condition" not in c.kwargs:
                row[c.kwargs["column"]] = self.values(c.kwargs["column"])[0]
        return row | dict(PLANTS.get(self.suite.stem, {}).get("good", {}))

    def grow(self, rows: Sequence[Row], beside: Mapping[str, Sequence[Row]] | None = None) -> dict[str, Outcome]:
        """The outcomes of the suite with these rows, and with what they refer to there."""
        self._fill(self.name, self.kinds, rows)
        needed: dict[str, list[Row]] = {t: list(r) for t, r in (beside or {}).items()}
        for c in self.suite.expectations:
            if c.type.endswith("to_refer_to") and c.kwargs["table"] != self.target:
                told = {r.get(c.kwargs["column"]) for r in rows} - {None, "nowhere", "999999999999"}
                here = needed.setdefault(c.kwargs["table"], [])
                here += [{c.kwargs["key"]: v} for v in sorted(told) if all(r.get(c.kwargs["key"]) != v for r in here)]
        for table in self.near:
            if table != self.target:
                self._fill(table.replace(".", "__"), {k: "" for r in needed.get(table, []) for k in r}, needed.get(table, []))
        return {o.expectation: o for o in run(self.suite, self.target, self.url, "candidate", self.name, today=DAY)}

    def _fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        statements = [f'truncate candidate."{name}"']
        for row in rows:
            filled = {c: v for c, v in row.items() if v is not None}
            listed = ", ".join(f'"{c}"' for c in filled)
            told = ", ".join(_sql(v) for v in filled.values())
            statements.append(
                f'insert into candidate."{name}" ({listed}) values ({told})' if filled else f'insert into candidate."{name}" default values'
            )
        with self.con.cursor() as c:
            c.execute("; ".join(statements))

    def plant(self, claim: Claim) -> None:
        """Returns when a row was found that fails this claim and no other; else CannotPlant says what failed instead."""
        declared = PLANTS.get(self.suite.stem, {}).get(claim.name)
        tries: Iterator[tuple[list[Row], Any]]
        if declared:
            times = range(declared.get("times", 1))
            copies = [self.good() | _numbered(row, n) for row in declared["rows"] for n in times]
            beside = {t: [_numbered(row, n) for row in rows for n in times] for t, rows in declared.get("beside", {}).items()}
            if "sql" in declared:
                with self.con.cursor() as c:
                    c.execute(declared["sql"])
            tries = iter([(copies, beside)])
        else:
            tries = ((([self.good() | row for row in rows]), None) for rows in itertools.islice(self.violating(claim), 40))
        last: list[str] = []
        for rows, beside in tries:
            try:
                found = self.grow(rows, beside)
            except psycopg2.Error:  # a value that its column cannot hold
                continue
            last = sorted(n for n, o in found.items() if not o.success)
            if (
                set(last) == {claim.name, *(declared or {}).get("also", ())}
                and not found[claim.name].broken
                and found[claim.name].failed >= 1
            ):
                return
        raise CannotPlant(f"{claim.name} ({claim.type}): failed instead: {last}")


def _numbered(row: Row, n: int) -> Row:
    return {k: v.replace("{n}", str(n)) if isinstance(v, str) else v for k, v in row.items()}


def _sql(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "'" + str(value).replace("'", "''") + "'"


def _of_kind(kind: str, column: str, low: Any, high: Any) -> list[Any]:
    """Two values of a type between bounds."""
    if kind.startswith("timestamp"):
        return ["2010-01-01 08:00:00", "2010-01-02 08:00:00"]
    if kind == "date":
        return [str(DAY + timedelta(days=n)) for n in (1, 2)] if low == TODAY else ["2010-01-01", "2010-01-02"]
    if kind.startswith(("numeric", "double", "integer", "bigint", "smallint")):
        first = float(low) + 0.5 if low is not None else float(high) - 2 if high is not None else 1
        values = [first, first + 0.25] if high is not None and low is not None else [first, first + 1]
        return [int(v + 0.5) for v in values] if "int" in kind else values
    if kind.startswith("geometry"):
        return ["SRID=4490;POINT(105.4 28.8)", "SRID=4490;POINT(105.5 28.9)"]
    return {"boolean": [True, False], "uuid": ["0" * 32, "1" * 32], "jsonb": ['{"a": "1"}', '{"a": "2"}']}.get(
        kind, [f"{column}1", f"{column}2"]
    )


def condition_row(given: Any) -> Row:
    """A row that meets a row_condition."""
    if not given:
        return {}
    if given["type"] == "and":
        return {k: v for c in given["conditions"] for k, v in condition_row(c).items()}
    name, parameter = given["column"]["name"], given.get("parameter")
    if given["type"] != "comparison":
        raise CannotPlant("this row_condition is not known")
    if given["operator"] == "!=":
        return {name: {"dead": "living", "missing": "normal"}.get(parameter, "other")}
    return {name: parameter[0] if given["operator"] == "IN" else parameter}


def beyond(kwargs: Mapping[str, Any], kind: str) -> list[Any]:
    """Values just outside the bounds."""
    out: list[Any] = []
    for key, step in (("min_value", -1), ("max_value", 1)):
        bound = kwargs.get(key)
        if bound is None:
            continue
        if bound == TODAY or kind == "date" or kind.startswith("timestamp"):
            day = DAY if bound == TODAY else date.fromisoformat(str(bound)[:10])
            out += [str(day + timedelta(days=step))] + ([str(day)] if kwargs.get("strict_" + key[:3]) else [])
        else:
            out += [bound + step, bound] if kwargs.get("strict_" + key[:3]) else [bound + step]
    return out


def descending(kind: str) -> list[tuple[Any, Any]]:
    """Pairs whose first is smaller than the second."""
    if kind == "date" or kind.startswith("timestamp"):
        return [(f"{year}-01-01", f"{year}-01-02") for year in (2010, 2016, 2030)]
    return [(1, 2), (30, 60), (1999, 2000), ("1", "2")]


def matching(pattern: str, variant: int) -> str:
    """A text that a regular expression of the suites' kind matches."""
    return "".join(_texts(parser.parse(re.sub(r"\\s", " ", pattern)), variant))


def _texts(parsed: Any, variant: int) -> Iterator[str]:
    for op, value in parsed:
        name = str(op)
        if name == "LITERAL":
            yield chr(value)
        elif name == "NOT_LITERAL":
            yield "a" if value != ord("a") else "b"
        elif name == "ANY":
            yield "a"
        elif name == "IN":
            yield _one_of(value, variant)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, what = value
            for _ in range(max(least, min(1, int(most)))):
                yield from _texts(what, variant)
        elif name == "SUBPATTERN":
            yield from _texts(value[3], variant)
        elif name == "BRANCH":
            yield from _texts(value[1][variant % len(value[1])], variant)


def _one_of(parts: Any, variant: int) -> str:
    if str(parts[0][0]) == "NEGATE":
        refused = {chr(v) for op, v in parts[1:] if str(op) == "LITERAL"}
        return next(c for c in "abc" if c not in refused)
    every = [chr(c) for op, v in parts for c in ([v] if str(op) == "LITERAL" else range(v[0], min(v[1], v[0] + 9) + 1))]
    return every[min(variant + 1, len(every) - 1)] if len(every) > 1 else every[0]
