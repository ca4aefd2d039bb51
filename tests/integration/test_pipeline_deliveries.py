"""Deliveries of one dataset, day by day: order, accounts, refusals, decisions."""

import json
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from pipeline_kit import (
    City,
    Service,
    citizen_id,
    content,
    differing,
    fill_register,
    firm,
    full_name,
    health_record,
    newcomer,
    regions,
    registered,
)

from etl import db, decisions, engine, inspect, pipeline, spec
from etl import settings as settings_module
from etl.errors import UsageError
from etl.replay import requeue

HEALTH, FLOATING = "health/health_records", "public_security/floating_population"
FIRMS, REGISTER, LISTS = "market_regulation/enterprises", "public_security/household_register", "development_reform/red_black_lists"
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"1980{i % 12 + 1:02d}15", 2 * i + 1), f"1980-{i % 12 + 1:02d}-15")
    for i in range(20)
]


def test_a_folder_without_success_is_not_on_the_books_but_is_named_as_waiting(city: City) -> None:
    city.health("20180301", PEOPLE, done=None)
    assert city.ingest(HEALTH) == []
    assert city.states(HEALTH) == []
    with city.inside():
        assert inspect.waiting(settings_module.load()) == [f"等待：{HEALTH} 20180301 还没有 _SUCCESS"]


def test_a_week_of_full_deliveries_is_accounted_for_row_by_row(city: City) -> None:
    city.health("20180301", PEOPLE)
    changed = {**PEOPLE[0], "联系电话": "13811112222"}
    city.health("20180308", [changed, *PEOPLE[1:18], PEOPLE[17], health_record("new", "新人", "", "1999-09-09")])
    city.health("20180315", [changed, *PEOPLE[1:]])
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded"] * 3
    assert city.counts(HEALTH) == [(20, 20, 0, 0, 0, 0, 0), (20, 1, 1, 17, 2, 1, 0), (20, 2, 0, 18, 1, 0, 0)]
    kept = city.query(
        "select source_key, first_delivered_on::text, delivered_on::text, removed_on::text from staging.health__health_records where source_key in ('h00', 'h19', 'new') order by 1"
    )
    assert kept == [
        ("h00", "2018-03-01", "2018-03-08", None),
        ("h19", "2018-03-01", "2018-03-15", None),
        ("new", "2018-03-08", "2018-03-08", "2018-03-15"),
    ]


def test_replaced_versions_are_kept_as_the_past(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", [{**PEOPLE[0], "联系电话": "13811112222"}, *PEOPLE[1:]])
    city.ingest(HEALTH)
    assert city.query("select source_key, phone, replaced_on::text from staging.health__health_records__past") == [
        ("h00", "13812340000", "2018-03-08")
    ]


def test_the_same_bytes_twice_change_nothing(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    before = content(city.url)
    assert city.ingest(HEALTH) == []
    assert differing(before, content(city.url)) == {}


def test_the_same_rows_on_a_later_day_are_all_unchanged(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE)
    city.ingest(HEALTH)
    assert city.counts(HEALTH) == [(20, 20, 0, 0, 0, 0, 0), (20, 0, 0, 20, 0, 0, 0)]


def test_rows_in_another_order_and_an_extra_column_are_no_change(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    columns = [*reversed(list(PEOPLE[0])), "备注"]
    lines = [",".join(columns), *(",".join(str(r.get(c, "新列")) for c in columns) for r in reversed(PEOPLE))]
    city.deliver(HEALTH, "20180308", "\n".join(lines).encode())
    city.ingest(HEALTH)
    assert city.counts(HEALTH)[1] == (20, 0, 0, 20, 0, 0, 0)
    assert any("备注" in n for (n,) in city.query(f"select unnest(notes) from ops.delivery where dataset = '{HEALTH}'"))


def test_a_full_delivery_older_than_the_newest_is_superseded(city: City) -> None:
    city.health("20180308", PEOPLE)
    city.ingest(HEALTH)
    city.health("20180301", PEOPLE[:19])
    assert [o["state"] for o in city.ingest(HEALTH)] == ["rejected"]
    assert city.states(HEALTH) == [("2018-03-08", "loaded", None), ("2018-03-01", "rejected", "superseded")]
    assert city.ingest(HEALTH) == []


def test_an_increment_that_comes_late_adds_what_is_new_and_undoes_nothing(city: City) -> None:
    one, late = newcomer("f1", "测试甲", "", "1980-01-01"), newcomer("f2", "测试乙", "", "1981-01-01")
    city.floating("20180308", [{**one, "联系电话": "13812340008"}])
    city.ingest(FLOATING)
    city.floating("20180301", [one, late])
    city.ingest(FLOATING)
    assert city.query("select source_key, phone from staging.public_security__floating_population order by 1") == [
        ("f1", "13812340008"),
        ("f2", "13900000001"),
    ]


def test_a_folder_that_changed_after_it_was_loaded_is_held_and_what_follows_waits(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    city.health("20180301", [{**PEOPLE[0], "联系电话": "13811112222"}, *PEOPLE[1:]])
    city.health("20180308", PEOPLE)
    assert [o["state"] for o in city.ingest(HEALTH)] == ["held"]
    assert city.states(HEALTH) == [("2018-03-01", "loaded", None), ("2018-03-01", "held", "changed_after_load")]
    assert city.ingest(HEALTH) == []


def test_a_changed_folder_that_is_released_loads_its_new_content_then_the_next_day(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    city.health("20180301", [{**PEOPLE[0], "联系电话": "13811112222"}, *PEOPLE[1:]])
    city.health("20180308", PEOPLE)
    city.ingest(HEALTH)
    with city.inside():
        held = city.query("select delivery_id from ops.delivery where state = 'held'")[0][0]
        assert decisions.decide(HEALTH, held, release=True, by="李主任", why="部门已来函说明")["rows_changed"] == 1
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded"]
    assert city.counts(HEALTH) == [(20, 20, 0, 0, 0, 0, 0), (20, 0, 1, 19, 0, 0, 0), (20, 0, 1, 19, 0, 0, 0)]
    assert city.query("select decided_by, decided_why from ops.delivery where decided_by is not null") == [("李主任", "部门已来函说明")]


def test_a_changed_folder_that_is_discarded_leaves_what_was_loaded(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    before = content(city.url, skip=["ops.delivery", "ops.hold", "ops.decision"])
    city.health("20180301", PEOPLE[1:])
    city.health("20180308", PEOPLE)
    city.ingest(HEALTH)
    with city.inside():
        held = city.query("select delivery_id from ops.delivery where state = 'held'")[0][0]
        decisions.decide(HEALTH, held, release=False, by="李主任", why="误改")
    assert differing(before, content(city.url, skip=["ops.delivery", "ops.hold", "ops.decision"])) == {}
    assert [o["rows_unchanged"] for o in city.ingest(HEALTH)] == [20]
    assert [s for _, s, _ in city.states(HEALTH)] == ["loaded", "discarded", "loaded"]


def test_a_rejected_folder_is_read_again_when_its_bytes_changed(city: City) -> None:
    city.deliver(HEALTH, "20180301", "档案号,姓名\nh1,测试\n".encode())
    assert [o["state"] for o in city.ingest(HEALTH)] == ["rejected"]
    assert city.ingest(HEALTH) == []
    city.health("20180301", PEOPLE)
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded"]
    assert city.states(HEALTH) == [("2018-03-01", "rejected", "missing_column"), ("2018-03-01", "loaded", None)]


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (b'{"files": {"health_records_20180301.csv": {"rows": 21}}}', "row_count"),
        (b'{"files": {"health_records_20180301.csv": {"sha256": "00"}}}', "checksum"),
        (b'{"files": {"another.csv": {"rows": 20}}}', "truncated"),
        (b"done", "format"),
    ],
)
def test_a_delivery_that_is_not_what_was_promised_is_rejected_whole(city: City, done: bytes, reason: str) -> None:
    city.health("20180301", PEOPLE, done=done)
    city.ingest(HEALTH)
    assert city.states(HEALTH) == [("2018-03-01", "rejected", reason)]
    assert city.query("select count(*) from pg_tables where schemaname = 'staging'") == [(0,)]


def test_a_promise_that_is_kept_loads(city: City) -> None:
    city.health("20180301", PEOPLE, done=json.dumps({"files": {"health_records_20180301.csv": {"rows": 20}}}).encode())
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded"]


def test_a_delivery_with_far_fewer_rows_is_held_and_loads_when_released(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:15])
    city.health("20180315", PEOPLE)
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded", "held"]
    assert city.query("select count(*) from staging.health__health_records where removed_on is null") == [(20,)]
    with city.inside():
        assert decisions.decide(HEALTH, "20180308", release=True, by="王科", why="撤并")["rows_removed"] == 5
    assert [(o["state"], o["rows_new"]) for o in city.ingest(HEALTH)] == [("loaded", 5)]


def test_what_an_earlier_run_held_or_refused_is_said_again_until_it_is_settled(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:15])
    city.deliver(FLOATING, "20180301", b"no,table\n1,2\n")
    first = city.run(HEALTH, FLOATING)
    assert (first.exit_code, first.waiting) == (3, []), "this run says it of itself"
    again = city.run(HEALTH)
    assert [w.split(" ")[0] + w[-4:] for w in again.waiting] == [f"{HEALTH}（挂起）", f"{FLOATING}（拒收）"]
    with city.inside():
        decisions.decide(HEALTH, "20180308", release=False, by="王科", why="导错了")
    assert [w.split(" ")[0] for w in city.run(HEALTH).waiting] == [FLOATING]


def test_a_delivery_with_far_fewer_rows_is_forgotten_when_discarded(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:15])
    city.health("20180315", PEOPLE)
    city.ingest(HEALTH)
    with city.inside():
        decisions.decide(HEALTH, "20180308", release=False, by="王科", why="导错了")
    assert [(o["state"], o["rows_unchanged"]) for o in city.ingest(HEALTH)] == [("loaded", 20)]
    assert [s for _, s, _ in city.states(HEALTH)] == ["loaded", "discarded", "loaded"]


def test_a_fifth_fewer_rows_is_still_loaded(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", PEOPLE[:16])
    assert [o["state"] for o in city.ingest(HEALTH)] == ["loaded", "loaded"]


def test_only_a_held_delivery_can_be_decided_and_the_held_ones_are_named(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    with city.inside(), pytest.raises(UsageError, match="挂起的有：无"):
        decisions.decide(HEALTH, "20180301", release=True, by="x", why="y")


def test_too_many_bad_rows_hold_even_a_first_delivery(city: City) -> None:
    city.health("20180301", [{**r, "建档日期": "不详"} if i < 3 else r for i, r in enumerate(PEOPLE)])
    assert [o["state"] for o in city.ingest(HEALTH)] == ["held"]
    assert city.states(HEALTH) == [("2018-03-01", "held", "too_many_bad")]
    with city.inside():
        done = decisions.decide(HEALTH, "20180301", release=True, by="王科", why="已知")
    assert (done["rows_new"], done["rows_quarantined"]) == (17, 3)


def test_a_bad_row_is_kept_aside_as_it_came_and_its_good_version_stays(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.health("20180308", [{**PEOPLE[0], "建档日期": "2017-02-30", "联系电话": "13811112222"}, *PEOPLE[1:]])
    city.ingest(HEALTH)
    assert city.counts(HEALTH)[1] == (20, 0, 0, 19, 0, 0, 1)
    ((number, key, reasons, record, status),) = city.query("select row_number, source_key, reasons, record, status from quality.quarantine")
    assert (number, key, status) == (1, "h00", "open")
    assert [r.split(": ")[0] for r in reasons] == ["bad_date"]
    assert "建档日期" in reasons[0]
    assert "2017-02-30" in reasons[0]
    assert record == {**PEOPLE[0], "建档日期": "2017-02-30", "联系电话": "13811112222"}
    assert city.query("select phone, removed_on from staging.health__health_records where source_key = 'h00'") == [("13812340000", None)]


def test_a_refusal_is_settled_when_the_key_comes_again_right(city: City) -> None:
    city.floating(
        "20180301", [newcomer(f"f{i:02d}", "测试", "", "1980-01-01", 登记日期="0000" if i == 0 else "2017-05-11") for i in range(20)]
    )
    city.floating("20180308", [newcomer("f00", "测试", "", "1980-01-01")])
    city.ingest(FLOATING)
    assert city.query("select status, closed_by is not null from quality.quarantine") == [("fixed", True)]


def test_all_rows_of_a_conflicting_key_are_kept_aside(city: City) -> None:
    city.health("20180301", [*PEOPLE[:19], {**PEOPLE[0], "联系电话": "13811112222"}])
    city.ingest(HEALTH)
    assert city.counts(HEALTH) == [(20, 18, 0, 0, 0, 0, 2)]
    told = city.query("select row_number, source_key, split_part(reasons[1], ':', 1) from quality.quarantine order by 1")
    assert told == [(1, "h00", "key_conflict"), (20, "h00", "key_conflict")]


def test_several_files_of_one_delivery_are_one_delivery_numbered_through(city: City) -> None:
    city.floating("20180301", [newcomer("f1", "测试甲", "", "1980-01-01")], name="b.csv", done=None)
    city.floating("20180301", [newcomer("f2", "测试乙", "", "1980-01-01")], name="a.csv")
    city.ingest(FLOATING)
    assert city.query("select source_key, row_number from staging.public_security__floating_population order by 2") == [
        ("f2", 1),
        ("f1", 2),
    ]


def listed(kind: str, name: str) -> str:
    return f"{kind},{name},,依据,市发展改革委,2017-01-01,2020-01-01"


def test_replay_loads_what_a_mended_code_table_can_read_and_leaves_the_rest(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["名单类型,主体名称,主体代码,认定依据,认定单位,列入日期,有效期至", *(listed("红名单", f"测试公司{i}") for i in range(30))]
    city.deliver(
        LISTS, "20180301", "\n".join([*lines, listed("黑榜", "测试公司甲"), listed("白榜", "测试公司乙"), listed("黑榜", "")]).encode()
    )
    city.ingest(LISTS)
    assert city.counts(LISTS) == [(33, 30, 0, 0, 0, 0, 3)]
    registry = spec.load()
    mended = registry.codes["red_black"]
    mended = mended.model_copy(
        update={"aliases": {**mended.aliases, "黑榜": next(c for c, label in mended.codes.items() if label == "黑名单")}}
    )
    monkeypatch.setattr("etl.spec.load", lambda: replace(registry, codes={**registry.codes, "red_black": mended}))
    for loaded, tried in ((1, 3), (0, 2), (0, 2)):
        with city.inside():
            outcome = decisions.replay(LISTS)
        assert (outcome["rows_in"], outcome["rows_new"], outcome["rows_quarantined"]) == (tried, loaded, tried - loaded)
    assert city.query("select source_key, removed_on from staging.development_reform__red_black_lists where source_key like '黑榜%'") == [
        ("黑榜|测试公司甲|市发展改革委|2017-01-01", None)
    ]
    assert sorted(city.query("select coalesce(source_key, '') from quality.quarantine where status = 'open'")) == [
        ("",),
        ("白榜|测试公司乙|市发展改革委|2017-01-01",),
    ]


def test_replay_takes_the_geometry_from_the_landing(city: City, tmp_path: Path) -> None:
    """The record kept with a refusal has no geometry: the landing has, while it is there."""
    told = json.loads(regions())
    told["features"][3]["properties"]["code"] = ""
    city.deliver("land/regions", "20180301", json.dumps(told, ensure_ascii=False).encode())
    with city.inside():
        pipeline.ingest("land/regions")
        if city.states("land/regions")[0][1] == "held":
            decisions.decide("land/regions", release=True, by="李工", why="测试")
        settings, source = settings_module.load(), spec.load().source("land/regions")
        for home, shapes in ((settings.home, 1), (tmp_path, 0)):
            with closing(db.connect(settings)) as con, engine.connect(settings) as duck:
                rows, tried = requeue(con, duck, source, home)
                assert tried == 1
                columns = engine.columns(duck, f"read_parquet('{rows}')")
                shaped = 'count("@geometry")' if "@geometry" in columns else "0"
                assert duck.execute(f"select any_value(name), {shaped} from read_parquet('{rows}')").fetchall() == [("上平社区", shapes)]


def test_replay_of_a_dataset_without_refusals_does_nothing(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.ingest(HEALTH)
    with city.inside():
        assert decisions.replay(HEALTH)["state"] == "nothing"
    assert len(city.states(HEALTH)) == 1


def test_replay_does_not_bring_back_an_older_version(city: City) -> None:
    """The refused version of the eighth was mended by the fifteenth's own row: there is nothing to try."""
    city.health("20180308", [{**PEOPLE[0], "建档日期": "不详"}, *PEOPLE[1:]])
    city.health("20180315", PEOPLE)
    city.ingest(HEALTH)
    with city.inside():
        assert decisions.replay(HEALTH)["state"] == "nothing"


def test_an_api_is_asked_from_where_it_ended(city: City, service: Service) -> None:
    city.extra["AIRFLOW_CONN_MARKET_REGULATION"] = service.connection
    service.records["enterprises"] = [firm(f"p{i}", f"测试{i}公司", "", f"2018-02-{i + 1:02d}T08:00:00+08:00") for i in range(5)]
    city.ingest(FIRMS)
    service.records["enterprises"] = [*service.records["enterprises"][:4], firm("p4", "新名公司", "", "2018-03-06T08:00:00+08:00")]
    city.ingest(FIRMS, today="2018-03-08")
    city.ingest(FIRMS, today="2018-03-09")
    assert city.counts(FIRMS)[:2] == [(5, 5, 0, 0, 0, 0, 0), (1, 0, 1, 0, 0, 0, 0)]
    assert [c[0] for c in city.counts(FIRMS)[2:]] in ([], [0])
    assert city.query(f"select max(watermark) from ops.delivery where dataset = '{FIRMS}'") == [("2018-03-06T08:00:00+08:00",)]


def test_an_api_that_does_not_know_our_key_is_unreachable_and_comes_back(city: City, service: Service) -> None:
    city.extra["AIRFLOW_CONN_MARKET_REGULATION"] = service.connection
    service.records["enterprises"] = [firm("p1", "测试公司", "", "2018-02-01T08:00:00+08:00")]
    service.broken = True
    assert [o["state"] for o in city.ingest(FIRMS)] == ["rejected"]
    service.broken = False
    assert [o["state"] for o in city.ingest(FIRMS)] == ["loaded"]
    assert [(s, r) for _, s, r in city.states(FIRMS)] == [("rejected", "unreachable"), ("loaded", None)]


def test_a_database_is_read_whole_and_what_is_gone_is_removed(city: City, department_database: str) -> None:
    city.extra["AIRFLOW_CONN_PUBLIC_SECURITY"] = department_database
    rows = [registered(f"r{i}", full_name(i), citizen_id("510502", "19800101", i + 1), "19800101") for i in range(10)]
    fill_register(department_database, rows)
    city.ingest(REGISTER, today="2018-03-01")
    fill_register(department_database, [{**rows[0], "lxdh": "13811112222"}, *rows[1:9]])
    city.ingest(REGISTER, today="2018-03-08")
    assert city.ingest(REGISTER, today="2018-03-08") == []
    assert city.counts(REGISTER) == [(10, 10, 0, 0, 0, 0, 0), (9, 0, 1, 8, 1, 0, 0)]


def test_nothing_of_a_person_is_in_what_is_said_or_logged_or_booked(
    city: City, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", "jichu")
    secret = citizen_id("510502", "19800115", 77)
    rows = [{**r, "姓名": "欧阳机密", "身份证号": secret, "联系电话": "13812345678"} for r in PEOPLE]
    city.health("20180301", [*rows[:19], {**rows[0], "现住址": "机密路1号"}])
    city.health("20180308", [{**r, "建档日期": "x"} for r in rows])
    city.health("20180315", rows)
    city.deliver(HEALTH, "20180316", "档案号,姓名\n1,欧阳机密\n".encode())
    city.deliver(HEALTH, "20180317", "档案号,姓名,身份证号,性别,出生日期,现住址,联系电话,建档日期,档案状态\n1,欧阳机密".encode("utf-16"))
    said: list[str] = []
    with city.inside():
        for _ in range(2):
            pipeline.run(None, [HEALTH], None, said.append)
            for (held,) in city.query("select delivery_id from ops.delivery where state = 'held'"):
                decisions.decide(HEALTH, held, release=False, by="x", why="y")
    booked = city.query(
        "select row(d)::text from ops.delivery d union all select row(p)::text from ops.publication p union all select row(s)::text from ops.stage s"
    )
    everything = "\n".join([caplog.text, *capfd.readouterr(), *said, *(t for (t,) in booked)])
    for private in ("欧阳机密", secret, "13812345678", "机密路"):
        assert private not in everything


def test_departments_that_share_a_table_load_at_the_same_time(city: City) -> None:
    names = [f"county_{c}/grid_residents" for c in ("510502", "510504", "510522")]
    for name in names:
        rows = "\n".join(f"{i},{full_name(i)},,男,13812340000,江阳区佳乐路8号,510502001001001,2018-02-01 08:00:00" for i in range(30))
        city.deliver(name, "20180301", f"采集编号,姓名,身份证号,性别,联系电话,居住地址,网格编码,采集时间\n{rows}\n".encode())
    with city.inside(), ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:  # as Airflow's tasks are
        done = list(pool.map(pipeline.ingest, names))
    assert [[o["state"] for o in each["deliveries"]] for each in done] == [["loaded"]] * 3
    assert city.query("select dataset, count(*) from staging.every_county__grid_residents group by 1 order by 1") == [
        (n, 30) for n in names
    ]
