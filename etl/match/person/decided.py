"""From scores to decisions: likely enough, and clearly better than the next best; else left alone or for review."""

import math

import duckdb

from etl.match.person import context, judged, model

COMPARISONS = tuple(model.LEVELS)

# The share of records whose person stands in the library under some number: what makes a record likely to have a match at all.
COVERAGE = 0.97


def combined(pairs: str, right: str, persons: int) -> str:
    """Best evidence per comparison over everything told of the right-hand person, summed, with the prior."""
    weight = {c: f"mw_{c} + coalesce(mw_tf_adj_{c}, 0)" if any(level[2] for level in model.LEVELS[c]) else f"mw_{c}" for c in COMPARISONS}
    best = ", ".join(f"max({weight[c]}) as mw_{c}, max(gamma_{c}) as gamma_{c}" for c in COMPARISONS)
    total = " + ".join(f"coalesce(mw_{c}, 0)" for c in COMPARISONS)
    prior = math.log2(COVERAGE / (1 - COVERAGE) / max(persons, 1000))
    return f"""
        with best as (select rid_l as a, {right} as b, {best} from {pairs} group by all)
        select *, {total} + ({prior:.4f}) as bits from best
    """


def weights() -> str:
    """SQL: JSON of how much each comparison weighed, {comparison: [level, bits] or null, "prior": bits}; of a row of `combined`.
    To a tenth of a bit: the second digit of many would change with every delivery, as the city grows, and say nothing."""
    total = " + ".join(f"coalesce(mw_{c}, 0)" for c in COMPARISONS)
    told = []
    for c in COMPARISONS:
        levels = ["else", *(label for label, _, _ in reversed(model.LEVELS[c]) if label != "null")]
        named = " ".join(f"when {i} then '{label}'" for i, label in enumerate(levels))
        told.append(f"'{c}', case when gamma_{c} >= 0 then json_array(case gamma_{c} {named} end, round(mw_{c}, 1)) end")
    return f"json_object({', '.join(told)}, 'prior', round(bits - ({total}), 1))::varchar"


def likely(probability: str) -> str:
    """SQL: the probability of a score as it is written down: six digits and never 1. What lies beyond would change with every delivery, and
    1 is of rules alone."""
    return f"least(round({probability}, 6), 0.999999)"


def written(rule: str, probability: str) -> str:
    """SQL: the probability of a link as it is written down, by rule or by score."""
    return f"case when {rule} like 'scored%' then {likely(probability)} else {probability} end"


# gamma counts levels from the weakest (0 = else) upwards; -1 = null
NAME = {"exact": 8, "gap": 7, "homophone": 6, "alike": 5, "one_character": 4, "one_of_two": 3, "other_surname": 2, "surname": 1, "else": 0}

# What the score alone may not decide: a name that differs, a sex or birth date that contradicts.
GUARD = f"""
    (gamma_name in ({NAME["exact"]}, {NAME["gap"]}, {NAME["homophone"]})
        -- a character taken for one that looks like it: beside a birth date, a phone or a plate
        or gamma_name = {NAME["alike"]} and (gamma_birth = 4 or gamma_birth = -1 and gamma_sex <> 0 and (gamma_phone = 1 or gamma_address >= 4))
        -- another character: only beside the same birth date, and more than the family shares
        or gamma_name in ({NAME["one_character"]}, {NAME["one_of_two"]}) and gamma_birth = 4 and (gamma_number >= 3 or gamma_phone = 1 and gamma_address >= 4)
        -- a surname misread (陈, 阵), the given name the same, which a family does not share: beside the same birth date and plate or phone, or plate and phone
        or gamma_name = {NAME["other_surname"]} and gamma_birth = 4 and (gamma_phone = 1 or gamma_address >= 4 or gamma_number >= 3)
        or gamma_name = {NAME["other_surname"]} and gamma_birth = -1 and gamma_phone = 1 and gamma_address >= 4
        -- a former name: the number itself, nearly, or birth date with phone and address
        or gamma_name = {NAME["surname"]} and gamma_birth = 4 and gamma_number >= 3 and not (gamma_phone = 0 and gamma_address <= 2)
        -- no name at all: birth date and phone or address, or the household (a newborn on its certificate); phone and plate
        or gamma_name = -1 and gamma_birth = 4 and (gamma_phone = 1 or gamma_address >= 4 or gamma_number >= 3 or gamma_context = 1)
        or gamma_name = -1 and gamma_birth = -1 and gamma_phone = 1 and gamma_address >= 4)
    and not (gamma_sex = 0 and gamma_birth <> 4 and not (gamma_name = {NAME["exact"]} and gamma_phone = 1 and gamma_address >= 4))
    and not (gamma_birth = 0 and gamma_number < 3 and gamma_phone <> 1 and gamma_context <> 1)
"""

REGISTER = "public_security/household_register"

# Who acts for others or marries is grown up; years at the time of the record.
ADULT, GROWN_UP = "('guardian', 'mother', 'father', 'husband', 'wife', 'appellant', 'legal_representative')", 15


def attach(con: duckdb.DuckDBPyConnection) -> None:
    """Table `attached` (a = record, proto, …): each record to at most one identified person. Adds to `edge`."""
    _edges(con)
    limits = model.parameters()["thresholds"]
    con.execute(f"create or replace table scored_identified as {combined('pair_identified', 'proto_r', context.persons(con))}")
    judged.refuse_attachments(con)
    _refuse_kin(con)
    con.execute(
        """
        create or replace table shared_phone as
        with asked as (select phone from left_row semi join (select a as rid from scored_identified where gamma_name = -1 and gamma_birth = -1) using (rid))
        select phone from rec semi join asked using (phone) where name is not null group by phone having count(distinct name) > 1
        """
    )
    con.execute(f"""
        create or replace table best_candidate as
        with plausible as (
            select s.a, s.b, s.bits as weight from scored_identified s join left_row r on r.rid = s.a
            where ({GUARD}) and not (r.role in {ADULT} and coalesce(datediff('year', birth_of(s.b), r.told_at) < {GROWN_UP}, false))
                -- who tells no name and no birth date is told by a phone only if one person alone uses it
                and not (s.gamma_name = -1 and s.gamma_birth = -1 and r.phone in (select phone from shared_phone))
        ),
        ranked as (
            select *, row_number() over (partition by a order by weight desc, b) as rank, lead(weight) over (partition by a order by weight desc, b) as next_weight from plausible
        )
        select s.*, r.weight, r.next_weight, 1 / (1 + pow(2, -r.weight)) as probability
        from scored_identified s join (from ranked where rank = 1) r on r.a = s.a and r.b = s.b
    """)
    con.execute(f"""
        create or replace table newly as
        select a, b as proto, probability, weight, next_weight,
            case when gamma_number >= 3 then 'scored_number' when gamma_context = 1 then 'scored_context' when gamma_phone = 1 then 'scored_phone'
                when gamma_address >= 4 then 'scored_address' else 'scored_name_birth' end as rule,
            {weights()} as evidence
        from best_candidate
        where probability >= {limits["accept"]} and weight - coalesce(next_weight, -99) >= {limits["margin_bits"]}
    """)
    con.execute("insert into attached select a, proto, probability, rule, evidence from newly")
    con.execute(
        """
        insert into edge
        with face as (select proto, arg_min(rid, mark) as rid from (from identified_record semi join newly using (proto)) join rec using (rid) group by proto)
        select n.a, f.rid, n.rule, n.probability, n.evidence from newly n join face f using (proto)
        """
    )


def _refuse_kin(con: duckdb.DuckDBPyConnection) -> None:
    """A child, its parents and its guardian in one row are not each other; nor are husband and wife."""
    _row_kin(con, "scored_identified")
    con.execute(
        "delete from scored_identified using row_kin k, whose o where o.rid = k.other and scored_identified.a = k.rid and scored_identified.b = o.proto"
    )


def _row_kin(con: duckdb.DuckDBPyConnection, scored: str) -> None:
    """Table `row_kin` (rid, other): the kin that stand in one row with a record of `scored` (a, …)."""
    con.execute(f"""
        create or replace table row_kin as
        with asked as (select rid, line, role from left_row semi join (select a as rid from {scored}) using (rid))
        select x.rid, y.rid as other from asked x join party own on own.rid = x.rid join party y on y.line = x.line and y.role <> x.role
    """)


def _edges(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create table if not exists edge (a bigint, b bigint, rule varchar, probability double, evidence varchar)")


def pair(con: duckdb.DuckDBPyConnection) -> None:
    """Records left are paired with each other where each is the other's clear best, or agree on all that they tell."""
    limits = model.parameters()["thresholds"]
    con.execute(f"create or replace table scored_left as {combined('pair_left', 'rid_r', context.persons(con))}")
    judged.refuse_pairs(con)
    _row_kin(con, "scored_left")
    con.execute("delete from scored_left using row_kin k where scored_left.a = k.rid and scored_left.b = k.other")
    con.execute(f"""
        insert into edge
        select a, b, 'scored_pair', 1 / (1 + pow(2, -bits)), {weights()} from scored_left
        where ({GUARD}) and 1 / (1 + pow(2, -bits)) >= {limits["accept"]} and gamma_name in ({NAME["exact"]}, {NAME["gap"]}, {NAME["homophone"]})
            and gamma_birth in (-1, 4) and gamma_sex <> 0
    """)


def corrected(con: duckdb.DuckDBPyConnection) -> None:
    """Two valid numbers of one person: a number that was issued anew after its birth date was corrected.

    Two numbers are two persons unless all else says otherwise: the same name, sex and issuing county, birth dates
    within 400 days, and one phone, plate, household, firm or row shared; never where both stand in the register.
    """
    _edges(con)
    con.execute("""
        create or replace table namesake as
        with kind as (select distinct proto, hash(name, county_of(proto), sex_of(proto)) as kind from said where name is not null)
        select proto, kind from kind semi join (select kind from kind group by kind having count(*) > 1) using (kind);
        -- of them, those that share something: few, so all that follows looks at few (grouped by hashes, which are small)
        create or replace table shared as
        with theirs as (
            select n.proto, n.kind, s.phone, s.addr from namesake n join said s using (proto) where hash(s.name, county_of(proto), sex_of(proto)) = n.kind
        ),
        told as (
            select proto, hash('T', kind, phone) as what from theirs where phone is not null
            union all
            select proto, hash('A', kind, addr) from theirs where addr is not null
            union all
            select n.proto, hash('C', n.kind, c.label)
            from namesake n join (select proto, unnest(ctx) as label from proto_context semi join namesake using (proto)) c using (proto)
        ),
        several as (select what from told group by what having min(proto) <> max(proto)),
        crowd as (select list(distinct proto) as protos from told semi join several using (what) group by what),
        one as (select protos, unnest(protos) as p from crowd)
        select distinct p, q from (select p, unnest(protos) as q from one) where p < q
    """)
    con.execute(f"""
        create or replace table renumbered as
        with asked as (select p as proto from shared union select q from shared),
        one as (
            select proto, bool_or(r.dataset = '{REGISTER}' and r.role = 'self') as registered, arg_min(rid, mark) as rid
            from (from whose semi join asked using (proto)) join rec r using (rid) where r.name is not null group by proto
        )
        select a.rid as a, b.rid as b from shared s join one a on a.proto = s.p join one b on b.proto = s.q
        where abs(datediff('day', birth_of(s.p), birth_of(s.q))) <= 400 and not (a.registered and b.registered)
    """)
    con.execute("drop table namesake; drop table shared")
    judged.refuse_numbers(con)
    con.execute("insert into edge select a, b, 'corrected_number', 0.99, null from renumbered")
    judged.join_numbers(con)
    # from here on the two are one candidate: they do not compete for the records that have no number
    con.execute("""
        create or replace table same_person as
        select q.proto as proto, min(p.proto) as main from renumbered n join identified_record p on p.rid = n.a join identified_record q on q.rid = n.b group by q.proto
    """)
    con.execute("""
        update identified_record set proto = s.main from same_person s where s.proto = identified_record.proto
    """)
