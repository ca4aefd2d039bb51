"""Pairs that await a human judgement, and the judgements: who, when, why, until when; never deleted, only withdrawn."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from psycopg2.extensions import connection as Connection

from etl import db, migrate, spec
from etl.errors import UsageError
from etl.records import FIELDS, NOUN, Record, Shown, Told, Weight, told, weights
from etl.settings import Settings
from etl.spec.registry import nearest

Verdict = Literal["same", "different", "undecided"]
STATE: dict[str, str] = {"same": "accepted", "different": "rejected", "undecided": "undecided"}
STATES = {"open": "待裁决", "accepted": "同一个", "rejected": "不是同一个", "undecided": "看过未决"}
REASONS = {
    "grey": "概率在灰区",
    "margin": "够高，但另有相差不大的",
    "guard": "分数高，但有一处说不通",
    "named": "由人直接指名",
    "sample": "质量抽样",
}
# what a reviewer reads, and the comparison that looked at it
ROWS = {
    "person": {"name": "name", "citizen_id_text": "number", "sex_code": "sex", "birth_date": "birth", "phone": "phone", "residence_address": "address"}
    | {"registered_address": "", "household_id": "context", "relation_to_head": "", "entity_key": ""},
    "entity": {"name": "name", "code": "code", "organization_code": "", "registration_number": "", "legal_representative": "representative"}
    | {"address": "address", "region_code": "county", "established_on": "", "status": "", "entity_key": ""},
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two records that may be one party."""

    pair: str
    kind: str
    left: Record
    right: Record
    probability: float | None
    reason: str
    state: str
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class Side:
    """A pair as it is shown: header of each side, then (field, left, right, what the comparison said and weighed)."""

    left: str
    right: str
    rows: tuple[tuple[str, str, str, str], ...]


def pairs(settings: Settings, kind: str | None = None, limit: int = 20, *, judged: bool = False) -> list[Pair]:
    """Open pairs, the likeliest first; with `judged` those that were judged, instead."""
    migrate.migrate(settings)
    found = db.query(
        settings,
        "select pair, kind, left_record, right_record, probability, reason, state, weights from match.review "
        "where (state = 'open') <> %s and kind = coalesce(%s, kind) order by probability desc nulls first, pair limit %s",
        [judged, kind, limit],
    )
    return [Pair(p, k, Record.of(a), Record.of(b), chance, why, state, tuple(weights(w))) for p, k, a, b, chance, why, state, w in found]


def side_by_side(settings: Settings, listed: list[Pair], *, unmasked: bool = False) -> list[Side]:
    """What the two records of each pair say, field by field."""
    registry, said = spec.load(), dict[tuple[str, Record], Told]()
    con = db.connect(settings)
    try:
        for kind in NOUN:
            wanted = [r for p in listed if p.kind == kind for r in (p.left, p.right)]
            said |= {(kind, r): t for r, t in told(con, registry, kind, wanted).items()}
    finally:
        con.close()
    return [_side(Shown(registry, p.kind, unmasked), p, said.get((p.kind, p.left)), said.get((p.kind, p.right))) for p in listed]


def _side(shown: Shown, pair: Pair, left: Told | None, right: Told | None) -> Side:
    by_comparison, rows = {w.comparison: w for w in pair.weights}, []
    for name, comparison in ROWS[pair.kind].items():
        one = shown.value(name, left.values.get(name) if left else None)
        other = shown.value(name, right.values.get(name) if right else None)
        weight = by_comparison.pop(comparison, None)
        if one or other or weight:
            rows.append((FIELDS.get(name, name), one, other, f"{weight.said} {weight.bits:+.1f}".strip() if weight else ""))
    rows += [(w.title, "", "", f"{w.said} {w.bits:+.1f}".strip()) for w in by_comparison.values()]
    return Side(shown.record(pair.left), shown.record(pair.right), tuple(rows))


# ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────────


def judge(settings: Settings, pair: str, verdict: Verdict, by: str, why: str, *, until: str | None = None, kind: str | None = None) -> str:
    """Records a judgement on a pair (its short id, or two records joined by ~); a former one of the pair is withdrawn by it.

    Returns one sentence. A judgement that contradicts others that stand is refused, and they are named.
    """
    if not by.strip() or not why.strip():
        raise UsageError("裁决要写明 --by（谁）和 --why（为何），不能是空的")
    last = _day(until, settings.today)
    migrate.migrate(settings)
    with db.transaction(settings) as con:
        db.rows(con, "lock table match.judgement in share row exclusive mode")
        found = _find(con, pair, kind)
        _agrees(con, settings.today, found, verdict)
        _end(con, found, by, f"由新的裁决取代（{STATES[STATE[verdict]]}）")
        db.rows(
            con,
            "insert into match.judgement (kind, left_record, right_record, verdict, by, why, until) values (%s, %s, %s, %s, %s, %s, %s)",
            [found.kind, str(found.left), str(found.right), verdict, by.strip(), why.strip(), last],
        )
        _mark(con, found, STATE[verdict])
    effect = "" if verdict == "undecided" else "，下次运行起生效"
    return f"{found.pair} 已判为{STATES[STATE[verdict]]}{effect}{f'，至 {last} 止' if last else ''}"


def withdraw(settings: Settings, pair: str, by: str | None = None, why: str | None = None, *, kind: str | None = None) -> str:
    """Withdraws the judgement that stands on a pair: scores decide again from the next run on. Returns one sentence."""
    migrate.migrate(settings)
    with db.transaction(settings) as con:
        found = _find(con, pair, kind)
        if not _end(con, found, by, why):
            raise UsageError(f"{found.pair} 没有有效的裁决可撤回；看已裁决的：jichu review list --judged")
        _mark(con, found, "open")
    return f"{found.pair} 的裁决已撤回，下次运行起重新按证据决定"


def _day(text: str | None, today: date) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError("--until 应为 YYYY-MM-DD") from None
    if day < today:
        raise UsageError(f"--until {day} 已经过去（业务日期 {today}）")
    return day


def _find(con: Connection, pair: str, kind: str | None) -> Pair:
    """The pair that is meant; an unknown one is refused with the nearest (the text itself may be personal and is not repeated)."""
    if "~" in pair:
        return _named(con, pair, kind)
    wanted, found = pair.strip().lower(), list[tuple[Any, ...]]()
    if re.fullmatch("[0-9a-f]{4,32}", wanted):
        found = db.rows(
            con,
            "select kind, left_record, right_record, md5(left_record || ' ~ ' || right_record) from match.review "
            "where md5(left_record || ' ~ ' || right_record) like %s and kind = coalesce(%s, kind)",
            [wanted + "%", kind],
        )
    if not found:
        known = [
            r[0]
            for r in db.rows(
                con, "select pair from match.review where kind = coalesce(%s, kind) order by probability desc limit 2000", [kind]
            )
        ]
        raise UsageError(f"没有这样编号的一对；{nearest(wanted, known) if known else '目前没有待裁决的'}")
    if len(found) > 1:
        raise UsageError(f"不止一对以此开头，请多写几位：{'、'.join(f'{r[3][:12]}（{NOUN[r[0]]}）' for r in found[:6])}")
    return _pair(found[0][0], found[0][1], found[0][2])


def _pair(kind: str, one: str, other: str) -> Pair:
    left, right = sorted((one, other))
    short = hashlib.md5(f"{left} ~ {right}".encode(), usedforsecurity=False).hexdigest()[:8]
    return Pair(short, kind, Record.of(left), Record.of(right), None, "named", "open", ())


def _named(con: Connection, pair: str, kind: str | None) -> Pair:
    """Two records named outright: both must be loaded as parties of one kind."""
    one, _, other = (x.strip() for x in pair.partition("~"))
    try:
        records = [Record.of(one), Record.of(other)]
    except ValueError:
        raise UsageError("两条记录应写成“数据集|来源主键|角色 ~ 数据集|来源主键|角色”") from None
    if one == other:
        raise UsageError("“~”两边是同一条记录")
    fits = []
    for each in [kind] if kind else list(NOUN):
        sql = f"select count(*) from match.{each}_member where (dataset, source_key, role) in (%s, %s)"
        if db.rows(con, sql, [tuple(r) for r in records])[0][0] == 2:
            fits.append(each)
    if len(fits) != 1:
        raise UsageError(
            "两条记录既是人又是单位，请加 --kind" if fits else "“~”两边有记录不在库中；用 jichu explain 可看到各条记录的数据集、主键和角色"
        )
    return _pair(fits[0], one, other)


def _end(con: Connection, found: Pair, by: str | None, why: str | None) -> bool:
    """Withdraws what stands on the pair; whether there was anything."""
    return bool(
        db.rows(
            con,
            "update match.judgement set withdrawn_at = now(), withdrawn_by = %s, withdrawn_why = %s "
            "where kind = %s and left_record = %s and right_record = %s and withdrawn_at is null returning id",
            [by, why, found.kind, str(found.left), str(found.right)],
        )
    )


def _mark(con: Connection, found: Pair, state: str) -> None:
    """The pair's state; one that was never scored is listed while its judgement stands."""
    key = [found.kind, str(found.left), str(found.right)]
    db.rows(
        con,
        "insert into match.review (kind, left_record, right_record, reason, state) values (%s, %s, %s, 'named', %s) "
        "on conflict (kind, left_record, right_record) do update set state = excluded.state",
        [*key, state],
    )
    if state == "open":
        db.rows(con, "delete from match.review where kind = %s and left_record = %s and right_record = %s and reason = 'named'", key)


def _agrees(con: Connection, today: date, found: Pair, verdict: Verdict) -> None:
    """Refuses what contradicts judgements that stand: A is B and B is C, so A cannot be another than C."""
    if verdict == "undecided":
        return
    standing = db.rows(
        con,
        "select left_record, right_record, verdict, left(md5(left_record || ' ~ ' || right_record), 8) from match.judgement "
        "where kind = %s and verdict <> 'undecided' and withdrawn_at is null and (until is null or until >= %s) and (left_record, right_record) <> (%s, %s)",
        [found.kind, today, str(found.left), str(found.right)],
    )
    same = [(a, b) for a, b, v, _ in standing if v == "same"]
    one, other = _circle(str(found.left), same), _circle(str(found.right), same)
    if verdict == "different" and str(found.right) in one:
        clash = [p for a, b, v, p in standing if v == "same" and a in one]
    else:
        across = [{x, y} for x in one for y in other] if verdict == "same" else []
        clash = [p for a, b, v, p in standing if v == "different" and {a, b} in across]
    if clash:
        raise UsageError(f"与已有的裁决 {'、'.join(sorted(clash)[:6])} 相矛盾；请先撤回（jichu review withdraw）其中不对的")


def _circle(start: str, same: list[tuple[str, str]]) -> set[str]:
    """All records that judgements make one with this one."""
    circle, grown = {start}, True
    while grown:
        more = {x for a, b in same if a in circle or b in circle for x in (a, b)}
        grown = not more <= circle
        circle |= more
    return circle
