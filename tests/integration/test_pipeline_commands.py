"""The command line as an engineer meets it: exit codes, sentences instead of tracebacks. (A process that dies at any moment: tests/faults.)"""

import json
from pathlib import Path

import pytest
from pipeline_kit import HEALTH, City, citizen_id, full_name, health_record, newcomer, separated

from etl import db
from etl import settings as settings_module

DATASET = "health/health_records"
PRIVATE = ("欧阳机密", citizen_id("510502", "19800115", 77), "13812345678", "机密路")
PEOPLE = [
    health_record(f"h{i:02d}", full_name(i), citizen_id("510502", f"19800{i % 9 + 1}15", 2 * i + 1), f"1980-0{i % 9 + 1}-15")
    for i in range(12)
]


def quiet(err: str) -> bool:
    return "Traceback" not in err and 'File "' not in err


def test_a_run_that_loads_everything_ends_with_zero_and_shows_the_accounts(city: City) -> None:
    city.plates()
    city.health("20180301", PEOPLE)
    code, out, err = city.command("run")
    assert (code, quiet(err)) == (0, True)
    assert "行数账" in out
    assert DATASET in out
    assert "人口库 已发布" in out


def test_a_folder_that_is_not_there_and_a_file_for_a_folder_are_wrong_usage(city: City, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x", encoding="utf-8")
    for words in (
        ("run", "--drop", str(tmp_path / "absent")),
        ("preview", DATASET, str(tmp_path)),
        ("preview", "public_security/household_register", str(tmp_path / "a.csv")),
        ("report", "--out", str(tmp_path / "a.csv")),
        ("catalog", "--out", str(tmp_path / "a.csv")),
    ):
        code, _, err = city.command(*words)
        assert (code, quiet(err), "内部错误" in err) == (2, True, False), words


def test_something_refused_ends_with_three_and_the_rest_is_loaded(city: City) -> None:
    city.health("20180301", PEOPLE)
    city.floating("20180301", [newcomer("f1", "测试", "", "1980-01-01")], done=b"done")
    code, out, err = city.command("run", "--only", DATASET, "public_security/floating_population")
    assert (code, quiet(err)) == (3, True)
    assert "format" in out
    assert city.states(DATASET) == [("2018-03-01", "loaded", None)]


def test_an_unreachable_department_ends_with_three(city: City) -> None:
    city.extra["AIRFLOW_CONN_PUBLIC_SECURITY"] = "postgresql://reader:geheim-9a8b@127.0.0.1:1/gaj"
    city.health("20180301", PEOPLE)
    code, out, err = city.command("run", "--only", DATASET, "--only", "public_security/household_register")
    assert code == 3
    assert "geheim-9a8b" not in out + err
    assert [(s, r) for _, s, r in city.states("public_security/household_register")] == [("rejected", "unreachable")]
    assert city.states(DATASET) == [("2018-03-01", "loaded", None)]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "--only", "health/health_record"], "health/health_records"),
        (["run", "--as-of", "2018-13-01"], "YYYY-MM-DD"),
        (["no-such-command"], "no-such-command"),
        (["replay", "health/nothing"], "没有数据集"),
        (["release", DATASET, "20180301", "--by", "x", "--why", "y"], "没有挂起的交付"),
        (["preview", DATASET, "/no/such/file"], "没有文件"),
        (["report", "--owner", "nobody"], "没有部门"),
    ],
)
def test_a_wrong_call_ends_with_two_and_one_sentence(city: City, arguments: list[str], word: str) -> None:
    code, _, err = city.command(*arguments)
    assert (code, quiet(err)) == (2, True)
    assert err.startswith("jichu: ")
    assert word in err
    assert len(err.strip().splitlines()) == 1


def test_a_library_database_that_cannot_be_reached_ends_with_one(city: City) -> None:
    code, out, err = city.command("run", JICHU_DATABASE_URL="postgresql://jichu:geheim-9a8b@127.0.0.1:1/jichu")
    assert (code, quiet(err)) == (1, True)
    assert err.startswith("jichu: 连不上数据库")
    assert "geheim-9a8b" not in out + err


def test_a_busy_lock_ends_with_four(city: City) -> None:
    city.health("20180301", PEOPLE)
    with city.inside(), db.lock(settings_module.load(), "run"):
        code, _, err = city.command("run", JICHU_LOCK_WAIT="0.2")
    assert (code, quiet(err)) == (4, True)
    assert "占着" in err
    assert city.states(DATASET) == []


def test_nothing_of_a_person_is_printed_even_when_every_detail_is_asked_for(city: City) -> None:
    name, number, phone, road = PRIVATE
    rows = [{**r, "姓名": name, "身份证号": number, "联系电话": phone, "现住址": f"江阳区{road}{i}号"} for i, r in enumerate(PEOPLE)]
    city.health("20180301", [*rows, {**rows[0], "性别": "女"}])
    city.deliver(DATASET, "20180308", separated(HEALTH, rows).replace(b"\n", b"\xff\n", 2))
    code, out, err = city.command("run", "--only", DATASET, JICHU_LOG="debug")
    assert code == 3
    assert not [p for p in PRIVATE if p in out + err]


def test_preview_gives_one_object_a_line_and_loads_nothing(city: City, tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    bad, twice = {**PEOPLE[1], "建档日期": "不详"}, PEOPLE[0]
    file.write_bytes(separated(HEALTH, [PEOPLE[0], bad, twice, {**PEOPLE[2], "档案号": " "}]))
    code, out, err = city.command("preview", DATASET, str(file), "--json", JICHU_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (code, quiet(err)) == (0, True)
    told = [json.loads(line) for line in out.splitlines()]
    assert [(t["kind"], t["row_number"], t["source_key"]) for t in told] == [
        ("row", 1, "h00"),
        ("refused", 2, "h01"),
        ("row", 3, "h00"),
        ("refused", 4, None),
    ]
    assert told[0]["row"]["name"] == full_name(0)
    assert told[0]["row"]["told_at"] == "2017-01-02"
    assert {"row_number", "source_key", "kind", "row", "findings"} <= set(told[0])
    assert [r.split(": ")[0] for r in told[1]["reasons"]] == ["bad_date"]
    assert told[1]["record"] == bad
    assert [r.split(": ")[0] for r in told[3]["reasons"]] == ["missing_key"]


def test_preview_of_a_file_that_cannot_be_read_ends_with_three(city: City, tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_bytes("档案号,姓名\n1,测试\n".encode())
    code, _, err = city.command("preview", DATASET, str(file), "--json")
    assert (code, quiet(err)) == (3, True)
    assert err.startswith("jichu: missing_column")


def test_check_finds_nothing_wrong_in_the_project_without_a_database(city: City) -> None:
    code, out, err = city.command("check", JICHU_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (code, err, out.startswith("没有问题")) == (0, "", True), out


def test_status_names_what_waits_and_what_is_held(city: City) -> None:
    city.health("20180301", [{**r, "建档日期": "不详"} for r in PEOPLE])
    city.health("20180308", PEOPLE, done=None)
    city.ingest(DATASET)
    code, out, err = city.command("status")
    assert (code, quiet(err)) == (0, True)
    assert f"等待：{DATASET} 20180308" in out
    assert f"挂起：{DATASET} 20180301" in out


def test_a_decision_on_the_command_line_is_written_down(city: City) -> None:
    city.health("20180301", [{**r, "建档日期": "不详"} if i < 3 else r for i, r in enumerate(PEOPLE)])
    city.ingest(DATASET)
    code, out, err = city.command("release", DATASET, "20180301", "--by", "王科", "--why", "部门说明")
    assert (code, quiet(err)) == (0, True)
    assert "已放行" in out
    assert city.query("select state, decided_by, decided_why, rows_new from ops.delivery") == [("loaded", "王科", "部门说明", 9)]
