"""The gate: what is held is shown without anybody's data, decided once by somebody for a reason, and carried out in one transaction."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pipeline_kit import City, citizen_id, full_name, health_record, plate

from etl import decisions, hold, pipeline
from etl import settings as settings_module
from etl.errors import UsageError
from etl.hold import AlreadyDecided
from etl.spec import suite as suites

HEALTH = "health/health_records"
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"1980{i % 12 + 1:02d}15", 2 * i + 1), f"1980-{i % 12 + 1:02d}-15")
    for i in range(20)
]
PRIVATE = ("欧阳机密", citizen_id("510502", "19800115", 77), "13812345678", "机密路")


def held_city(city: City) -> City:
    """Loaded on the first, far too short on the eighth, whole again on the fifteenth."""
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:15])
    city.health("20180315", PEOPLE)
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded", "held"]
    return city


def decided(city: City) -> list[tuple[Any, ...]]:
    return city.query("select what, decision, by, why, via from ops.decision order by at")


def test_a_decision_is_written_with_who_why_and_where(city: City) -> None:
    held_city(city)
    with city.inside():
        decisions.decide(HEALTH, release=True, by=" 王科 ", why="撤并")
    assert decided(city) == [(HEALTH, "released", "王科", "撤并", "command")]
    assert city.query("select decided_by, decided_why from ops.delivery where decided_by is not null") == [("王科", "撤并")]
    assert city.query("select count(*) from ops.pending") == [(0,)]


@pytest.mark.parametrize(("by", "why"), [("", "撤并"), ("王科", "  ")])
def test_nobody_decides_without_a_name_and_a_reason(city: City, by: str, why: str) -> None:
    held_city(city)
    with city.inside(), pytest.raises(UsageError, match="谁决定"):
        decisions.decide(HEALTH, release=True, by=by, why=why)
    assert decided(city) == []


def test_two_who_decide_at_once_are_one_decision(city: City) -> None:
    held_city(city)
    city.extra["JICHU_LOCK_WAIT"] = "30"
    (held,) = city.query("select id from ops.pending")

    def try_it(release: bool) -> str:
        try:
            return str(decisions.decide(HEALTH, held[0], release=release, by="甲" if release else "乙", why="测试")["state"])
        except AlreadyDecided as e:
            return str(e)

    with city.inside(), ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(try_it, (True, False)))
    assert len(decided(city)) == 1
    assert sum("已由" in x for x in said) == 1


def test_an_answer_loads_and_the_later_deliveries_follow(city: City) -> None:
    held_city(city)
    with city.inside():
        (question,) = decisions.questions()
        done = decisions.answer(HEALTH, question["ident"], release=True, by="admin", why="来函说明")
    assert (done["state"], done["rows_removed"]) == ("loaded", 5)
    assert [(o["state"], o["rows_new"]) for o in done["later"]] == [("loaded", 5)]
    assert decided(city) == [(HEALTH, "released", "admin", "来函说明", "airflow")]


def test_an_answer_after_the_command_line_decided_says_so_and_changes_nothing(city: City) -> None:
    held_city(city)
    with city.inside():
        (question,) = decisions.questions()
        decisions.decide(HEALTH, release=False, by="王科", why="导错了")
        assert not decisions.still_open(HEALTH, question["ident"])
        done = decisions.answer(HEALTH, question["ident"], release=True, by="admin", why="x")
    assert done["state"] == "already"
    assert "王科" in done["said"]
    assert [s for _, s, _ in city.states(HEALTH)] == ["loaded", "discarded", "loaded"], "the later delivery is taken all the same"
    assert [d[1] for d in decided(city)] == ["discarded"]


def test_a_question_is_asked_once_while_it_is_asked_and_again_when_it_was_lost(city: City) -> None:
    held_city(city)
    with city.inside():
        (question,) = decisions.questions()
        assert decisions.questions() == []
        assert decisions.still_open(HEALTH, question["ident"])
        city.query("update ops.hold set asked_at = now() - interval '1 hour' returning 1")
        assert [q["ident"] for q in decisions.questions()] == [question["ident"]]


def test_a_question_says_what_is_held_why_and_how_many_rows_and_nothing_of_a_person(city: City) -> None:
    name, number, phone, road = PRIVATE
    rows = [{**r, "姓名": name, "身份证号": number, "联系电话": phone, "现住址": f"{road}{i}号"} for i, r in enumerate(PEOPLE)]
    city.health("20180301", [{**r, "建档日期": f"不详{phone}"} if i < 4 else r for i, r in enumerate(rows)])
    city.ingest(HEALTH)
    with city.inside():
        (question,) = decisions.questions()
    text = question["subject"] + question["body"]
    for wanted in ("健康档案", "too_many_bad", "20 行", "bad_date", "建档日期", "| 4 |", "放行", "弃用", "jichu release"):
        assert wanted in text, wanted
    held = str(city.query("select failed::text from ops.hold"))
    assert not [p for p in PRIVATE if p in text + held]


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A critical rule on geospatial.region that an engineer has just written: only these names. Changed in place."""
    known = ["泸州市", "江阳区", "南城街道"]
    load = suites.load_suite

    def stricter(stem: str) -> suites.Suite | None:
        found = load(stem)
        if stem != "geospatial/region" or found is None:
            return found
        claim = found.expectations[0].model_copy(
            update={
                "name": "name_is_known",
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "name", "value_set": list(known)},
                "dimension": "accuracy",
                "severity": "critical",
                "because": "只有这些区划",
            }
        )
        return found.model_copy(update={"expectations": [*found.expectations, claim]})

    monkeypatch.setattr(suites, "load_suite", stricter)
    return known


def integrate(city: City) -> str:
    with city.inside():
        return str(pipeline.integrate("geospatial")["state"])


def held_library(city: City) -> City:
    city.plates()
    city.ingest("land/regions")
    city.ingest("public_security/door_plates")
    assert integrate(city) == "held"
    return city


def regions(city: City) -> int:
    return int(city.query("select count(*) from geospatial.region")[0][0])


def test_a_held_library_shows_its_failed_check_and_rows_and_keeps_the_last_state(city: City, strict: list[str]) -> None:
    held_library(city)
    assert regions(city) == 0
    ((kind, what, failed),) = city.query("select kind, what, failed from ops.pending")
    assert (kind, what) == ("library", "geospatial")
    assert [(f["target"], f["check"], f["rows"]) for f in failed] == [("geospatial.region", "name_is_known", 1)]
    with city.inside():
        (question,) = decisions.questions()
    for wanted in ("地理", "geospatial.region", "name_is_known", "| 1 |", "只有这些区划"):
        assert wanted in question["subject"] + question["body"]


def test_a_held_library_is_computed_again_but_held_only_once(city: City, strict: list[str]) -> None:
    held_library(city)
    assert integrate(city) == "held"
    assert city.query("select count(*) from ops.publication where library = 'geospatial'") == [(1,)]


def test_a_released_library_is_published_once_and_checked_again_the_next_time(city: City, strict: list[str]) -> None:
    held_library(city)
    with city.inside():
        assert decisions.decide("geospatial", release=True, by="李工", why="新设社区，已核实")["state"] == "published"
    assert regions(city) == 4
    assert decided(city) == [("geospatial", "released", "李工", "新设社区，已核实", "command")]
    assert city.query("select state from ops.publication where library = 'geospatial' order by sequence") == [("held",), ("published",)]
    assert integrate(city) == "unchanged"
    city.plates("20180308", [plate("A3", "佳乐路", "12号"), plate("A1", "佳乐路", "8号"), plate("A2", "佳乐路", "10号")])
    city.ingest("public_security/door_plates")
    assert integrate(city) == "held", "the check is not forgotten"
    assert regions(city) == 4


def test_what_fails_besides_what_was_seen_holds_again(city: City, strict: list[str]) -> None:
    held_library(city)
    strict.remove("南城街道")
    with city.inside(), pytest.raises(UsageError, match="没有发布"):
        decisions.decide("geospatial", release=True, by="李工", why="看过")
    assert regions(city) == 0
    assert decided(city) == []
    assert city.query("select (failed -> 0 ->> 'rows')::int from ops.pending") == [(2,)]


def test_a_discarded_candidate_is_not_asked_about_again_until_something_changes(city: City, strict: list[str]) -> None:
    held_library(city)
    with city.inside():
        assert decisions.decide("geospatial", release=False, by="李工", why="先改数据")["state"] == "discarded"
    assert integrate(city) == "held"
    assert city.query("select count(*) from ops.pending") == [(0,)]
    strict.append("上平社区")
    assert integrate(city) == "published"
    assert regions(city) == 4


def test_release_and_discard_on_the_command_line_take_a_library_too(city: City) -> None:
    city.query(
        "insert into ops.publication (library, published_on, inputs, state, reason) values ('population', '2018-03-01', 'x', 'held', 'population.person 测试（3 行）') returning 1"
    )
    code, out, err = city.command("status")
    assert code == 0
    assert "挂起：population 1 population.person 测试（3 行）" in out
    assert "jichu release|discard" in out
    code, out, err = city.command("discard", "population", "--by", "李工", "--why", "先改数据")
    assert (code, out, err) == (0, "population：已弃用\n", "")
    code, out, err = city.command("release", "population", "1", "--by", "张工", "--why", "x")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "已由 李工" in err
    code, out, err = city.command("release", "populatoin", "--by", "张工", "--why", "x")
    assert code == 2
    assert "没有数据集或库 populatoin" in err
    assert "population" in err


def test_what_was_held_before_decisions_were_kept_is_pending_too(city: City) -> None:
    held_city(city)
    city.query("delete from ops.hold returning 1")
    with city.inside():
        assert [(p.what, p.failed) for p in hold.pending(settings_module.load())] == [(HEALTH, [])]
        assert len(decisions.questions()) == 1
