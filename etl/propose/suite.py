"""A first suite of expectations: what holds of this delivery and should hold of the next, with room for bad days."""

import math
from typing import Any

import duckdb

from etl.engine import quote
from etl.propose.columns import Told
from etl.spec import Source

MOST, LEAST = 8, 4  # claims of a dataset
ROOM = 0.05  # how much worse than this delivery the next may be
STATES = {
    "citizen_id": ["ok", "legacy15", "extended"],
    "entity_code": ["ok_uscc", "ok_orgcode", "ok_regno", "ok_taxno"],
    "tax_number": ["ok_uscc", "ok_orgcode", "ok_regno", "ok_taxno"],
    "party_code": ["ok_uscc", "ok_orgcode", "ok_regno", "ok_taxno", "citizen_id", "masked"],
    "organization_code": ["ok"],
    "registration_number": ["ok", "legacy13"],
    "certificate_id": ["ok"],
}
Claim = dict[str, Any]


def suite(con: duckdb.DuckDBPyConnection, told: list[Told], source: Source) -> list[Claim]:
    """Four to eight claims, told by what the cleaned rows of the trial (view `cleaned`) show."""
    shown = [t for t in told if t.seen.distinct]
    claims: list[Claim] = []
    names = [t for t in shown if t.rule in ("person_name", "entity_name")]
    if names:
        claims.append(_shifted(names[0]))
    claims += [c for t in shown if t.delivered in source.key and (c := _formed(con, t))]
    claims += [_identified(con, t) for t in shown if t.rule in STATES]
    claims += [_plausible(t) for t in shown if t.rule in ("date", "datetime")]
    claims += [_positive(t) for t in shown if t.rule in ("number", "amount") and _never_negative(con, t)]
    if source.geometry:
        claims.append(
            _claim(
                "geom_is_filled",
                "expect_column_values_to_not_be_null",
                {"column": "geom", "mostly": 0.95},
                None,
                "completeness",
                "没有图形的记录上不了图。",
            )
        )
    claims += _of_period(source)
    coded = [t for t in shown if t.rule in ("code", "sex", "ethnicity", "education", "marital_status", "kin_relation", "yes_no", "phone")]
    others = [t for t in shown if t not in coded]
    for t in [*coded, *others]:
        if len(claims) < (MOST if t in coded else LEAST + 1):
            claims += [c] if (c := _filled(con, t)) else []
    for t in shown:
        if len(claims) < LEAST:
            claims.append(_short(con, t))
    return list({c["name"]: c for c in claims}.values())[:MOST]


def _of_period(source: Source) -> list[Claim]:
    """The period that a sheet's name, a title or a file name tells: told, and written as a year, quarter or month."""
    claims = []
    for place in (n for n, c in source.columns.items() if n.startswith("@") and c.as_ == "period"):
        claims.append(
            _claim(
                "period_is_told",
                "expect_column_values_to_not_be_null",
                {"column": "period"},
                place,
                "normativity",
                "看不出是哪一期的数，就不能入库。",
            )
        )
        kwargs = {"column": "period", "regex": "^[0-9]{4}(-(Q[1-4]|[0-9]{2}))?$"}
        claims.append(
            _claim("period_is_well_formed", "expect_column_values_to_match_regex", kwargs, place, "normativity", "报告期应是年、季或月。")
        )
    return claims


def _claim(
    name: str, kind: str, kwargs: dict[str, Any], column: str | None, dimension: str, because: str, severity: str = "warning"
) -> Claim:
    said = {"column": column} if column else {}
    return {"name": name, "type": kind, "kwargs": kwargs, **said, "dimension": dimension, "severity": severity, "because": because}


def _share(con: duckdb.DuckDBPyConnection, condition: str) -> float:
    value = con.execute(f"select avg(({condition})::int) from cleaned").fetchall()[0][0]
    return float(value or 0)


def _with_room(share: float) -> float:
    """Down to the next twentieth, one twentieth below what is seen."""
    return max(round(math.floor((share - ROOM) * 20 + 1e-9) / 20, 2), 0.05)


def _shifted(t: Told) -> Claim:
    what = "姓名" if t.rule == "person_name" else "名称"
    kwargs = {"column": t.as_, "regex": "^[0-9Xx]{15,}$", "mostly": 0.5}
    because = f"半数以上{what}栏里是号码，说明列错位了，整批不能用。"
    return _claim(
        f"{t.as_}_is_not_a_number", "expect_column_values_to_not_match_regex", kwargs, t.delivered, "accuracy", because, "critical"
    )


def _formed(con: duckdb.DuckDBPyConnection, t: Told) -> Claim | None:
    """The shape that nearly all keys share: letters and digits in runs, of one length where they have one."""
    if t.rule != "text":
        return None
    run = f"regexp_replace(regexp_replace({quote(t.as_)}, '[0-9]', '9', 'g'), '[A-Z]', 'A', 'g')"
    shapes = con.execute(
        f"select {run}, count(*) from cleaned where {quote(t.as_)} is not null group by 1 order by 2 desc limit 20"
    ).fetchall()
    total = sum(n for _, n in con.execute(f"select 1, count({quote(t.as_)}) from cleaned").fetchall())
    if not shapes or not total:
        return None
    top, count = shapes[0]
    if any(not (c.isascii() and (c.isalnum() or c in "-_/")) for c in top):
        return None
    regex = "^" + "".join(_runs(top)) + "$"
    mostly = _with_room(count / total)
    if mostly < 0.6:
        return None
    kwargs = {"column": t.as_, "regex": regex, "mostly": mostly}
    return _claim(
        f"{t.as_}_is_well_formed",
        "expect_column_values_to_match_regex",
        kwargs,
        t.delivered,
        "normativity",
        f"{t.delivered}的写法应当一致，多数如此。",
    )


def _runs(text: str) -> list[str]:
    out: list[tuple[str, int]] = []
    for c in text:
        kind = {"9": "[0-9]", "A": "[A-Z]"}.get(c, c)
        out = [*out[:-1], (kind, out[-1][1] + 1)] if out and out[-1][0] == kind else [*out, (kind, 1)]
    return [f"{kind}{{{n}}}" if n > 1 else kind for kind, n in out]


def _identified(con: duckdb.DuckDBPyConnection, t: Told) -> Claim:
    values = ", ".join(f"'{s}'" for s in STATES[t.rule])
    kwargs = {
        "column": f"{t.as_}_state",
        "value_set": STATES[t.rule],
        "mostly": _with_room(_share(con, f"coalesce({quote(t.as_ + '_state')} in ({values}), false)")),
    }
    return _claim(
        f"{t.as_}_is_right",
        "expect_column_values_to_be_in_set",
        kwargs,
        t.delivered,
        "accuracy",
        f"{t.delivered}用于核对与关联，应填全、填对。",
    )


def _plausible(t: Told) -> Claim:
    kwargs = {"column": t.as_, "min_value": "1880-01-01" if t.as_ == "birth_date" else "1900-01-01"}
    return _claim(
        f"{t.as_}_is_plausible",
        "expect_column_values_to_be_between",
        kwargs,
        t.delivered,
        "accuracy",
        f"{t.delivered}早得不合常理，多半是填错。",
    )


def _never_negative(con: duckdb.DuckDBPyConnection, t: Told) -> bool:
    return _share(con, f"coalesce({quote(t.as_)} >= 0, true)") == 1.0


def _positive(t: Told) -> Claim:
    kwargs = {"column": t.as_, "min_value": 0}
    return _claim(
        f"{t.as_}_is_not_negative", "expect_column_values_to_be_between", kwargs, t.delivered, "accuracy", f"{t.delivered}不应是负数。"
    )


def _filled(con: duckdb.DuckDBPyConnection, t: Told) -> Claim | None:
    mostly = _with_room(_share(con, f"{quote(t.as_)} is not null"))
    if mostly < 0.3:
        return None
    dimension, because = (
        ("normativity", f"{t.delivered}应填代码表中有的值。")
        if t.rule == "code"
        else ("completeness", f"{t.delivered}多数有值，空缺太多要查。")
    )
    return _claim(
        f"{t.as_}_is_filled",
        "expect_column_values_to_not_be_null",
        {"column": t.as_, "mostly": mostly},
        t.delivered,
        dimension,
        because,
        "info",
    )


def _short(con: duckdb.DuckDBPyConnection, t: Told) -> Claim:
    """For a table too narrow to say more of: no value is absurdly long."""
    kwargs = {"column": t.as_, "regex": f"^.{{{max(t.seen.longest * 3, 50)}}}"}
    return _claim(
        f"{t.as_}_is_not_absurdly_long",
        "expect_column_values_to_not_match_regex",
        kwargs,
        t.delivered,
        "normativity",
        f"{t.delivered}长得不合常理，多半是串了行。",
    )
