"""Candidate pairs are counted before they are made, and what would flood a rule is refused by name."""

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from linking import clusters, fill, told, workbench

from etl import engine
from etl.match import person
from etl.match.person import blocked, budget, model, scored
from etl.workbench import Workbench

REGISTER, HEALTH = "public_security/household_register", "health/health_records"
MANY, SHARED = 5000, "13800001234"


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, str, int]]:
    """Five thousand registered people and five thousand records without a number, all with one phone and half of one surname;
    one more record that is its owner's by name and birth date."""
    with workbench("population", tmp_path_factory.mktemp("flooded")) as bench:
        con = bench.con
        fill(
            con,
            "feed.person",
            [told(HEALTH, "found", name="武雨晴", birth_date=date(1980, 1, 15), phone=SHARED, citizen_id_state="missing")],
        )
        con.execute(f"""
            insert into feed.person by name
            select '{REGISTER}' as dataset, 'r' || i as source_key, 'self' as role, 1 as row_number, date '2018-03-01' as first_delivered_on, date '2018-03-01' as delivered_on,
                case when i = 0 then '武雨晴' else (case when i % 2 = 0 then '王' else '李' end) || chr((20000 + i)::int) || chr((30000 - i)::int) end as name, '{SHARED}' as phone, 'ok' as citizen_id_state,
                case when i = 0 then '510502198001150128' else '5105021980' || lpad((i % 12 + 1)::varchar, 2, '0') || lpad((i % 28 + 1)::varchar, 2, '0') || lpad((i % 1000)::varchar, 3, '0') || (i // 1000)::varchar end as citizen_id,
                citizen_id as citizen_id_text
            from range({MANY}) t (i)
        """)
        con.execute(f"""
            insert into feed.person by name
            select '{HEALTH}' as dataset, 'h' || i as source_key, 'self' as role, 1 as row_number, date '2018-03-01' as first_delivered_on, date '2018-03-01' as delivered_on,
                (case when i % 2 = 0 then '王' else '李' end) || chr((35000 + i % 5000)::int) || chr((20000 + i)::int) as name, '{SHARED}' as phone, 'missing' as citizen_id_state
            from range({MANY}) t (i)
        """)
        said = logging.getLogger("jichu")
        heard = Heard()
        said.addHandler(heard)
        pairs: list[int] = []
        among_left = scored.among_left

        def counted(con: duckdb.DuckDBPyConnection) -> None:  # the last that knows the pairs of the rounds before
            pairs.append(engine.count(con, "select count(*) from pair_identified"))
            among_left(con)

        try:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(scored, "among_left", counted)
                person.link(bench)
        finally:
            said.removeHandler(heard)
        yield bench, "\n".join(heard.lines), pairs[0]


class Heard(logging.Handler):
    """What was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def refused(bench: Workbench) -> dict[tuple[str, str], tuple[int, int, int, list[dict[str, object]]]]:
    found = bench.con.execute(
        "select stage, rule, pairs, budget, refused_pairs, refused from matched.blocking where refused_pairs > 0"
    ).fetchall()
    return {(stage, rule): (pairs, allowed, gone, json.loads(listed)) for stage, rule, pairs, allowed, gone, listed in found}


def test_a_phone_of_five_thousand_records_is_refused_to_the_rule_that_it_would_flood(flooded: tuple[Workbench, str, int]) -> None:
    pairs, allowed, gone, values = refused(flooded[0])[("identified", "phone + sur")]
    assert pairs > 10_000_000 and allowed == budget.PAIRS_A_RECORD * (2 * MANY + 1)
    assert pairs - gone <= allowed
    assert {v["value"] for v in values} == {"138****1234 + 王", "138****1234 + 李"}
    assert all(v["left"] == MANY / 2 and v["pairs"] == v["left"] * v["right"] for v in values)  # type: ignore[operator]


def test_what_is_scored_stays_within_the_budget(flooded: tuple[Workbench, str, int]) -> None:
    bench = flooded[0]
    ((allowed, rules),) = bench.con.execute("select any_value(budget), count(distinct rule) from matched.blocking").fetchall()
    assert 0 < flooded[2] <= allowed * rules and flooded[2] < 100_000


def test_others_are_still_linked_by_every_other_rule(flooded: tuple[Workbench, str, int]) -> None:
    who = clusters(flooded[0].con, "person")
    assert who[(HEALTH, "found", "self")] == who[(REGISTER, "r0", "self")]


def test_the_refusal_is_logged_with_the_rule_and_a_masked_value(flooded: tuple[Workbench, str, int]) -> None:
    assert "phone + sur" in flooded[1] and "138****1234" in flooded[1] and SHARED not in flooded[1]


def test_every_rule_is_estimated_and_none_is_refused_where_nothing_floods(tmp_path: Path) -> None:
    with workbench("population", tmp_path) as bench:
        fill(bench.con, "feed.person", [told(HEALTH, f"h{i}", name="武雨晴", phone=SHARED, citizen_id_state="missing") for i in range(3)])
        person.link(bench)
        rows = bench.con.execute("select stage, pairs, refused_pairs from matched.blocking").fetchall()
        assert len([r for r in rows if r[0] == "left"]) == len(model.BLOCKING)
        assert max(r[1] for r in rows) == 3 and sum(r[2] for r in rows) == 0


def test_a_rule_is_read_as_columns_and_conditions_of_one_side() -> None:
    rule = blocked.Rule.of("l.name = r.name and l.addr2 = r.addr and l.name_is_rare")
    assert (rule.left, rule.right, rule.only, rule.name) == (
        ("name", "addr2"),
        ("name", "addr"),
        ("l.name_is_rare",),
        "name + addr2=addr + name_is_rare",
    )
    assert all(r.left for r in blocked.RULES)
