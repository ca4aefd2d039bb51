"""Candidate pairs are counted before they are made: a blocking rule over its budget loses the values that cause it.

One phone in five thousand records is twenty-five million pairs that say nothing. For each rule the pairs are estimated
from the sizes of its groups (an upper bound: what a rule asks beside equal columns is not looked at). Over the budget
the largest groups are refused, for this rule alone: their records are still found by every other.
"""

import logging

import duckdb

from etl.engine import count, literal
from etl.match.person.blocked import RULES, numbered
from etl.workbench import Workbench

PAIRS_A_RECORD = 50  # the default budget of a rule
SHOWN = 20  # refused values that are written down, of each rule

log = logging.getLogger("jichu")


def prepare(bench: Workbench) -> None:
    """Sets the budget of each rule (JICHU_MAX_PAIRS, or 50 × records) and empties `matched.blocking`."""
    con = bench.con
    allowed = bench.settings.max_pairs or PAIRS_A_RECORD * max(count(con, "select count(*) from rec"), 1000)
    con.execute(f"create or replace table pair_budget as select {allowed}::bigint as budget")
    con.execute("create or replace table refused_block (rule integer, key varchar, l bigint, r bigint, pairs bigint)")
    con.execute("create or replace table blocked (stage varchar, rule integer, pairs bigint, refused_pairs bigint)")


def rules(con: duckdb.DuckDBPyConnection, left: str, right: str | None, stage: str) -> list[str]:
    """The blocking rules with which two tables (or one with itself) may be paired, each within its budget.

    `left` holds rows as they are compared, `right` numbers (`blocked.numbered`). Notes in `blocked` what each rule would make, in column
    `skip` of the left table (one bit a rule) whose value is refused, and in table `near` (rid) the rows of the right one that any rule
    reaches: mostly a small part.
    """
    allowed = count(con, "select budget from pair_budget")
    con.execute(f"update {left} set skip = 0 where skip <> 0")
    for (i,) in con.execute("select distinct rule from refused_block order by 1").fetchall():
        _skip(con, left, i)  # what was refused in an earlier round stays refused
    con.execute(f"create or replace temp table asking as {numbered(left)}")
    estimates = _estimates(con, right)
    made = []
    for i, (rule, pairs) in enumerate(zip(RULES, estimates, strict=True)):
        refused = _refuse(con, left, right, i, allowed) if pairs > allowed else 0
        con.execute("insert into blocked values (?, ?, ?, ?)", [stage, i, pairs, refused])
        made.append(
            rule.text + (f" and l.skip & {1 << i} = 0" if count(con, f"select count(*) from refused_block where rule = {i}") else "")
        )
    con.execute("drop table asking")
    return made


def _groups(i: int) -> str:
    """SQL: the values of the left side under a rule, how many records bear each, and one of these."""
    wanted = "".join(f" and {term}" for term in RULES[i].only)
    return f"select {RULES[i].block('l')} as block, count(*) as n, any_value(l.rid) as rid from asking l where {RULES[i].told('l')} and l.skip & {1 << i} = 0{wanted} group by 1"


def _estimates(con: duckdb.DuckDBPyConnection, right: str | None) -> list[int]:
    """How many pairs each rule would make at most. Notes in `near` the rows of the right side that it would pair."""
    met = " union all ".join(
        f"select {i} as rule, r.rid, a.n from {right or 'asking'} r join ({_groups(i)}) a on a.block = {rule.block('r')} where {rule.told('r')}"
        for i, rule in enumerate(RULES)
    )
    if right:
        con.execute(f"create or replace temp table met as {met}")
        con.execute("create or replace temp table near as select distinct rid from met")
    own = ", ".join(str(i) for i, rule in enumerate(RULES) if right is None and rule.left == rule.right)
    pairs = f"case when rule in ({own}) then sum(n - 1) // 2 else sum(n) end" if own else "sum(n)"
    found = dict(con.execute(f"select rule, {pairs} from {'met' if right else f'({met})'} group by rule").fetchall())
    return [int(found.get(i, 0)) for i in range(len(RULES))]


def _refuse(con: duckdb.DuckDBPyConnection, left: str, right: str | None, i: int, allowed: int) -> int:
    """Refuses a rule's largest values until the rest is within the budget; the pairs that are not made."""
    rule = RULES[i]
    pairs = "any_value(a.n) * (count(*) - 1) // 2" if right is None and rule.left == rule.right else "any_value(a.n) * count(*)"
    con.execute(f"""
        create or replace temp table too_large as
        with met as (
            select any_value(a.rid) as rid, any_value(a.n) as l, count(*) as r, {pairs} as pairs
            from {right or "asking"} r join ({_groups(i)}) a on a.block = {rule.block("r")} where {rule.told("r")} group by a.block
        ),
        size as (select {rule.key("l")} as key, met.* exclude (rid) from met join {left} l using (rid)),
        running as (select *, sum(pairs) over (order by pairs, key rows unbounded preceding) as so_far from size)
        select key, l, r, pairs from running where so_far > {allowed}
    """)
    con.execute(f"insert into refused_block select {i}, key, l, r, pairs from too_large")
    _skip(con, left, i)
    values, refused = con.execute("select count(*), sum(pairs) from too_large").fetchall()[0]
    largest, ones, others = con.execute(f"select {_masked(i)}, l, r from too_large order by pairs desc, key limit 1").fetchall()[0]
    log.warning("分块规则 %s 的候选对超出预算 %d：拒绝 %d 个取值（%d 对），最大的 %s 为 %d × %d 条", rule.name, allowed, values, refused, largest, ones, others)  # fmt: skip
    return int(refused)


def _skip(con: duckdb.DuckDBPyConnection, left: str, i: int) -> None:
    """Marks the left records whose value a rule refuses."""
    con.execute(
        f"update {left} l set skip = skip | {1 << i} where l.skip & {1 << i} = 0 and {RULES[i].key('l')} in (select key from refused_block where rule = {i})"
    )


def _masked(i: int) -> str:
    """SQL: a refused value as it may be seen: the first of a name, the ends of a phone, the head of a code."""
    parts = []
    for position, column in enumerate(RULES[i].left, 1):
        value = f"split_part(key, chr(1), {position})"
        if column == "phone":
            parts.append(f"left({value}, 3) || '****' || right({value}, 4)")
        elif column == "house":  # a household's label says nothing to anybody
            parts.append("'…'")
        elif column in ("addr", "addr2", "town"):
            parts.append(f"left({value}, 6) || '…'")
        elif column == "birth":
            parts.append(f"left({value}, 4) || '-**-**'")
        else:
            parts.append(f"left({value}, 1) || repeat('*', least(length({value}), 9) - 1)")
    return " || ' + ' || ".join(parts)


def written(con: duckdb.DuckDBPyConnection) -> None:
    """Table `matched.blocking` (stage, rule, pairs, budget, refused_pairs, refused_values, refused): masked, for match.blocking."""
    names = ", ".join(f"({i}, {literal(rule.name)})" for i, rule in enumerate(RULES))
    masked = " ".join(f"when {i} then {_masked(i)}" for i in range(len(RULES)))
    con.execute(f"""
        create or replace table matched.blocking as
        with value as (
            select rule, case rule {masked} end as value, l, r, pairs, row_number() over (partition by rule order by pairs desc, key) as rank from refused_block
        ),
        refused as (
            select rule, count(*) as n, to_json(list({{'value': value, 'left': l, 'right': r, 'pairs': pairs}} order by rank) filter (rank <= {SHOWN}))::varchar as listed
            from value group by rule
        ),
        stage as (select stage, rule, sum(pairs)::bigint as pairs, sum(refused_pairs)::bigint as refused_pairs from blocked group by all)
        select s.stage, n.name as rule, s.pairs, b.budget, s.refused_pairs,
            case when s.refused_pairs > 0 then coalesce(r.n, 0) else 0 end as refused_values, case when s.refused_pairs > 0 then coalesce(r.listed, '[]') else '[]' end as refused
        from stage s join (values {names}) n (rule, name) using (rule) cross join pair_budget b left join refused r using (rule)
    """)
