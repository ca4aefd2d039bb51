"""Which columns identify a row: counted over every row of the file, told apart by name where several would do."""

from itertools import combinations

import duckdb

from etl.engine import quote
from etl.propose.columns import UNITS, Told
from etl.propose.hints import plain
from etl.propose.sample import Sample, unique
from etl.propose.words import IDENTIFIER

ALMOST = 0.97  # deliveries repeat rows and lose keys now and then
SHARED = 0.99  # below it a number seems to be shared by several rows rather than repeated by mistake
GATHERED = 5  # columns of a key that nobody would have chosen
PAIRS = 8  # columns that are tried in combination
NEVER = ("address", "phone", "amount", "number", "coordinate", "figure", "end_date", "datetime")
CHANCE = {"date": "日期", "person_name": "姓名", "entity_name": "名称"}  # what is different in few rows by chance alone
PARTY = ("citizen_id", "entity_code", "party_code", "tax_number", "organization_code", "registration_number")


def key(
    con: duckdb.DuckDBPyConnection, sample: Sample, told: list[Told], running: list[str], tell: list[str]
) -> tuple[list[str], list[str]]:
    """(key columns, doubts). `tell`: context columns from which a period can be read, the likeliest first."""
    indicators = [t.seen.name for t in told if t.rule == "indicator_name"]
    if indicators:
        return [*indicators, *tell[:1]], [
            f"统计表：主键取了{'、'.join(n.lstrip('@') for n in [*indicators, *tell[:1]])}，一行是一个指标在一期的数"
        ]
    able = [t for t in told if t.seen.name not in running and t.rule not in NEVER and t.seen.distinct and plain(t.seen.name) not in UNITS]
    single = [t for t in able if t.seen.unique >= ALMOST and t.seen.empty <= 0.05 * sample.rows]
    if single and sample.rows > 1:
        best = max(single, key=lambda t: (_rank(t, told), t.seen.unique))
        better = _with_party(con, sample, best, able)
        return ([best.seen.name, better], [_shared(best, better)]) if better else ([best.seen.name], _doubts(best, single, told, sample))
    for size in (2, 3):
        names = [t.seen.name for t in sorted(able, key=lambda t: -_rank(t, told) - 2 * t.seen.unique)][:PAIRS]
        combined = [list(c) for c in combinations(names, size)] + [[*c, x] for c in combinations(names, size - 1) for x in tell]
        good = [c for c in combined if unique(con, sample, c) >= ALMOST]
        if good:
            best_pair = _ordered(max(good, key=lambda c: _together(c, told)), told)
            doubt = (
                f"没有一列能单独作主键；{'、'.join(n.lstrip('@') for n in best_pair)} 合起来在全部 {sample.rows} 行中不重复，请与部门核对"
            )
            return best_pair, [doubt]
    return _gathered(con, sample, told, running)


def _gathered(con: duckdb.DuckDBPyConnection, sample: Sample, told: list[Told], running: list[str]) -> tuple[list[str], list[str]]:
    """Column by column the one that tells most rows apart, whatever it holds, until hardly any are alike."""
    able = [t for t in told if t.seen.name not in running and t.seen.distinct] or told[:1]
    names, reached = [max(able, key=lambda t: t.seen.unique * (sample.rows - t.seen.empty)).seen.name], 0.0
    while len(names) <= GATHERED and reached < ALMOST:
        reached = unique(con, sample, names)
        more = {t.seen.name: unique(con, sample, [*names, t.seen.name]) for t in able if t.seen.name not in names}
        best = max(more, key=lambda n: more[n], default=None)
        if best is None or reached >= ALMOST or more[best] <= reached + 0.001:
            break
        names.append(best)
    said = f"主键没有把握：暂用 {'、'.join(_ordered(names, told))}，在不同的行中 {reached:.0%} 不重复；其余按 key_conflict 或 missing_key 隔离，请问部门哪几列定一行"
    return _ordered(names, told), [said]


def _with_party(con: duckdb.DuckDBPyConnection, sample: Sample, best: Told, able: list[Told]) -> str | None:
    """A party's name that tells apart the rows that share a number: one decision, several parties."""
    if best.seen.unique > SHARED or best.rule in PARTY:
        return None
    names = [t.seen.name for t in able if t.rule in ("entity_name", "person_name") or t.seen.named("名称")]
    alone = unique(con, sample, [best.seen.name])
    return next((n for n in names if unique(con, sample, [best.seen.name, n]) > max(alone, SHARED)), None)


def _shared(best: Told, name: str) -> str:
    return f"“{best.seen.name}”有重复而“{name}”不同，像是一个文号几个当事方，主键取了两列合起来；若只是差错，请删去“{name}”"


def _together(names: list[str], told: list[Told]) -> tuple[float, int]:
    by_name = {t.seen.name: t for t in told}
    return sum(_rank(by_name[n], told) + 2 * by_name[n].seen.unique for n in names if n in by_name), -sum(
        list(by_name).index(n) for n in names if n in by_name
    )


def _ordered(names: list[str], told: list[Told]) -> list[str]:
    order = [t.seen.name for t in told]
    return sorted(names, key=lambda n: order.index(n) if n in order else len(order))


def _rank(t: Told, told: list[Told]) -> float:
    """How much a column's name and place speak for its being the key."""
    name = plain(t.hint.title or t.seen.name)
    points = 3.0 if name.endswith(IDENTIFIER) or t.hint.identifier else 0.0
    points += {"text": 1.0, "certificate_id": 2.5, "region_code": 1.5, "person_name": -2.0, "entity_name": -1.0, "date": -1.5}.get(
        t.rule, 0.0
    )
    points += 1.0 if t.rule in PARTY else 0.0
    if t.rule == "citizen_id":
        points -= 1.5
    return points + 2.0 * (t is told[0]) - 0.1 * min(told.index(t), 20) - (2.0 if t.seen.longest > 60 else 0.0)


def _doubts(best: Told, single: list[Told], told: list[Told], sample: Sample) -> list[str]:
    said = []
    others = [t for t in single if t is not best and _rank(t, told) > 0]
    repeated = round((1 - best.seen.unique) * (sample.different - best.seen.empty))
    troubles = [f"{best.seen.empty} 行为空"] * (best.seen.empty > 0) + [f"约 {repeated} 行重复而内容不同"] * (repeated > 0)
    if troubles:
        said.append(f"主键“{best.seen.name}”在全部 {sample.rows} 行中有 {'、'.join(troubles)}；若不是差错，请另选主键")
    if best.rule in CHANCE:
        said.append(f"主键“{best.seen.name}”是{CHANCE[best.rule]}，这 {sample.rows} 行中不重复可能只是碰巧：请问部门一行由哪几列确定")
    likely = [o.seen.name for o in others if o.rule not in CHANCE][:3]
    if likely:
        said.append(f"不重复的列还有：{'、'.join(likely)}；主键取了“{best.seen.name}”，请与部门核对")
    return said


def telling(con: duckdb.DuckDBPyConnection, sample: Sample) -> list[str]:
    """Context columns from which a period can be read: those that differ within the file first, then sheet, title, file name."""
    found = []
    for place, name in enumerate(("@sheet", "@title", "@file")):
        if name in sample.context:
            told = con.execute(f"select count(distinct period_value(period_text({quote(name)}))) from delivered").fetchall()
            if told[0][0]:
                found.append((-int(told[0][0] > 1), place, name))
    return [name for *_, name in sorted(found)]
