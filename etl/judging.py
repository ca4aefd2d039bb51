"""Great Expectations' claims as SQL: what a row is judged by itself, and what only the whole table can tell.

The types, arguments and counts are Great Expectations' own (tests/integration/test_check_plants.py holds the two side by side on every
claim there is); only the work is shared out otherwise, so that all row claims of a suite take one scan. A claim that is not
known here is none the less checked: by Great Expectations itself (etl.check.engine).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from etl.engine import literal, quote
from etl.spec.suite import Claim

Kwargs = Mapping[str, Any]
OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
COMMON = {"mostly", "row_condition"}
PLAIN = re.compile(r"select [\w, ]+ from \{batch\} where (.+)", re.IGNORECASE | re.DOTALL)
MORE_THAN_ROWS = re.compile(
    r"\b(select|from|join|group|having|order|limit|union|over|now|current_date|business_day)\b|(?<!\{)\{\w", re.IGNORECASE
)
TODAY = {"$PARAMETER": "today"}


class Unknown(Exception):
    """This claim is not put into SQL here."""


@dataclass(frozen=True)
class ByRow:
    """SQL conditions on one row: whether it is judged, and (of those) whether it is wrong.

    `dated`: as days pass, a row that was right stays so (`looser`) or may become wrong (`tighter`). `column`: the one whose value alone
    decides, by a costly regular expression."""

    judged: str
    wrong: str
    dated: Literal["", "looser", "tighter"] = ""
    column: str = ""


@dataclass(frozen=True)
class Whole:
    """What needs the whole table. `judged`: a condition, for the denominator; `count`: a query of one number; `rows`: of the
    rows that are wrong. Both queries hold `{relation}`. `key`: columns that must not repeat, `refers`: a column, where its values must stand
    and the key there, where that is all there is to it."""

    judged: str
    count: str
    rows: str
    key: tuple[str, ...] = ()
    refers: tuple[str, str, str] | None = None


def by_row(claim: Claim, today: date) -> ByRow | None:
    """The claim as conditions on one row; None when it is not about single rows, or not of a kind known here."""
    make = ROW_KINDS.get(claim.type)
    if make is None:
        return _plain_sql(claim)
    arguments, build = make
    try:
        if set(claim.kwargs) - arguments - COMMON:
            return None
        judged, wrong = build(claim.kwargs, today)
        given = condition(claim.kwargs.get("row_condition"))
    except (Unknown, KeyError, TypeError):
        return None
    judged = " and ".join(filter(None, (judged, given))) or "true"
    dated: Literal["", "looser", "tighter"] = (
        "tighter" if claim.kwargs.get("min_value") == TODAY else "looser" if TODAY in claim.kwargs.values() else ""
    )
    return ByRow(
        judged, f"({judged}) and ({wrong})", dated, claim.kwargs["column"] if claim.type.endswith("match_regex") and not given else ""
    )


def _plain_sql(claim: Claim) -> ByRow | None:
    """An SQL claim that is nothing but a condition on the table's own rows."""
    found = (
        PLAIN.fullmatch(str(claim.kwargs.get("unexpected_rows_query", "")).strip())
        if set(claim.kwargs) == {"unexpected_rows_query"}
        else None
    )
    if found is None or MORE_THAN_ROWS.search(found[1]):
        return None
    return ByRow("true", filled(f"({found[1]})", ""))


def whole(claim: Claim, places: Mapping[str, str]) -> Whole | None:
    """The claim as queries on the table; `places`: where the other tables are that it reads."""
    kwargs = claim.kwargs
    try:
        if claim.type == "expect_column_values_to_be_unique" and not set(kwargs) - COMMON - {"column"}:
            return _unique([kwargs["column"]], condition(kwargs.get("row_condition")))
        if claim.type == "expect_compound_columns_to_be_unique" and not set(kwargs) - COMMON - {"column_list"}:
            return _unique(kwargs["column_list"], condition(kwargs.get("row_condition")))
        if claim.type == "expect_column_values_to_refer_to":
            return _referring(kwargs["column"], places[kwargs["table"]], kwargs["key"])
        if claim.type == "unexpected_rows_expectation" and set(kwargs) == {"unexpected_rows_query"}:
            query = re.sub(r"\{(\w+\.\w+)\}", lambda m: places[m[1]], kwargs["unexpected_rows_query"]).replace("{batch}", "{relation}")
            return Whole("true", f"select count(*) from ({query}) as failing", query)
    except (Unknown, KeyError, TypeError):
        return None
    return None


def failing(claim: Claim, relation: str, places: Mapping[str, str], today: date) -> str | None:
    """A query of the rows that do not meet a claim, with all their columns (of an SQL claim: those that it selects)."""
    if row := by_row(claim, today):
        return f"select * from {relation} where {row.wrong}"
    table = whole(claim, places)
    return filled(table.rows, relation) if table else None


def filled(query: str, relation: str) -> str:
    """A query of `Whole` on a relation; doubled braces are single ones, as Great Expectations reads them."""
    return query.replace("{relation}", relation).replace("{{", "{").replace("}}", "}")


def met(claim: Claim, checked: int, failed: int) -> bool:
    """Whether so many failures are let pass: `mostly` of a map expectation."""
    return failed == 0 or (checked > 0 and (checked - failed) / checked >= float(claim.kwargs.get("mostly", 1)))


def condition(given: Any) -> str:
    """A `row_condition` in Great Expectations' own form, as SQL; empty when there is none."""
    if given is None:
        return ""
    if not isinstance(given, dict):
        raise Unknown
    kind = given.get("type")
    if kind in ("and", "or"):
        return "(" + f" {kind} ".join(condition(c) for c in given["conditions"]) + ")"
    column = quote(given["column"]["name"])
    if kind == "nullity":
        return f"{column} is {'' if given['is_null'] else 'not '}null"
    if kind != "comparison":
        raise Unknown
    operator, parameter = given["operator"], given["parameter"]
    if operator in ("IN", "NOT_IN"):
        return f"{column} {'not ' if operator == 'NOT_IN' else ''}in ({_listed(parameter)})"
    return f"{column} {OPERATORS[operator]} {_value(parameter)}"


# ── row by row: type → (its own arguments, → judged, wrong) ──────────────────────────────────────────────────────


def _there(kwargs: Kwargs) -> str:
    return f"{quote(kwargs['column'])} is not null"


def _is_null(kwargs: Kwargs, _: date) -> tuple[str, str]:
    return "", _there(kwargs)


def _not_null(kwargs: Kwargs, _: date) -> tuple[str, str]:
    return "", f"{quote(kwargs['column'])} is null"


def _in_set(kwargs: Kwargs, _: date) -> tuple[str, str]:
    return _there(kwargs), f"{quote(kwargs['column'])} not in ({_listed(kwargs['value_set'])})"


def _not_in_set(kwargs: Kwargs, _: date) -> tuple[str, str]:
    return _there(kwargs), f"{quote(kwargs['column'])} in ({_listed(kwargs['value_set'])})"


def _matching(kwargs: Kwargs, _: date) -> tuple[str, str]:
    return _there(kwargs), f"{quote(kwargs['column'])} !~ {literal(kwargs['regex'])}"


# `^[0-9X]{15,}$`: so many characters of one class. The length is looked at first: it costs a tenth, and few names are as long as a number.
ONE_CLASS = re.compile(r"\^\[[^\]\\]+\]\{(\d+)(?:,\d*)?\}\$")


def _not_matching(kwargs: Kwargs, _: date) -> tuple[str, str]:
    column, fits = quote(kwargs["column"]), f"{quote(kwargs['column'])} ~ {literal(kwargs['regex'])}"
    least = ONE_CLASS.fullmatch(kwargs["regex"])
    return _there(kwargs), f"length({column}) >= {least[1]} and {fits}" if least else fits


def _between(kwargs: Kwargs, today: date) -> tuple[str, str]:
    return _there(kwargs), _outside(quote(kwargs["column"]), kwargs, today)


def _of_length(kwargs: Kwargs, today: date) -> tuple[str, str]:
    return _there(kwargs), _outside(f"length({quote(kwargs['column'])})", kwargs, today)


def _outside(what: str, kwargs: Kwargs, today: date) -> str:
    """Not between the bounds; a bound may be today."""
    bounds = []
    for key, strict, beyond in (("min_value", "strict_min", "<"), ("max_value", "strict_max", ">")):
        bound = kwargs.get(key)
        if bound is not None:
            value = f"date '{today}'" if bound == TODAY else _value(bound)
            bounds.append(f"{what} {beyond}{'=' if kwargs.get(strict) else ''} {value}")
    if not bounds:
        raise Unknown
    return " or ".join(bounds)


def _pair(kwargs: Kwargs) -> tuple[str, str, str]:
    """Both columns and the condition that both are there, which is the one way of ignoring rows known here."""
    a, b = quote(kwargs["column_A"]), quote(kwargs["column_B"])
    if kwargs.get("ignore_row_if") != "either_value_is_missing":
        raise Unknown
    return a, b, f"{a} is not null and {b} is not null"


def _greater(kwargs: Kwargs, _: date) -> tuple[str, str]:
    a, b, both = _pair(kwargs)
    return both, f"{a} {'<' if kwargs.get('or_equal') else '<='} {b}"


def _equal(kwargs: Kwargs, _: date) -> tuple[str, str]:
    a, b, both = _pair(kwargs)
    return both, f"{a} <> {b}"


def _distinct_within(kwargs: Kwargs, _: date) -> tuple[str, str]:
    columns = [quote(c) for c in kwargs["column_list"]]
    if kwargs.get("ignore_row_if") != "any_value_is_missing":
        raise Unknown
    same = [f"{a} = {b}" for i, a in enumerate(columns) for b in columns[i + 1 :]]
    return " and ".join(f"{c} is not null" for c in columns), " or ".join(same)


Build = Callable[[Kwargs, date], tuple[str, str]]
BOUNDS = {"min_value", "max_value", "strict_min", "strict_max"}
PAIR = {"column_A", "column_B", "ignore_row_if"}
ROW_KINDS: dict[str, tuple[set[str], Build]] = {
    "expect_column_values_to_be_null": ({"column"}, _is_null),
    "expect_column_values_to_not_be_null": ({"column"}, _not_null),
    "expect_column_values_to_be_in_set": ({"column", "value_set"}, _in_set),
    "expect_column_values_to_not_be_in_set": ({"column", "value_set"}, _not_in_set),
    "expect_column_values_to_match_regex": ({"column", "regex"}, _matching),
    "expect_column_values_to_not_match_regex": ({"column", "regex"}, _not_matching),
    "expect_column_values_to_be_between": ({"column", *BOUNDS}, _between),
    "expect_column_value_lengths_to_be_between": ({"column", *BOUNDS}, _of_length),
    "expect_column_pair_values_a_to_be_greater_than_b": ({*PAIR, "or_equal"}, _greater),
    "expect_column_pair_values_to_be_equal": (PAIR, _equal),
    "expect_select_column_values_to_be_unique_within_record": ({"column_list", "ignore_row_if"}, _distinct_within),
}


# ── the whole table ──────────────────────────────────────────────────────────────────────────────────────────────


def _unique(columns: Sequence[str], given: str) -> Whole:
    """Every row whose key occurs more than once: hashed, in half the time of the stock expectations' sort and self-join."""
    listed = ", ".join(map(quote, columns))
    present = " or ".join(f"{quote(c)} is not null" for c in columns)
    where = f"({present})" + (f" and {given}" if given else "")
    keys = f"select {listed} from {{relation}} where {where} group by {listed} having count(*) > 1"
    times = keys.replace(f"select {listed}", "select count(*) as times", 1)
    count = f"select coalesce(sum(times), 0) from ({times}) as repeated"
    numbered = f"select *, count(*) over (partition by {listed}) as times from {{relation}} where {where}"
    again = f"select * from ({numbered}) as numbered where times > 1"
    return Whole(where, count, again, () if given else tuple(columns))


def _referring(column: str, place: str, key: str) -> Whole:
    rows = (
        f"select t.* from {{relation}} as t where t.{quote(column)} is not null "
        f"and not exists (select from {place} as referred where referred.{quote(key)} = t.{quote(column)})"
    )
    count = rows.replace("select t.*", "select count(*)", 1)
    return Whole(f"{quote(column)} is not null", count, rows, refers=(column, place, key))


def _listed(values: Sequence[Any]) -> str:
    if not values or isinstance(values, str):
        raise Unknown
    return ", ".join(_value(v) for v in values)


def _value(value: Any) -> str:
    """A value as PostgreSQL reads it; text is of whatever type its column is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | date):
        return literal(str(value))
    raise Unknown
