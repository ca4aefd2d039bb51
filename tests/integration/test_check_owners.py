"""What only a library shows reaches its owner as a ticket; a documented override stands before every source and says who made it; scores are kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from pipeline_kit import City, citizen_id, fill_register, health_record, registered, separated

from etl import pipeline

FATHER, MOTHER, DAUGHTER = (citizen_id("510502", *x) for x in (("19700101", 11), ("19720202", 22), ("19990303", 44)))
FAMILY = [
    registered("r1", "钱守信", FATHER, "19700101", yhzgx="02"),
    registered("r2", "孙丽华", MOTHER, "19720202", "2", yhzgx="12"),
    registered("r3", "钱小雨", DAUGHTER, "19990303", "2", yhzgx="30"),
]
DEATHS = ["死亡证编号", "姓名", "证件号码", "性别", "出生日期", "死亡日期", "户籍地址", "签发日期"]
CERTIFICATE = dict(
    zip(DEATHS, ["d1", "钱守信", FATHER, "男", "1970-01-01", "2018-02-20", "泸州市江阳区佳乐路8号", "2018-02-21"], strict=True)
)
REGISTER, CHECK = "public_security/household_register", "population.person.nobody_with_a_death_certificate_is_said_to_live"
TICKETS = f"select dataset, source_key, field, state, record_id is not null from quality.ticket where kind = 'library' and problem = '{CHECK}' order by ticket"
SCORES = "select count(*), count(distinct day), count(*) filter (where value is null) from quality.score"


@dataclass
class Weeks:
    """Three weeks: what was seen after each."""

    city: City
    mother: str
    tickets: list[list[tuple[object, ...]]]
    births: list[tuple[object, ...]]
    said: dict[str, str]
    reports: list[Path]
    scores: list[tuple[object, ...]]


@pytest.fixture(scope="module")
def weeks(new_database: Callable[[], str], department_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    """A father whom health has a death certificate of is living in the register for a week; the mother's birth date is overridden for a week."""
    folder = tmp_path_factory.mktemp("weeks")
    city = City(folder / "drop", folder / "home", new_database())
    city.extra["AIRFLOW_CONN_PUBLIC_SECURITY"] = department_database.replace("postgresql://", "postgres://", 1)
    city.plates()
    city.health("20180301", [health_record("h2", "孙丽华", MOTHER, "1972-02-02", "女")])
    city.deliver("health/death_certificates", "20180301", separated(DEATHS, [CERTIFICATE], "gb18030"))
    seen = Weeks(city, "", [], [], {}, [], [])

    def week(day: str, register: list[dict[str, object]]) -> None:
        fill_register(department_database, register)
        city.run(today=day)
        out = folder / day
        with city.inside(day):
            pipeline.report(out=str(out), send=True)  # there is no mail server
        seen.reports.append(out)
        seen.tickets.append(city.query(TICKETS))
        seen.births += city.query(f"select birth_date::text, version_from::text from population.person where citizen_id = '{MOTHER}'")
        seen.scores += city.query(SCORES)

    week("2018-03-05", [dict(r) for r in FAMILY])
    ((seen.mother,),) = city.query(f"select person_id from population.person where citizen_id = '{MOTHER}'")
    add = ("override", "add", "population", seen.mother, "birth_date", "1972-02-03", "--by", "王科", "--why", "户籍证明〔2018〕12号")
    seen.said["add"] = city.command(*add, JICHU_TODAY="2018-03-12")[1]
    week("2018-03-12", [dict(r) for r in FAMILY])
    seen.said["explain"] = city.command("explain", "person", seen.mother, JICHU_TODAY="2018-03-12", COLUMNS="240")[1]
    seen.said["list"] = city.command("override", "list", JICHU_TODAY="2018-03-12")[1]
    sources = f"select dataset, value, agrees, believed from quality.sources_of('population', '{seen.mother}', 'birth_date')"
    seen.said["sources"] = str(city.query(sources))
    seen.said["disagree"] = str(
        city.query("select kept_from, other_from from quality.disagreement where field = 'birth_date' and closed_at is null order by 2")
    )
    seen.said["withdraw"] = city.command("override", "withdraw", "1", "--by", "李科", "--why", "证明作废", JICHU_TODAY="2018-03-19")[1]
    week("2018-03-19", [{**FAMILY[0], "zxbs": "1", "zxrq": "20180220", "gxsj": "2018-03-18 08:00:00"}, *map(dict, FAMILY[1:])])
    yield seen


def cells(book: Path) -> list[tuple[object, ...]]:
    """Every row of every sheet."""
    return [row for sheet in openpyxl.load_workbook(book, read_only=True).worksheets for row in sheet.iter_rows(values_only=True)]


def test_a_living_person_with_a_death_certificate_is_a_ticket_of_the_register(weeks: Weeks) -> None:
    assert weeks.tickets[0] == [(REGISTER, "r1", "zxbs", "sent", True)]


def test_the_row_is_in_the_departments_workbook_with_its_key_and_number_and_in_its_mail(weeks: Weeks) -> None:
    (row,) = [r for r in cells(weeks.reports[0] / "public_security.xlsx") if "r1" in r]
    assert REGISTER in str(row[1])
    assert len(str(row[0])) == 9
    assert "zxbs" in str(row[5])
    assert "卫生部门已开死亡证明的人，登记仍为在世" in (weeks.reports[0] / "public_security.html").read_text(encoding="utf-8")


def test_the_registers_next_state_closes_it(weeks: Weeks) -> None:
    assert [len(t) for t in weeks.tickets] == [1, 1, 1]
    assert weeks.tickets[1][0][3] == "sent"
    assert weeks.tickets[2][0][3] == "mended"
    assert weeks.city.query("select count(*) from quality.library_finding where expectation like 'nobody_with%'") == [(0,)]


def test_an_override_stands_until_it_is_withdrawn_and_departments_values_stay(weeks: Weeks) -> None:
    assert [b for b, _ in weeks.births] == ["1972-02-02", "1972-02-03", "1972-02-02"]
    assert "第 1 号更正" in weeks.said["add"]
    staged = "select distinct birth_date::text from staging.public_security__household_register where source_key = 'r2'"
    assert weeks.city.query(staged) == [("1972-02-02",)]


def test_its_author_shows_wherever_one_asks_whom_was_believed(weeks: Weeks) -> None:
    assert "平台更正（第 1 号，王科：户籍证明" in weeks.said["explain"].replace("\n", "")
    assert "('override/1', '1972-02-03', True, True)" in weeks.said["sources"]
    assert f"('{REGISTER}', '1972-02-02', False, False)" in weeks.said["sources"]
    assert weeks.said["disagree"] == f"[('override/1', 'health/health_records'), ('override/1', '{REGISTER}')]"
    assert "平台更正（王科：户籍证明" in (weeks.reports[1] / "public_security.html").read_text(encoding="utf-8")


def test_the_list_names_the_author_and_masks_nothing_that_is_no_secret(weeks: Weeks) -> None:
    assert "王科" in weeks.said["list"]
    ((by, why),) = weeks.city.query("select withdrawn_by, withdrawn_why from quality.override")
    assert (by, why) == ("李科", "证明作废")


def test_an_override_that_cannot_be_is_refused_in_a_sentence(weeks: Weeks) -> None:
    base = ("override", "add", "population")
    tail = ("--by", "王科", "--why", "依据")
    for arguments, said in (
        ((weeks.mother, "birthday", "1972-02-03"), "没有可更正的字段 birthday"),
        ((weeks.mother, "birth_date", "二月三日"), "birth_date 应为日期 YYYY-MM-DD"),
        ((weeks.mother, "sex_code", "7"), "sex_code 没有这个代码"),
        (("P0000000000000000", "birth_date", "1972-02-03"), "没有这样一个人"),
    ):
        with weeks.city.inside(), pytest.raises(Exception, match=said):
            from etl import overrides, settings

            overrides.add(settings.load(), base[2], *arguments, tail[1], tail[3])


def test_scores_are_kept_at_each_publication_and_what_is_not_applicable_stays_so(weeks: Weeks) -> None:
    assert [days for _, days, _ in weeks.scores] == [1, 2, 3]
    assert all(n > 0 for _, _, n in weeks.scores)
    assert weeks.city.query("select count(*) from quality.score where scope = 'city' and dimension = 'total'") == [(3,)]


def test_without_a_mail_server_files_are_handed_on_and_what_they_tell_grows_overdue(weeks: Weeks) -> None:
    kept = weeks.city.query(
        "select count(*) > 0, count(distinct department) > 1 from quality.letter where state = 'kept' and recipients = 0"
    )
    assert kept == [(True, True)]
    open_ones = "select count(*) from quality.ticket where closed_on is null and not hint and state = '{}'"
    assert weeks.city.query(open_ones.format("overdue")) == [(0,)]
    ((told,),) = weeks.city.query(open_ones.format("sent"))
    assert told > 0
    with weeks.city.inside("2018-04-20"):
        pipeline.report()
    assert weeks.city.query(open_ones.format("overdue")) == [(told,)]
