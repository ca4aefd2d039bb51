"""Why two records, or two identities, are one or are not: their comparison, and what each of our rules said of it.

A pair that the last run compared shows what it weighed then. Any other pair of people is compared now, by the same model: the
two, all that is told of them and the kin named beside them are laid on a small workbench, with the city's own frequencies.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db, engine, migrate, spec
from etl.errors import UsageError
from etl.explain import Edge, followed, rule_titles, weigh, whose
from etl.explain.weigh import Weighed
from etl.records import LIBRARY, NOUN, Record, Told, Weight, told, weights
from etl.review import Pair, Side, side_by_side
from etl.settings import Settings
from etl.spec import Registry

CODES = {"uscc": "统一社会信用代码", "organization_code": "组织机构代码", "registration_number": "注册号"}
NEAREST = 12  # links of a path that are looked at


@dataclass(frozen=True)
class Verdict:
    """What one rule says: `passed` None where it has nothing to say."""

    rule: str
    passed: bool | None
    said: str


@dataclass(frozen=True)
class PairExplanation:
    """Two records beside each other; `one`: they are one identity now; `path`: by which links; `lines`: thresholds in bits."""

    kind: str
    left: Record
    right: Record
    ids: tuple[str, str]
    one: bool
    weights: tuple[Weight, ...]
    compared: str
    verdicts: tuple[Verdict, ...]
    path: tuple[Edge, ...]
    sides: tuple[Side, Side]  # masked, unmasked
    lines: dict[str, float]
    registry: Registry

    @property
    def bits(self) -> float:
        """The evidence together with the prior."""
        return sum(w.bits for w in self.weights)


@dataclass(frozen=True)
class Party:
    """One of the two that were asked for: an identity, and the record that was named, if one was."""

    ident: str
    named: Record | None
    members: tuple[tuple[Record, str], ...]  # record, rule

    @property
    def records(self) -> tuple[Record, ...]:
        """The record that was named, or all of them."""
        return (self.named,) if self.named else tuple(r for r, _ in self.members)


def compare(settings: Settings, kind: str | None, one: str, other: str) -> PairExplanation:
    """Explains two records (`dataset|source_key|role`) or identities, in any mixture. `kind` None: as the two themselves tell.

    Raises UsageError for who is not known, and for one identity or record named twice.
    """
    migrate.migrate(settings)
    registry = spec.load()
    con = db.connect(settings, autocommit=True)
    try:
        kind = kind or _kind(con, one, other)
        left, right = _party(con, kind, one), _party(con, kind, other)
        if left.ident == right.ident and (left.named == right.named or not (left.named and right.named)):
            raise UsageError(
                "两边是同一条记录" if left.named else f"两边都是 {left.ident}；要看它为何是一个：jichu explain {kind} {left.ident}"
            )
        found, compared = _weighed(settings, con, registry, kind, left, right)
        pair = Pair("", kind, found.left, found.right, None, "named", "open", found.weights)
        one_now = left.ident == right.ident
        path = _path(con, kind, left, found) if one_now else ()
        verdicts = _verdicts(settings, con, registry, kind, left, right, found, one_now, path)
        masked, plain = (side_by_side(settings, [pair], unmasked=x)[0] for x in (False, True))
        return PairExplanation(
            kind, found.left, found.right, (left.ident, right.ident), one_now, found.weights, compared, tuple(verdicts), tuple(path), (masked, plain), weigh.lines(kind), registry
        )  # fmt: skip
    finally:
        con.close()


# ── who is meant ─────────────────────────────────────────────────────────────────────────────────────────────────


def _kind(con: Connection, one: str, other: str) -> str:
    """Person or entity, as ids say by their letter and records by where they are members."""
    for text in (one, other):
        if "|" not in text:
            return "entity" if text.strip().upper().startswith("E") else "person"
    fits = []
    for kind in NOUN:
        try:
            whose(con, kind, one), whose(con, kind, other)
        except UsageError:
            continue
        fits.append(kind)
    if len(fits) != 1:
        raise UsageError(
            "两条记录既是人又是单位，请用 person 或 entity 代替 pair"
            if fits
            else "两边有记录不在库中；用 jichu explain 可看到各条记录的数据集、主键和角色"
        )
    return fits[0]


def _party(con: Connection, kind: str, text: str) -> Party:
    named = Record.of(text.strip()) if "|" in text else None
    ident, _ = followed(con, kind, whose(con, kind, text) if named else text.strip())
    rows = db.rows(
        con,
        f"select m.dataset, m.source_key, m.role, coalesce(r.rule, 'alone') from match.{kind}_member m left join {LIBRARY[kind]}.{kind}_record r using (dataset, source_key, role) "
        f"where m.{kind}_id = %s order by m.former, m.first_delivered_on, m.dataset, m.source_key, m.role",
        [ident],
    )
    if not rows:
        raise UsageError(
            f"没有这样标识的{NOUN[kind]}；标识以 {'P' if kind == 'person' else 'E'} 开头，后接 16 位；也可写“数据集|来源主键|角色”"
        )
    return Party(ident, named, tuple((Record(d, k, r), rule) for d, k, r, rule in rows))


# ── their comparison ─────────────────────────────────────────────────────────────────────────────────────────────


def _weighed(settings: Settings, con: Connection, registry: Registry, kind: str, left: Party, right: Party) -> tuple[Weighed, str]:
    """The best pair of the two: as it was weighed when it was decided, else as it weighs now."""
    kept = _kept(con, kind, left, right)
    if kind == "entity":
        return kept or Weighed(
            left.records[0], right.records[0]
        ), "上次发布时的比较" if kept else "上次发布时没有比较过：名称、代码都不够接近"
    with engine.connect(settings) as duck:
        now = weigh.weigh(con, duck, registry, left.members, right.members, left.records, right.records)
    return (replace(kept, said=now.said), "上次发布时的比较") if kept else (now, "现在按同一套参数比较")


def _kept(con: Connection, kind: str, left: Party, right: Party) -> Weighed | None:
    """What the last publication wrote of a pair between the two, the likeliest; None when it compared none of them."""
    one, other = [str(r) for r in left.records], [str(r) for r in right.records]
    found = db.rows(
        con,
        f"""
        select left_record, right_record, evidence::jsonb, probability from match.{kind}_edge
        where evidence is not null and (left_record = any(%s) and right_record = any(%s) or left_record = any(%s) and right_record = any(%s))
        union all
        select left_record, right_record, weights, probability from match.review
        where kind = %s and weights <> '{{}}' and (left_record = any(%s) and right_record = any(%s) or left_record = any(%s) and right_record = any(%s))
        order by probability desc, 1, 2 limit 1
        """,
        [one, other, other, one, kind, one, other, other, one],
    )
    if not found:
        return None
    a, b, told_weights, _ = found[0]
    first, second = (a, b) if a in one else (b, a)
    return Weighed(Record.of(first), Record.of(second), tuple(weights(told_weights)))


def _path(con: Connection, kind: str, party: Party, found: Weighed) -> list[Edge]:
    """The links by which two records of one identity hang together, fewest first; equal numbers are a link."""
    titles = rule_titles(con, kind)
    names = [str(r) for r, _ in party.members]
    edges = [
        Edge(Record.of(a), Record.of(b), rule, titles.get(rule, (rule, True))[0], p, tuple(weights(json.loads(e))) if e else ())
        for a, b, rule, p, e in db.rows(con, f"select left_record, right_record, rule, probability, evidence from match.{kind}_edge where left_record = any(%s) and right_record = any(%s)", [names, names])
    ]  # fmt: skip
    numbered = [(r, rule) for r, rule in party.members if rule.startswith("id")] if kind == "person" else []
    edges += [Edge(numbered[0][0], r, rule, titles.get(rule, (rule, True))[0], 1.0, ()) for r, rule in numbered[1:]]
    reached: dict[Record, tuple[Edge, ...]] = {found.left: ()}
    for _ in range(NEAREST):
        for e in edges:
            for a, b in ((e.left, e.right), (e.right, e.left)):
                if a in reached and b not in reached:
                    reached[b] = (*reached[a], e)
    return list(reached.get(found.right, ()))


# ── what our rules say ───────────────────────────────────────────────────────────────────────────────────────────


def _verdicts(
    settings: Settings, con: Connection, registry: Registry, kind: str, left: Party, right: Party, found: Weighed, one: bool, path: Any
) -> list[Verdict]:
    """Judgements, walls, candidates, guards, thresholds, rivals: in the order in which they decide."""
    said = _judged(con, kind, left, right, settings)
    if kind == "entity":
        said += _codes(con, left, right)
    else:
        said += [Verdict(rule, passed, text) for rule, passed, text in (*_numbers(con, registry, left, right, found), *found.said)]
    if found.weights:
        said += [Verdict("阈值", *weigh.threshold(kind, sum(w.bits for w in found.weights)))]
        said += [] if one else _rival(con, kind, found)
    if one:
        said.append(Verdict("结论", True, "现在是同一个" + (f"，经 {len(path)} 处关联相连" if path else "")))
    elif not any(v.passed is False for v in said):
        said.append(Verdict("结论", False, "现在不是同一个；上次发布以后记录或裁决有变时，下次运行再定"))
    else:
        said.append(Verdict("结论", False, "现在不是同一个：" + "；".join(v.rule for v in said if v.passed is False) + "不许"))
    return said


def _judged(con: Connection, kind: str, left: Party, right: Party, settings: Settings) -> list[Verdict]:
    one, other = [str(r) for r, _ in left.members], [str(r) for r, _ in right.members]
    rows = db.rows(
        con,
        "select verdict, by, at, why from match.judgement where kind = %s and withdrawn_at is null and (until is null or until >= %s) "
        "and (left_record = any(%s) and right_record = any(%s) or left_record = any(%s) and right_record = any(%s)) order by id",
        [kind, settings.today, one, other, other, one],
    )
    words = {"same": (True, "同一个"), "different": (False, "不是同一个"), "undecided": (None, "看过未决")}
    return [Verdict("人工裁决", words[v][0], f"{by} 于 {at:%Y-%m-%d} 判{words[v][1]}：{why}") for v, by, at, why in rows]


def _codes(con: Connection, left: Party, right: Party) -> list[Verdict]:
    """Codes that contradict each other are never joined by a name."""
    columns = ", ".join(CODES)
    found = db.rows(con, f"select entity_id, {columns} from legal_entity.entity where entity_id in (%s, %s)", [left.ident, right.ident])
    rows = {ident: values for ident, *values in found}
    one, other = rows.get(left.ident), rows.get(right.ident)
    if left.ident == right.ident or not one or not other:
        return []
    unlike = [title for title, a, b in zip(CODES.values(), one, other, strict=True) if a and b and a != b]
    return [Verdict("代码", False, f"{'、'.join(unlike)}各有一个而不相同，名称再像也是两个单位")] if unlike else []


def _numbers(con: Connection, registry: Registry, left: Party, right: Party, found: Weighed) -> list[tuple[str, bool | None, str]]:
    """Two valid numbers are two persons; one number under two persons is a dispute."""
    wanted = [r for p in (left, right) for r, _ in p.members]
    said: dict[Record, Told] = told(con, registry, "person", wanted)

    def numbers(party: Party) -> set[str]:
        return {
            said[r].values["citizen_id"]
            for r, rule in party.members
            if rule.startswith("id") and r in said and said[r].values.get("citizen_id")
        }

    one, other = numbers(left), numbers(right)
    if left.ident != right.ident and one and other and not one & other:
        return [("两个号码", False, "各有一个有效而不同的身份号码：是两个人，除非号码曾更正（姓名、性别、发证区县相同，生日相近，另有相同之处，且不都在户籍）")]  # fmt: skip
    claims = [said[r].values.get("citizen_id") for r in (found.left, found.right) if r in said]
    if left.ident != right.ident and len(claims) == 2 and claims[0] and claims[0] == claims[1]:
        return [("号码有争议", False, "两条写着同一个身份号码，而姓名、出生日期或性别与号码的主人不符：列为争议，不合并")]
    return [("身份号码", True, "身份号码相同")] if one & other and left.ident == right.ident else []


def _rival(con: Connection, kind: str, found: Weighed) -> list[Verdict]:
    """The best other link of either record: it must be beaten clearly."""
    margin = weigh.margin(kind)
    bits = sum(w.bits for w in found.weights)
    rows = db.rows(
        con,
        f"select evidence::jsonb, left_record = %s or right_record = %s from match.{kind}_edge where evidence is not null and rule like %s "
        "and (left_record in (%s, %s) or right_record in (%s, %s))",
        [str(found.left), str(found.left), "scored%" if kind == "person" else "name%", *[str(found.left), str(found.right)] * 2],
    )
    best = max((sum(w.bits for w in weights(e)) for e, _ in rows), default=None)
    if best is not None:
        passed = bits - best >= margin
        return [Verdict("次优", passed, f"已与另一个相连的证据为 {best:+.1f} 比特，这一对为 {bits:+.1f}；要胜出 {margin:.0f} 比特才改属")]
    reviewed = db.rows(
        con,
        "select max(bits) from match.review where kind = %s and reason = 'margin' and (left_record in (%s, %s) or right_record in (%s, %s))",
        [kind, *[str(found.left), str(found.right)] * 2],
    )[0][0]
    return (
        [Verdict("次优", False, f"另有相差不到 {margin:.0f} 比特的对象（最高 {reviewed:+.1f} 比特），分不清是哪一个")]
        if reviewed is not None
        else []
    )
