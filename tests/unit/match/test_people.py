"""Who is who, in a town made for the hard cases: every pair that must meet, and every pair that must not."""

import random
import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from linking import Record, Row, clusters, fill, told, workbench

from etl.match import person
from etl.workbench import Workbench

REGISTER, HEALTH, FLOATING, STUDENTS = (
    "public_security/household_register",
    "health/health_records",
    "public_security/floating_population",
    "education/students",
)
COURT, GRID, APPEALS = "court/dishonest_debtors", "county_510502/grid_residents", "mass_work/appeals"


def number(birth: str, order: int, region: str = "510502") -> str:
    """A citizen's number with a right check digit."""
    body = f"{region}{birth}{order:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


class Town:
    """The rows of the feed and the plates of their addresses."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.matches: list[dict[str, Any]] = []

    def register(self, key: str, name: str, id_number: str, **more: Any) -> None:
        birth = date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))
        sex = "1" if int(id_number[16]) % 2 else "2"
        self.says(
            REGISTER,
            key,
            name,
            citizen_id=id_number,
            citizen_id_text=id_number,
            citizen_id_state="ok",
            birth_date=birth,
            sex_code=sex,
            **more,
        )

    def says(self, dataset: str, key: str, name: str | None, plate: str | None = None, role: str = "self", **fields: Any) -> None:
        self.rows.append(told(dataset, key, role, name=name, **{"citizen_id_state": "missing"} | fields))
        if plate:
            purpose = "registered" if dataset == REGISTER else "residence"
            self.matches.append(
                {
                    "dataset": dataset,
                    "source_key": key,
                    "role": purpose,
                    "text": plate,
                    "address_code": plate,
                    "region_code": "510502001001",
                    "level": "number",
                    "score": 0.99,
                }
            )

    def appeals(self, key: str, name: str | None, phone: str | None, place: str) -> None:
        self.says(APPEALS, key, name, role="appellant", phone=phone, told_at="2018-02-01")
        self.matches.append(
            {
                "dataset": APPEALS,
                "source_key": key,
                "role": "place",
                "text": place,
                "address_code": place,
                "region_code": "510502001001",
                "level": "number",
                "score": 0.99,
            }
        )


def masked(id_number: str) -> dict[str, str]:
    return {"citizen_id_text": id_number[:4] + "*" * 10 + id_number[14:], "citizen_id_state": "masked"}


def town() -> Town:
    t = Town()
    # two characters: one 王芳 with a phone of her own; two 罗静 born on one day
    t.register("wang", "王芳", number("19800101", 22), phone="13911110001", plate="A1")
    t.says(HEALTH, "wang", "王芳", birth_date=date(1980, 1, 1), sex_code="2", phone="13911110001")
    t.register("luo1", "罗静", number("19810202", 22), plate="A2")
    t.register("luo2", "罗静", number("19810202", 24), plate="A3")
    t.says(HEALTH, "luo", "罗静", birth_date=date(1981, 2, 2), sex_code="2")
    # a homophone, a gap, pinyin
    t.register("zhang", "章文炜", number("19820303", 11), phone="13911110003", plate="A4")
    t.says(HEALTH, "homophone", "张文玮", birth_date=date(1982, 3, 3), sex_code="1", phone="13911110003", plate="A4")
    t.says(GRID, "gap", "章文?", birth_date=date(1982, 3, 3), sex_code="1", phone="13911110003", plate="A4")
    t.says(FLOATING, "pinyin", "章文wei", citizen_id=number("19820303", 11), citizen_id_text=number("19820303", 11), citizen_id_state="ok")
    # twins who sound alike
    t.register("twin1", "李一鸣", number("20080404", 11), phone="13911110004", plate="A5", household_id="H5")
    t.register("twin2", "李一铭", number("20080404", 13), phone="13911110004", plate="A5", household_id="H5")
    t.says(STUDENTS, "twin1", "李一鸣", birth_date=date(2008, 4, 4), sex_code="1", phone="13911110004", plate="A5")
    t.says(STUDENTS, "twin2", "李一铭", birth_date=date(2008, 4, 4), sex_code="1", phone="13911110004", plate="A5")
    # father and son of one name, in one house, with one phone
    t.register("father", "陈建国", number("19600505", 11), phone="13911110005", plate="A6", household_id="H6")
    t.register("son", "陈建国", number("19900606", 11), phone="13911110005", plate="A6", household_id="H6")
    t.says(HEALTH, "son", "陈建国", birth_date=date(1990, 6, 6), sex_code="1", phone="13911110005", plate="A6")
    t.says(GRID, "either", "陈建国", sex_code="1", phone="13911110005", plate="A6")
    # a mother's number on her child's row
    mother = number("19850707", 22)
    t.register("mother", "周慧敏", mother, phone="13911110006", plate="A7", household_id="H7")
    t.register("child", "吴小宝", number("20100808", 11), phone="13911110006", plate="A7", household_id="H7")
    t.says(
        STUDENTS,
        "child",
        "吴小宝",
        citizen_id=mother,
        citizen_id_text=mother,
        citizen_id_state="ok",
        birth_date=date(2010, 8, 8),
        sex_code="1",
        phone="13911110006",
        plate="A7",
    )
    # masked numbers: one 刘大海 fits, two 何秀英 fit
    t.register("sea", "刘大海", number("19700909", 11), plate="A8")
    t.says(COURT, "sea", "刘大海", role="subject", **masked(number("19700909", 11)))
    one = number("19711010", 22)
    t.register("he1", "何秀英", one, plate="A9")
    other = next(n for n in (number(f"1972{m:02d}{d:02d}", 22) for m in range(1, 13) for d in range(1, 29)) if n[14:] == one[14:])
    t.register("he2", "何秀英", other, plate="A10")
    t.says(COURT, "he", "何秀英", role="subject", **masked(one))
    # a family on one phone in one house
    for i, (name, order, birth) in enumerate(
        [("孙大山", 11, "19550101"), ("孙小山", 13, "19800202"), ("孙小川", 15, "19820303"), ("孙小河", 17, "19840404")]
    ):
        t.register(f"sun{i}", name, number(birth, order), phone="13911110009", plate="A11", household_id="H11")
    t.says(HEALTH, "sun2", "孙小川", sex_code="1", phone="13911110009", plate="A11", birth_date=date(1982, 3, 3))
    # a former name under the same number; somebody else's number under a wholly different person
    t.register("former", "黄改名", number("19750101", 22), plate="A12")
    t.says(
        HEALTH,
        "former",
        "黄翠花",
        citizen_id=number("19750101", 22),
        citizen_id_text=number("19750101", 22),
        citizen_id_state="ok",
        birth_date=date(1975, 1, 1),
        sex_code="2",
    )
    t.says(
        HEALTH,
        "mistaken",
        "曹雪峰",
        citizen_id=number("19750101", 22),
        citizen_id_text=number("19750101", 22),
        citizen_id_state="ok",
        birth_date=date(1993, 4, 5),
        sex_code="1",
        phone="13911110012",
    )
    # a number with one digit wrong
    wrong = number("19760202", 11)
    t.register("digit", "郭志强", wrong, plate="A13")
    t.says(
        HEALTH,
        "digit",
        "郭志强",
        citizen_id_text=wrong[:16] + ("0" if wrong[16] != "0" else "5") + wrong[17],
        citizen_id_state="invalid",
        birth_date=date(1976, 2, 2),
        sex_code="1",
    )
    # a grid worker writes what he sees: a character that looks alike, another surname, the wrong sex; no number, no birth date
    t.register("snow", "许雪梦", number("19770101", 22), phone="13911110014", plate="A14")
    t.says(GRID, "snow", "许雷梦", sex_code="2", phone="13911110014", plate="A14")
    t.register("horse", "马静", number("19780101", 22), phone="13911110015", plate="A15")
    t.says(GRID, "horse", "冯静", sex_code="2", phone="13911110015", plate="A15")
    t.register("sex", "秦山旺", number("19790101", 11), phone="13911110016", plate="A16")
    t.says(GRID, "sex", "秦山旺", sex_code="2", phone="13911110016", plate="A16")
    # brothers share all but a character
    t.register("brother", "钱国强", number("19790301", 11), phone="13911110017", plate="A17")
    t.says(GRID, "brother", "钱国富", sex_code="1", phone="13911110017", plate="A17")
    # appeals: the trouble is at home; nobody said who called, one alone uses the phone, or a couple does
    t.register("caller", "岳波", number("19840620", 11), phone="13911110018", plate="A18")
    t.appeals("named", "岳波", None, "A18")
    t.appeals("unnamed", None, "13911110018", "A18")
    t.register("husband", "冷大江", number("19840621", 11), phone="13911110019", plate="A19")
    t.says(HEALTH, "spouse", "游小燕", birth_date=date(1985, 1, 1), sex_code="2", phone="13911110019", plate="A19")
    t.appeals("couple", None, "13911110019", "A19")
    # markup for a name, beside the number
    t.register("markup", "刁龙军", number("19881013", 11), plate="A20")
    t.says(
        GRID,
        "markup",
        "<b>1</b>",
        citizen_id=number("19881013", 11),
        citizen_id_text=number("19881013", 11),
        citizen_id_state="ok",
        sex_code="1",
        plate="A20",
    )
    # a digit wrong that makes a stranger's valid number, born the same day: neither his phone nor his home
    t.register("stranger", "郭梓颖", number("19530505", 22), phone="13911110021", plate="A21")
    t.says(
        HEALTH,
        "stranger",
        "郭琳群",
        citizen_id=number("19530505", 22),
        citizen_id_text=number("19530505", 22),
        citizen_id_state="ok",
        birth_date=date(1953, 5, 5),
        sex_code="2",
        phone="13911110022",
        plate="A22",
    )
    # a guardian of whom only the name is told, and a child that bears his surname at his plate
    t.register("guarded", "薛小宝", number("20100101", 11), phone="13911110023", plate="A23")
    t.register("guardian", "薛祖长", number("19780505", 11), plate="A23")
    t.says(STUDENTS, "guarded", "薛祖长", role="guardian", phone="13911110023", plate="A23")
    t.says(STUDENTS, "guarded", "薛小宝", citizen_id=number("20100101", 11), citizen_id_text=number("20100101", 11), citizen_id_state="ok")
    # a few hundred others, so that a name, a phone and a plate tell as much as in a city
    for i in range(400):
        given = chr(0x4E00 + 37 * i) + chr(0x5200 + 11 * i)
        t.register(f"other{i}", "丁" + given, number(f"{1950 + i % 60}0612", 11 + 2 * (i // 60)), phone=f"1370000{i:04d}", plate=f"B{i}")
    # nobody knows this one
    t.says(HEALTH, "alone", "欧阳孤独", birth_date=date(1999, 9, 9))
    return t


def linked(rows: list[Row], matches: list[Row], folder: Path, before: dict[Record, str] | None = None) -> dict[Record, str]:
    """The persons of these records. `before`: the members that were published yesterday."""
    with workbench("population", folder) as bench:
        _lay(bench, rows, matches, before or {})
        person.link(bench)
        return clusters(bench.con, "person")


def _lay(bench: Workbench, rows: list[Row], matches: list[Row], before: dict[Record, str]) -> None:
    fill(bench.con, "feed.person", rows)
    fill(bench.con, "published.address_match", matches)
    fill(
        bench.con,
        "published.person_member",
        [
            dict(zip(("dataset", "source_key", "role", "person_id", "first_delivered_on"), (*r, i, date(2018, 3, 1)), strict=True))
            for r, i in before.items()
        ],
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Record, str]]:
    made = town()
    yield linked(made.rows, made.matches, tmp_path_factory.mktemp("town"))


def of(found: dict[Record, str], dataset: str, key: str, role: str = "self") -> str:
    return found[(dataset, key, role)]


def test_every_record_is_somebody(found: dict[Record, str]) -> None:
    assert len(found) == len(town().rows)


@pytest.mark.parametrize(
    ("dataset", "key", "registered"),
    [
        (HEALTH, "wang", "wang"),
        (HEALTH, "homophone", "zhang"),
        (GRID, "gap", "zhang"),
        (FLOATING, "pinyin", "zhang"),
        (STUDENTS, "twin1", "twin1"),
        (STUDENTS, "twin2", "twin2"),
        (HEALTH, "son", "son"),
        (STUDENTS, "child", "child"),
        (HEALTH, "sun2", "sun2"),
        (HEALTH, "former", "former"),
        (HEALTH, "digit", "digit"),
        (GRID, "snow", "snow"),
        (GRID, "horse", "horse"),
        (GRID, "sex", "sex"),
        (GRID, "markup", "markup"),
    ],
)
def test_a_record_meets_its_person(found: dict[Record, str], dataset: str, key: str, registered: str) -> None:
    assert of(found, dataset, key) == of(found, REGISTER, registered)


def test_a_brother_is_not_a_misspelling(found: dict[Record, str]) -> None:
    assert of(found, GRID, "brother") != of(found, REGISTER, "brother")


def test_who_appeals_about_his_own_home_is_known_by_name_or_phone(found: dict[Record, str]) -> None:
    assert of(found, APPEALS, "named", "appellant") == of(found, REGISTER, "caller")
    assert of(found, APPEALS, "unnamed", "appellant") == of(found, REGISTER, "caller")


def test_a_phone_of_two_does_not_tell_who_called(found: dict[Record, str]) -> None:
    caller = of(found, APPEALS, "couple", "appellant")
    assert caller not in (of(found, REGISTER, "husband"), of(found, HEALTH, "spouse"))


def test_a_strangers_number_is_not_a_former_name(found: dict[Record, str]) -> None:
    assert of(found, HEALTH, "stranger") != of(found, REGISTER, "stranger")


def test_a_guardian_is_known_by_name_and_plate_and_is_not_the_child(found: dict[Record, str]) -> None:
    assert of(found, STUDENTS, "guarded", "guardian") == of(found, REGISTER, "guardian")


def test_a_masked_number_that_fits_one_person_is_that_person(found: dict[Record, str]) -> None:
    assert of(found, COURT, "sea", "subject") == of(found, REGISTER, "sea")


def test_a_masked_number_that_fits_two_persons_is_neither(found: dict[Record, str]) -> None:
    assert of(found, COURT, "he", "subject") not in (of(found, REGISTER, "he1"), of(found, REGISTER, "he2"))


def test_a_common_name_and_birth_date_that_fit_two_persons_are_neither(found: dict[Record, str]) -> None:
    assert of(found, HEALTH, "luo") not in (of(found, REGISTER, "luo1"), of(found, REGISTER, "luo2"))


def test_no_two_persons_of_the_register_are_ever_one(found: dict[Record, str]) -> None:
    registered = [i for (d, _, _), i in found.items() if d == REGISTER]
    assert len(set(registered)) == len(registered)


def test_a_guardians_number_does_not_make_a_child_its_guardian(found: dict[Record, str]) -> None:
    assert of(found, STUDENTS, "child") != of(found, REGISTER, "mother")


def test_somebody_elses_number_does_not_make_one_somebody_else(found: dict[Record, str]) -> None:
    assert of(found, HEALTH, "mistaken") != of(found, REGISTER, "former")


def test_who_resembles_nobody_is_a_person_of_its_own(found: dict[Record, str]) -> None:
    mine = of(found, HEALTH, "alone")
    assert [r for r, i in found.items() if i == mine] == [(HEALTH, "alone", "self")]


def grouped(found: dict[Record, str]) -> set[frozenset[Record]]:
    groups: dict[str, set[Record]] = {}
    for record, party in found.items():
        groups.setdefault(party, set()).add(record)
    return {frozenset(g) for g in groups.values()}


def weeks(seed: int) -> Iterator[list[Row]]:
    """A random sequence of deliveries of the town: after each, all that is held. Records come in any order, leave their register and come back."""
    chance, waiting = random.Random(seed), list(town().rows)
    chance.shuffle(waiting)
    cuts = sorted(chance.sample(range(1, len(waiting)), chance.randint(1, 3)))
    held: list[dict[str, Any]] = []
    for week, (begin, end) in enumerate(pairwise([0, *cuts, len(waiting)])):
        for row in held:
            if chance.random() < (0.5 if row.get("removed_on") else 0.05):
                row["removed_on"] = None if row.get("removed_on") else date(2018, 3, 1) + timedelta(weeks=week)
        held += waiting[begin:end]
        yield [dict(row) for row in held]


def test_any_sequence_of_deliveries_ends_as_one_load_of_everything(tmp_path: Path, sequence: int) -> None:
    matches, before = town().matches, dict[Record, str]()
    for n, rows in enumerate(weeks(sequence)):
        today = linked(rows, matches, tmp_path / f"week{n}", before)
        for group in grouped(today):
            had, mine = {before[r] for r in group if r in before}, {today[r] for r in group}
            taken = had <= {today[r] for r in today if r not in group}  # of a split, the register's part keeps the id
            assert not had or mine <= had or taken, "an id stays, or gives way to another of those it met"
        before = today
    assert grouped(before) == grouped(linked(rows, matches, tmp_path / "once"))


def test_the_same_edges_come_of_every_run(tmp_path: Path) -> None:
    """Whatever order the records come in, with versions of last week that differ in something compared or only in the home."""
    town_ = town()
    earlier = [
        {**row, "delivered_on": date(2018, 2, 22), "replaced_on": date(2018, 3, 1), **changed}
        for row in town_.rows
        for changed in ({"sex_code": None}, {"residence_address": "旧址"}, {"phone": "13900000000"})
    ]

    def written(shuffled: random.Random) -> tuple[list[Any], list[Any]]:
        with workbench("population", tmp_path) as bench:
            _lay(bench, shuffled.sample(town_.rows, len(town_.rows)), town_.matches, {})
            fill(bench.con, "past.person", shuffled.sample(earlier, len(earlier)))
            person.link(bench)
            edges = bench.con.execute("from matched.person_edge order by all").fetchall()
            return edges, bench.con.execute("from matched.person_review order by all").fetchall()

    first = written(random.Random(1))
    assert len(first[0]) > 10
    scores = [edge[3] for edge in first[0] if edge[2].startswith("scored")]
    assert scores and all(p == round(p, 6) < 1 for p in scores)  # 1 is of rules alone
    assert written(random.Random(2)) == first


def test_no_step_compares_all_with_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few pairs are scored among many records, a filter on two tables must not become a join of its own."""
    town_ = town()
    for i in range(1500):
        born = f"{1950 + i % 50}{1 + i % 12:02d}{1 + i % 28:02d}"
        town_.register(f"other{i}", f"{'赵钱孙周吴'[i % 5]}{chr(0x4E00 + i)}{chr(0x6E00 - i)}", number(born, i % 1000))
    execute, planned, slow = duckdb.DuckDBPyConnection.execute, 0, []

    def looking(con: duckdb.DuckDBPyConnection, query: Any, *more: Any, **named: Any) -> Any:
        nonlocal planned
        if re.match(r"\s*create or replace (temp )?table", query) and len(duckdb.extract_statements(query)) == 1:
            plan = "".join(row[1] for row in execute(con, f"explain {query}").fetchall())
            planned += "Hash Join" in plan
            slow.extend(re.findall(r"Nested Loop Join|Blockwise NL Join|Piecewise Merge Join|IE ?Join", plan) and [query.strip()[:80]])
        return execute(con, query, *more, **named)

    with workbench("population", tmp_path) as bench:
        _lay(bench, town_.rows, town_.matches, {})
        monkeypatch.setattr(duckdb.DuckDBPyConnection, "execute", looking)
        person.link(bench)
    assert planned > 30
    assert slow == []
