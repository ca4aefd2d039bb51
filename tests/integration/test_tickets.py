"""Tickets against a real PostGIS: opened and closed by the data, told, answered in the workbook; what a hostile workbook gets."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pipeline_kit import City, health_record
from psycopg2.extras import Json
from three_days_kit import DAYS, ThreeDays

from etl import db, pipeline, report, spec, tickets
from etl.errors import UsageError
from etl.report import routing
from etl.report.answers import read
from etl.settings import Settings

FIRST, SECOND, THIRD = date(2018, 3, 1), date(2018, 3, 8), date(2018, 3, 15)
HEALTH, COURT = "health/health_records", "court/dishonest_debtors"
REGISTRY = spec.load()


@pytest.fixture
def books(new_database: Callable[[], str], tmp_path: Path) -> Settings:
    """A database with a first delivery of two departments, each with wrong and refused rows; no ticket yet."""
    made = Settings(new_database(), tmp_path / "drop", tmp_path / "home", "duckdb", 512, FIRST, 5.0, 1000)
    with db.transaction(made) as con:
        for dataset in (HEALTH, COURT):
            deliver(con, dataset, FIRST)
            for i in range(4):
                wrong(con, dataset, f"K{i}", value=f"1380000000{i}")
        refused(con, HEALTH, FIRST, 9, "K9", "建档日期“不详”不是真实日期")
        follow(con, HEALTH, FIRST)
        follow(con, COURT, FIRST)
    return made


def deliver(con: Any, dataset: str, day: date) -> None:
    sql = "insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, content_sha256) values (%s, %s, %s, 'full', 'loaded', 'x')"
    db.rows(con, sql, [dataset, f"{day:%Y%m%d}", day])


def wrong(con: Any, dataset: str, key: str, value: str, problem: str = "phone_invalid", day: date = FIRST) -> None:
    sql = "insert into quality.finding (dataset, source_key, column_name, problem, value, row_number, delivery_id, opened_on) values (%s, %s, '联系电话', %s, %s, 1, %s, %s)"
    db.rows(con, sql, [dataset, key, problem, value, f"{day:%Y%m%d}", day])


def refused(con: Any, dataset: str, day: date, row: int, key: str | None, why: str) -> None:
    sql = "insert into quality.quarantine (dataset, delivery_id, row_number, source_key, reasons, record) values (%s, %s, %s, %s, %s, %s)"
    db.rows(con, sql, [dataset, f"{day:%Y%m%d}", row, key, [f"bad_date: {why}"], Json({"建档日期": why})])


def mend(con: Any, dataset: str, key: str, day: date = SECOND) -> None:
    db.rows(
        con, "update quality.finding set closed_on = %s where dataset = %s and source_key = %s and closed_on is null", [day, dataset, key]
    )


def follow(con: Any, dataset: str, day: date) -> None:
    tickets.follow_dataset(con, REGISTRY, dataset, f"{day:%Y%m%d}", day)


def asked(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    return db.query(settings, sql)


def states(settings: Settings, dataset: str = HEALTH) -> dict[str, str]:
    """Source key → state of its newest ticket."""
    return dict(asked(settings, f"select source_key, state from quality.ticket where dataset = '{dataset}' order by ticket"))


def workbook(settings: Settings, tmp_path: Path, department: str = "health") -> Path:
    """The department's workbook, and its tickets are told."""
    (made,) = report.build(settings, REGISTRY, department, tmp_path / "out", [])
    with db.transaction(settings) as con:
        tickets.sent(con, made.tickets, made.report_id, settings.today, made.due)
    return made.xlsx


def fill(file: Path, answers: dict[str, str], remark: str = "", into: Path | None = None) -> Path:
    """Writes answers into the rows of these keys, as a clerk does."""
    book = openpyxl.load_workbook(file)
    for sheet in book:
        heads = [c.value for c in sheet[2]] if sheet.max_row > 2 else []
        if "您的答复" in heads and "主键" in heads:
            for row in sheet.iter_rows(min_row=3):
                if (key := row[heads.index("主键")].value) in answers:
                    row[heads.index("您的答复")].value = answers[key]
                    row[heads.index("说明")].value = remark or None
    target = into or file.with_name("returned.xlsx")
    book.save(target)
    return target


def test_every_problem_row_has_a_ticket_of_its_department(books: Settings) -> None:
    assert asked(
        books, "select count(*) from quality.problem p where not exists (select from quality.ticket t where t.thing = p.thing)"
    ) == [(0,)]
    assert asked(books, "select department, count(*) from quality.ticket group by 1 order by 1") == [("court", 4), ("health", 5)]


def test_a_delivery_closes_exactly_what_it_mended(books: Settings) -> None:
    with db.transaction(books) as con:
        mend(con, HEALTH, "K1")
        follow(con, HEALTH, SECOND)
    assert states(books) == {"K0": "open", "K1": "mended", "K2": "open", "K3": "open", "K9": "open"}
    assert set(states(books, COURT).values()) == {"open"}
    closed = asked(
        books,
        "select t.closed_on, t.closed_by, c.from_state, c.to_state, c.by from quality.ticket t join quality.ticket_change c using (ticket)",
    )
    assert closed == [(SECOND, "20180308", "open", "mended", "20180308")]


def test_the_same_thing_again_is_the_same_ticket_and_once_mended_a_new_one(books: Settings) -> None:
    with db.transaction(books) as con:
        mend(con, HEALTH, "K1")
        wrong(con, HEALTH, "K1", "138", day=SECOND)  # said anew by the next delivery, otherwise wrong
        follow(con, HEALTH, SECOND)
    assert asked(books, "select count(*), max(delivery_id) from quality.ticket where source_key = 'K1' and dataset like 'health%'") == [
        (1, "20180308")
    ]
    with db.transaction(books) as con:
        mend(con, HEALTH, "K1", THIRD)
        follow(con, HEALTH, THIRD)
        wrong(con, HEALTH, "K1", "138", day=THIRD)
        follow(con, HEALTH, THIRD)
    assert asked(books, "select state from quality.ticket where source_key = 'K1' and dataset like 'health%' order by ticket") == [
        ("mended",),
        ("open",),
    ]


def test_a_refused_row_without_a_key_is_known_again_by_its_content(books: Settings) -> None:
    with db.transaction(books) as con:
        refused(con, HEALTH, FIRST, 20, None, "甲")
        refused(con, HEALTH, FIRST, 21, None, "乙")
        follow(con, HEALTH, FIRST)
        db.rows(con, "update quality.quarantine set status = 'fixed' where source_key is null")
        refused(con, HEALTH, SECOND, 7, None, "甲")
        follow(con, HEALTH, SECOND)
    said = asked(books, "select state, row_number from quality.ticket where kind = 'refused' and source_key is null order by ticket")
    assert sorted(said) == [("mended", 21), ("open", 7)]


def test_a_failed_check_closes_only_when_as_many_rows_were_seen_to_pass(books: Settings) -> None:
    def checked(con: Any, success: bool, checked: int, failed: int, minute: int) -> None:
        sql = "insert into quality.result (target, expectation, dimension, severity, success, checked, failed, because, run_at) values (%s, 'share', 'accuracy', 'warning', %s, %s, %s, '比例', now() + %s * interval '1 minute')"
        db.rows(con, sql, [HEALTH, success, checked, failed, minute])

    kinds = "select state from quality.ticket where kind = 'check'"
    for minute, (success, n, failed, state) in enumerate([(False, 100, 30, "open"), (True, 10, 0, "open"), (True, 40, 0, "mended")]):
        with db.transaction(books) as con:
            checked(con, success, n, failed, minute)
            follow(con, HEALTH, SECOND)
        assert asked(books, kinds) == [(state,)]


def test_what_was_told_and_is_past_its_date_is_overdue_and_shows_in_the_ageing(books: Settings, tmp_path: Path) -> None:
    workbook(books, tmp_path)
    later = replace(books, today=FIRST + timedelta(days=40))
    with db.transaction(later) as con:
        follow(con, HEALTH, later.today)
        tickets.late(con, later.today)
    assert set(states(books).values()) == {"overdue"}
    assert set(states(books, COURT).values()) == {"open"}, "nobody was told"
    (health,) = [r for r in asked(books, f"select * from quality.ageing('{later.today}')") if r[0] == "health"]
    assert health[1:9] == (5, 0, 0, 5, 0, 0, 0, 5)


def test_numbers_are_opaque_and_an_altered_one_is_nobodys(books: Settings) -> None:
    assert asked(books, "select count(*) from generate_series(1, 5000) n where quality.ticket_of(quality.ticket_number(n)) <> n") == [(0,)]
    number = asked(books, "select quality.ticket_number(7)")[0][0]
    assert asked(books, f"select quality.ticket_of('{number.lower().replace('-', ' ')}')") == [(7,)]
    for i, c in enumerate(number):
        for other in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if c not in ("-", other):
                assert asked(books, f"select quality.ticket_of('{number[:i]}{other}{number[i + 1 :]}')") == [(None,)]


def test_answers_come_back_once_and_what_is_right_as_it_is_is_not_asked_again(books: Settings, tmp_path: Path) -> None:
    returned = fill(workbook(books, tmp_path), {"K0": "原值无误", "K1": "已改正", "K2": "改好了", "K9": "查不到这个人"}, "见档案")
    done = read(books, REGISTRY, returned, None)
    assert (dict(done.taken), done.accepted, done.blank, done.refused) == ({"原值无误": 1, "已改正": 2, "查无此人": 1}, 1, 1, [])
    assert states(books) == {"K0": "accepted", "K1": "answered", "K2": "answered", "K3": "sent", "K9": "answered"}
    again = read(books, REGISTRY, returned, None)
    assert (sum(again.taken.values()), again.unchanged) == (0, 4)
    assert asked(books, "select count(*) from quality.ticket_change where to_state in ('answered', 'accepted')") == [(4,)]
    assert asked(books, "select answered_by, remark from quality.ticket where source_key = 'K0' and department = 'health'") == [
        ("市卫生计生委（工作簿）", "见档案")
    ]
    (next_one,) = report.build(replace(books, today=SECOND), REGISTRY, "health", tmp_path / "next", [])
    assert len(next_one.tickets) == 4, "the accepted one is not in it"
    with db.transaction(books) as con:
        mend(con, HEALTH, "K0")
        wrong(con, HEALTH, "K0", "139", day=SECOND)
        follow(con, HEALTH, SECOND)
    assert states(books)["K0"] == "open", "another value is another question"


def test_an_answer_to_a_value_that_has_changed_meanwhile_accepts_nothing(books: Settings, tmp_path: Path) -> None:
    returned = fill(workbook(books, tmp_path), {"K0": "原值无误"})
    with db.transaction(books) as con:
        mend(con, HEALTH, "K0")
        wrong(con, HEALTH, "K0", "139", day=SECOND)
        follow(con, HEALTH, SECOND)
    assert read(books, REGISTRY, returned, "王经办").accepted == 0
    assert states(books)["K0"] == "answered"


def test_a_remark_is_kept_without_what_is_personal(books: Settings, tmp_path: Path) -> None:
    read(books, REGISTRY, fill(workbook(books, tmp_path), {"K0": "号码应为13812345678"}, "身份证510502199001011234"), None)
    ((remark,),) = asked(books, "select remark from quality.ticket where answer is not null")
    assert "138****5678" in remark
    assert "199001011234" not in remark


def test_bad_rows_of_a_workbook_are_named_by_sheet_and_row(books: Settings, tmp_path: Path) -> None:
    foreign = asked(books, "select quality.ticket_number(ticket) from quality.ticket where department = 'court' limit 1")[0][0]
    returned = fill(workbook(books, tmp_path), dict.fromkeys(("K0", "K1", "K2", "K3", "K9"), "原值无误"))
    book = openpyxl.load_workbook(returned)
    sheet = next(s for s in book if "电话" in s.title)
    numbers = {row[2].value: row[0] for row in sheet.iter_rows(min_row=3)}
    numbers["K0"].value = numbers["K0"].value[:-1] + ("A" if numbers["K0"].value[-1] != "A" else "B")
    numbers["K1"].value = foreign
    numbers["K2"].value, numbers["K3"].value = numbers["K3"].value, numbers["K2"].value
    refused_sheet = next(s for s in book if "未入库" in s.title)
    refused_sheet.cell(3, [c.value for c in refused_sheet[2]].index("您的答复") + 1).value = '="原值"&"无误"'
    book.save(returned)
    done = read(books, REGISTRY, returned, None)
    assert not done.taken
    assert len(done.refused) == 5
    said = "\n".join(done.refused)
    for words in (
        f"工作表“{sheet.title}”第 {numbers['K0'].row} 行：单号不对",
        "单号不是市卫生计生委的",
        "是否只移动了一列",
        "单元格里是公式",
    ):
        assert words in said
    assert set(states(books).values()) == {"sent"}


def test_rows_that_were_sorted_deleted_or_moved_are_still_understood(books: Settings, tmp_path: Path) -> None:
    returned = fill(workbook(books, tmp_path), {"K3": "已改正"})
    book = openpyxl.load_workbook(returned)
    sheet = next(s for s in book if "电话" in s.title)
    sheet.delete_rows(next(row[2].row for row in sheet.iter_rows(min_row=3) if row[2].value == "K0"))
    sheet.insert_rows(1, 2)
    sheet.insert_cols(1)
    sheet.title = "我们的"
    del book["说明"]
    book.save(returned)
    assert dict(read(books, REGISTRY, returned, None).taken) == {"已改正": 1}


def hostile(kind: str, sound: Path, target: Path) -> Path:
    """A workbook that must be refused whole."""
    if kind == "text":
        target.write_text("单号,您的答复", encoding="utf-8")
    elif kind == "old format":
        target.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(5000))
    elif kind == "cut short":
        target.write_bytes(sound.read_bytes()[:3000])
    elif kind == "too big":
        target.write_bytes(bytes(31 * 2**20))
    elif kind == "not ours":
        book = openpyxl.Workbook()
        book.worksheets[0]["A1"] = "甲"
        book.save(target)
    else:
        with zipfile.ZipFile(sound) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
            for part in old.infolist():
                data = old.read(part)
                if kind == "entities" and part.filename == "xl/workbook.xml":
                    data = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]>' + data
                new.writestr(part.filename, data)
            if kind == "macros":
                new.writestr("xl/vbaProject.bin", b"x")
            if kind == "bomb":
                new.writestr("xl/media/a.bin", bytes(420 * 2**20))
    return target


@pytest.mark.parametrize("kind", ["text", "old format", "cut short", "too big", "not ours", "entities", "macros", "bomb"])
def test_a_hostile_workbook_is_refused_whole_in_one_sentence(books: Settings, tmp_path: Path, kind: str) -> None:
    file = hostile(kind, fill(workbook(books, tmp_path), {"K0": "原值无误"}), tmp_path / "hostile.xlsx")
    with pytest.raises(UsageError, match="hostile.xlsx|不是我们发出的"):
        read(books, REGISTRY, file, None)
    assert set(states(books).values()) == {"sent"}


def test_a_workbook_whose_cover_names_another_department_is_refused(books: Settings, tmp_path: Path) -> None:
    returned = fill(workbook(books, tmp_path), {"K0": "原值无误"})
    book = openpyxl.load_workbook(returned)
    for row in book["说明"].iter_rows():
        for cell in row:
            if str(cell.value).startswith("部门代号"):
                cell.value = "部门代号：court"
    book.save(returned)
    with pytest.raises(UsageError, match="court.*health"):
        read(books, REGISTRY, returned, None)


def differ(con: Any, value: str, record: str = "P1", key: str = "K1") -> None:
    sql = "insert into quality.disagreement (library, record_id, field, kept_value, kept_from, other_value, other_from, other_key) values ('population', %s, 'birth_date', '1980-01-01', 'public_security/household_register', %s, %s, %s)"
    db.rows(con, sql, [record, value, HEALTH, key])


def test_a_disagreement_is_a_ticket_of_who_was_not_believed_until_it_is_gone(books: Settings) -> None:
    said = "select department, state, answer from quality.ticket where kind = 'differs' order by ticket"
    with db.transaction(books) as con:
        differ(con, "1980-02-01")
        tickets.follow_library(con, REGISTRY, "population", FIRST)
    assert asked(books, said) == [("health", "open", None)]
    with db.transaction(books) as con:
        db.rows(con, "update quality.ticket set state = 'accepted', answer = '原值无误' where kind = 'differs'")
        db.rows(con, "update quality.disagreement set closed_at = now()")
        differ(con, "1980-02-01", record="P2")  # the record was linked anew: the same word of the department about another identity
        tickets.follow_library(con, REGISTRY, "population", SECOND)
    assert asked(books, said) == [("health", "mended", "原值无误"), ("health", "accepted", "原值无误")]
    with db.transaction(books) as con:
        db.rows(con, "update quality.disagreement set closed_at = now() where closed_at is null")
        tickets.follow_library(con, REGISTRY, "population", THIRD)
    assert [s for _, s, _ in asked(books, said)] == ["mended", "mended"]


def test_who_says_what_of_a_field_is_one_question(city: City) -> None:
    city.plates()
    city.health("20180301", [health_record("h1", "钱守信", "", "1970-01-01"), health_record("h2", "钱守信", "", "1970-01-01")])
    assert city.run(today="2018-03-01").failures == {}
    ((person,),) = city.query("select distinct person_id from population.person_record where source_key = 'h1'")
    said = city.query(
        f"select dataset, source_key, value, agrees, believed, kept_since::text from quality.sources_of('population', '{person}', 'birth_date')"
    )
    assert ("health/health_records", "h1", "1970-01-01", True, True, "2018-03-01") in said
    assert city.query("select * from quality.sources_of('population', 'P0', 'birth_date')") == []


def test_the_pipeline_opens_and_closes_tickets_in_the_same_run(city: City) -> None:
    rows = [health_record(f"h{i}", f"钱{i}", "", f"19{70 + i}-01-01") for i in range(12)]
    city.health("20180301", [{**rows[0], "联系电话": "123"}, {**rows[1], "建档日期": "不详"}, *rows[2:]])
    city.ingest(HEALTH, today="2018-03-01")
    assert city.query("select source_key, kind, state from quality.ticket where not hint and source_key is not null order by 1") == [
        ("h0", "wrong", "open"),
        ("h1", "refused", "open"),
    ]
    city.health("20180308", [rows[0], {**rows[1], "建档日期": "不详"}, *rows[2:]])
    city.ingest(HEALTH, today="2018-03-08")
    assert city.query("select source_key, state, closed_on::text from quality.ticket where not hint and source_key is not null order by 1") == [("h0", "mended", "2018-03-08"), ("h1", "open", None)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_week_closes_exactly_the_tickets_that_its_corrections_mended(three_days: ThreeDays) -> None:
    """By the city's own truth: a refused key that later comes whole is mended on that day, one that does not is open;
    a wrong field is mended only by a delivery that changed or removed its row."""
    import duckdb

    truth = f"read_parquet('{three_days.made}/truth/row_fate.parquet')"
    keyed = "fate = 'bad' and reason <> 'missing_key'"
    bad = duckdb.sql(
        f"select dataset, source_key, min(delivered_on::date), max(delivered_on::date) from {truth} where {keyed} group by all"
    ).fetchall()
    came = set(
        duckdb.sql(f"select dataset, source_key, delivered_on::date from {truth} where fate in ('new', 'changed', 'unchanged')").fetchall()
    )
    rewritten = set(
        duckdb.sql(f"select dataset, source_key, delivered_on::date from {truth} where fate in ('new', 'changed', 'removed')").fetchall()
    )
    told = three_days.city.query(
        "select dataset, source_key, min(opened_on), max(closed_on), bool_and(state = 'mended') from quality.ticket "
        "where kind = 'refused' and problem <> 'missing_key' and source_key is not null group by 1, 2"
    )
    ours = {(dataset, key): (opened, closed if mended else None) for dataset, key, opened, closed, mended in told}
    loaded = three_days.city.query("select dataset, delivered_on, kind from ops.delivery where state = 'loaded'")
    wanted = {}
    for dataset, key, first, last in bad:
        after = [day for d, day, kind in loaded if d == dataset and day > last and (kind == "full" or (d, key, day) in came)]
        wanted[dataset, key] = (first, min(after, default=None))
    assert len(wanted) > 10
    assert ours == wanted
    mended = three_days.city.query("select dataset, source_key, closed_on from quality.ticket where kind = 'wrong' and state = 'mended'")
    told = three_days.city.query(
        f"select source_key, closed_on::text from quality.ticket where dataset = '{HEALTH}' and problem = 'id_format'"
    )
    assert three_days.corrected
    assert {key for key, closed in told if closed == DAYS[-1]} == three_days.corrected
    assert set(mended) <= rewritten | {(HEALTH, key, THIRD) for key in three_days.corrected}
    assert three_days.city.query(
        "select count(*) from quality.ticket t where kind = 'wrong' and closed_on is null and not exists "
        "(select from quality.finding f where f.dataset = t.dataset and f.source_key = t.source_key and f.column_name = t.field and f.problem = t.problem and f.closed_on is null)"
    ) == [(0,)]


def test_a_department_is_not_written_to_twice_in_a_few_days_unless_something_is_held(
    books: Settings, tmp_path: Path, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail_sink.connection)

    def write(day: date) -> str:
        at = replace(books, today=day)
        (sent,) = report.send(at, REGISTRY, report.build(at, REGISTRY, "health", tmp_path / f"{day}", []))
        return sent.state

    assert write(FIRST) == "sent"
    with db.transaction(books) as con:
        wrong(con, HEALTH, "K7", "1")
        follow(con, HEALTH, FIRST)
    assert write(FIRST + timedelta(days=2)) == "quiet"
    with db.transaction(books) as con:
        db.rows(con, "insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, reason, content_sha256) values (%s, 'h', '2018-03-04', 'full', 'held', 'fewer_rows: 少', 'y')", [HEALTH])  # fmt: skip
    at = replace(books, today=FIRST + timedelta(days=3))
    (told,) = report.notify_held(at, REGISTRY, HEALTH, tmp_path / "held")
    assert told.state == "sent"
    assert "挂起待决" in str(mail_sink.received[-1]["Subject"])
    assert report.notify_held(at, REGISTRY, HEALTH, tmp_path / "held") == []
    assert write(FIRST + timedelta(days=3 + routing.load().quiet_days)) == "sent"
    assert asked(books, "select urgent, state from quality.letter order by day, at") == [(False, "sent"), (True, "sent"), (False, "sent")]


def test_who_is_away_is_stood_in_for_until_they_are_back(books: Settings) -> None:
    two = REGISTRY.departments["health"].model_copy(
        update={"owners": ["a@x.invalid", "b@x.invalid"], "substitutes": ["s@x.invalid"], "absent": {"b@x.invalid": SECOND}}
    )
    registry = replace(REGISTRY, departments={**REGISTRY.departments, "health": two})
    assert routing.recipients(registry, "health", FIRST).wanted == ("a@x.invalid", "s@x.invalid")
    assert routing.recipients(registry, "health", SECOND + timedelta(days=1)) == routing.Recipients(
        ("a@x.invalid", "b@x.invalid"), ("s@x.invalid",)
    )


def test_the_leaders_page_is_one_page_of_counts(books: Settings, tmp_path: Path) -> None:
    made = report.leaders(books, REGISTRY, tmp_path, pipeline_scores(books))
    text = made.html.read_text(encoding="utf-8")
    assert made.subject.startswith("【数据质量月报】2018年3月：")
    for said in ("各部门得分", "接入与交换", "问题办理", "未接入", "K0"):
        assert (said in text) == (said != "K0")


def pipeline_scores(books: Settings) -> Any:
    from etl import check

    assert pipeline.sources()
    return check.scores(books.database_url, books.today)
