"""The owners' mail against a real PostGIS and a real SMTP server: what it says, what it hides, that none is lost or sent twice."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import psycopg2
import pytest
from aiosmtpd.controller import Controller
from psycopg2.extras import Json, execute_values

from etl import db, migrate, report, settings, spec, tickets
from etl.platform.postgres import Cluster, free_port
from etl.report import failing
from etl.settings import Settings

TODAY = date(2018, 3, 8)
NAMES = ["张小山", "李桂芳", "王?明", "欧阳建国", "陈", "𠮷田小红", "赵\U000e0100丽华", "=cmd|'/c calc'!A1", "周大福（户主）", "钱多多"]
ADDRESSES = [f"四川省泸州市江阳区华阳街道酒城大道{i}段{i}2号{i}栋{i}0{i}" for i in range(1, 10)]


def citizen_id(i: int) -> str:
    """A made-up number in the form of a citizen ID, with a wrong check digit."""
    return f"51050219{60 + i % 40:02d}{1 + i % 12:02d}{1 + i % 28:02d}{100 + i % 900}{i % 10}"


def phone(i: int) -> str:
    return f"138{12340000 + 7 * i}"


@dataclass(frozen=True)
class Score:
    scope: str
    name: str
    dimension: str
    value: float | None
    previous: float | None


SCORES = [
    Score("department", "health", "total", 96.23, 95.4),
    Score("department", "health", "normativity", 98.6, 97.9),
    Score("department", "health", "completeness", 97.1, 97.1),
    Score("department", "health", "accuracy", 91.4, 93.0),
    Score("department", "health", "consistency", 95.2, 92.8),
    Score("department", "health", "timeliness", 100.0, 100.0),
    Score("department", "health", "accessibility", None, None),
    Score("dataset", "health/health_records", "total", 95.8, 95.1),
    Score("dataset", "health/birth_certificates", "total", 99.2, 98.7),
    Score("dataset", "health/death_certificates", "total", 97.0, None),
    Score("department", "court", "total", 88.0, None),
]


def delivery(
    dataset: str, day: date, state: str = "loaded", reason: str | None = None, notes: tuple[str, ...] = (), **rows: int
) -> tuple[Any, ...]:
    fates = [rows.get(k, 0) for k in ("new", "changed", "unchanged", "duplicate", "quarantined")]
    return (
        dataset,
        f"{day:%Y%m%d}-ab12cd3{len(dataset) % 10}",
        day,
        "full",
        state,
        reason,
        "0" * 64,
        rows.get("total", sum(fates)),
        *fates,
        rows.get("removed", 0),
        list(notes),
    )


def insert(con: Any, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    with con.cursor() as c:
        execute_values(c, f"insert into {table} ({columns}) values %s", rows)
    con.commit()


def plant(url: str) -> None:
    """The books after some deliveries of the health commission and the court, with mistakes of every kind in them."""
    con = psycopg2.connect(url)
    ids, first, second = [citizen_id(i) for i in range(400)], date(2018, 3, 1), date(2018, 3, 8)
    fates = "dataset, delivery_id, delivered_on, kind, state, reason, content_sha256, rows_in, rows_new, rows_changed, rows_unchanged, "
    fates += "rows_duplicate, rows_quarantined, rows_removed, notes"
    strange = ("多出的列：备注（已保留在落地副本，未装载）",)
    insert(con, "ops.delivery", fates, [
        delivery("health/health_records", first, new=19_214, duplicate=12, quarantined=9),
        delivery("health/birth_certificates", first, new=812, quarantined=1),
        delivery("health/death_certificates", first, new=133),
        delivery("court/dishonest_debtors", first, new=40),
        delivery("health/health_records", second, new=118, changed=64, unchanged=19_131, duplicate=3, quarantined=7, removed=19, notes=strange),
        delivery("health/birth_certificates", second, new=31, changed=2, quarantined=1),
        delivery("health/death_certificates", second, "rejected", "missing_column: 缺少列“死亡日期”", total=17),
    ])  # fmt: skip
    record = "health/health_records"
    found = [(record, f"DA{i:06d}", "身份证号", "id_check", ids[i], i + 1) for i in range(23)]
    found += [(record, f"DA{i:06d}", "联系电话", "phone_filler", "11111111111", i + 1) for i in range(30, 41)]
    found += [(record, f"DA{i:06d}", "联系电话", "phone_invalid", phone(i)[:10], i + 1) for i in range(41, 46)]
    found += [(record, f"DA{i:06d}", "姓名", "name_rare", NAMES[i % 10], i + 1) for i in range(50, 60)]
    found += [(record, f"DA{i:06d}", "现住址", "address_hazard", "=" + ADDRESSES[i % 9], i + 1) for i in range(60, 63)]
    found += [(record, f"DA{i:06d}", "出生日期", "not_a_date", "2017-02-30", i + 1) for i in range(70, 74)]
    found += [(record, f"DA{i:06d}", "身份证号", "id_birth_differs", ids[i], i + 1) for i in range(70, 73)]
    found += [(record, f"DA{i:06d}", "身份证号", "id_legacy15", ids[i][:6] + ids[i][8:17], i + 1) for i in range(80, 102)]
    found += [("health/birth_certificates", f"Q51{i:07d}", "母亲证件号码", "id_length", ids[i][:17], i) for i in range(300, 304)]
    found += [
        ("court/dishonest_debtors", f"（2018）川0502执{i}号|{NAMES[i % 2]}", "名称", "name_decorated", NAMES[i % 2] + " ", i)
        for i in range(1, 4)
    ]
    insert(
        con,
        "quality.finding",
        "dataset, source_key, column_name, problem, value, row_number, delivery_id, opened_on",
        [(*f, f"{first:%Y%m%d}-ab12cd31", first) for f in found],
    )
    mended = [(record, f"DA{i:06d}", "身份证号", "id_check", ids[i], i, "20180301-ab12cd31", first, second) for i in range(200, 212)]
    mended += [
        (record, "DA000001", "身份证号", "id_check", ids[1], 2, "20180301-ab12cd31", first, second)
    ]  # closed and opened again: not mended
    insert(
        con, "quality.finding", "dataset, source_key, column_name, problem, value, row_number, delivery_id, opened_on, closed_on", mended
    )
    raw = Json({"姓名": NAMES[0], "身份证号": ids[3], "现住址": ADDRESSES[0], "联系电话": phone(3)})
    refused = [
        (record, "20180308-ab12cd31", 17, "DA000017", ["bad_date: 建档日期“2017-02-30”不是真实日期"], raw, "open", None),
        (record, "20180308-ab12cd31", 44, None, ["missing_key: 主键列“档案号”为空"], raw, "open", None),
        (
            record,
            "20180308-ab12cd31",
            45,
            "DA000045",
            ["key_conflict: 同一主键在本次交付中出现多次而内容不同，无法判断哪一行为准"],
            raw,
            "open",
            None,
        ),
        (
            record,
            "20180308-ab12cd31",
            46,
            "DA000045",
            ["key_conflict: 同一主键在本次交付中出现多次而内容不同，无法判断哪一行为准"],
            raw,
            "open",
            None,
        ),
        (record, "20180301-ab12cd31", 90, "DA000090", ["bad_date: 建档日期“不详”不是真实日期"], raw, "fixed", "20180308-ab12cd31"),
        (
            "health/birth_certificates",
            "20180308-ab12cd36",
            5,
            ids[9],
            [f"bad_date: 出生时间“{NAMES[1]} {ids[9]}”不是真实时间"],
            raw,
            "open",
            None,
        ),
    ]
    insert(con, "quality.quarantine", "dataset, delivery_id, row_number, source_key, reasons, record, status, closed_by", refused)
    differs = [
        (
            "population",
            f"P{i:010d}",
            "birth_date",
            "1987-02-1" + str(i),
            "public_security/household_register",
            "1987-12-0" + str(i),
            record,
            f"DA{i:06d}",
        )
        for i in range(1, 7)
    ]
    differs += [
        ("population", f"P{i:010d}", "name", NAMES[0], "public_security/household_register", NAMES[1], record, f"DA{i:06d}")
        for i in range(1, 4)
    ]
    differs += [
        ("population", f"P{i:010d}", "residence_address", ADDRESSES[0], record, ADDRESSES[1], "education/students", f"G{ids[i]}")
        for i in range(1, 3)
    ]
    insert(con, "quality.disagreement", "library, record_id, field, kept_value, kept_from, other_value, other_from, other_key", differs)
    results = [
        (
            record,
            "register_covers_recent_births",
            "completeness",
            "warning",
            False,
            False,
            19_316,
            43,
            "半年内出生、已有出生证明的新生儿应当建档",
            None,
        ),
        (record, "phone_share_is_steady", "completeness", "warning", False, True, 0, 0, "电话填报率不应骤降", None),
    ]
    insert(
        con, "quality.result", "target, expectation, dimension, severity, success, broken, checked, failed, because, column_name", results
    )
    con.close()


def secrets() -> set[str]:
    """Everything that may never be read in a mail, a page or a workbook."""
    ids = [citizen_id(i) for i in range(400)]
    return {
        *ids,
        *(i[:17] for i in ids),
        *(i[:6] + i[8:17] for i in ids),
        *(phone(i)[:10] for i in range(400)),
        *(a[10:] for a in ADDRESSES),
        *(n for n in NAMES if len(n) > 2),
    }


def everything_in(file: Path) -> str:
    """All text a reader could find in an output: decoded parts, unescaped markup, every cell."""
    if file.suffix == ".xlsx":
        book = openpyxl.load_workbook(file)
        return "\n".join(
            str(v) for sheet in book for row in sheet.iter_rows(values_only=True) for v in (sheet.title, *row) if v is not None
        )
    if file.suffix == ".eml":
        return letter_text(message_from_bytes(file.read_bytes(), policy=policy.default))
    return unescape(file.read_text(encoding="utf-8"))


def letter_text(letter: Any) -> str:
    parts = [p.get_content() for p in letter.walk() if p.get_content_maintype() == "text"]
    return unescape("\n".join([str(letter["Subject"]), *parts]))


@pytest.fixture(scope="module")
def planted(postgis_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database with the books in it, to copy from."""
    postgis_cluster.server.create_database("report_books", "jichu", template="pristine")
    url = postgis_cluster.role_url("jichu", "report_books")
    migrate.migrate(replace(settings.load(), database_url=url, home=tmp_path_factory.mktemp("home")))
    plant(url)
    yield "report_books"
    postgis_cluster.server.drop_database("report_books")


@pytest.fixture
def world(planted: str, postgis_cluster: Cluster, jichu_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A business day with its own copy of the books and an empty home, without a mail server."""
    postgis_cluster.server.create_database("report_test", "jichu", template=planted)
    monkeypatch.setenv("JICHU_DATABASE_URL", postgis_cluster.role_url("jichu", "report_test"))
    monkeypatch.setenv("JICHU_HOME", str(jichu_home))
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT", raising=False)
    yield settings.load(as_of=TODAY.isoformat())
    postgis_cluster.server.drop_database("report_test")


def build(world: Settings, out: Path, owner: str | None = None) -> list[report.Report]:
    return report.build(world, spec.load(), owner, out, SCORES)


def test_each_department_gets_a_page_a_letter_and_a_workbook(world: Settings, tmp_path: Path) -> None:
    assert [r.department for r in build(world, tmp_path / "out")] == ["court", "health"]
    assert {f.name for f in (tmp_path / "out").iterdir()} == {f"{d}.{s}" for d in ("court", "health") for s in ("html", "eml", "xlsx")}


def test_the_subject_says_the_one_thing_that_matters(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    assert health.subject == "【数据质量】市卫生计生委：死亡医学证明 3月8日的交付被拒收：缺少约定的列，得分 96.2（↑0.8）"
    con = psycopg2.connect(world.database_url)
    with con, con.cursor() as c:
        c.execute("delete from ops.delivery where state = 'rejected'")
    con.close()
    (health,) = build(world, tmp_path, "health")
    assert re.fullmatch(
        r"【数据质量】市卫生计生委：居民健康档案有 \d+ 行要改，共 \d+ 行（其中 \d+ 行未能入库），得分 96\.2（↑0\.8）", health.subject
    )


def test_nothing_personal_is_in_any_output(world: Settings, tmp_path: Path) -> None:
    build(world, tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        text = everything_in(file)
        leaked = {i for i, s in enumerate(sorted(secrets())) if s in text}
        assert not leaked, f"{file.name}: {len(leaked)}"
        assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", text.replace("11111111111", "")), file.name
        assert not re.search(r"(?<![0-9a-f])[1-8]\d{5}(?:19|20)\d{9}[\dXx]", text), file.name


def test_the_letter_has_text_page_picture_and_workbook_and_the_page_needs_nothing_else(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    letter = message_from_bytes(health.eml.read_bytes(), policy=policy.default)
    assert [p.get_content_type() for p in letter.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]  # fmt: skip
    page = letter.get_body(("html",)).get_content()
    (cid,) = re.findall(r'src="cid:([^"]+)"', page)
    assert [p["Content-ID"] for p in letter.walk() if p["Content-ID"]] == [f"<{cid}>"]
    assert 'alt="各维度得分：规范性 98.6（↑0.7）' in page
    alone = health.html.read_text(encoding="utf-8")
    assert "data:image/png;base64," in alone
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|<script|@import|url\(""", alone)
    assert len(page) < 100_000, "Gmail cuts longer mails"


def test_the_mail_speaks_the_departments_own_words(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    text = everything_in(health.html)
    for said in (
        "身份证号：身份号码校验码不对", "第 1 行 · DA000000", "510502********", "缺少列“死亡日期”", "请补齐列后重新交付", "建档日期“2017-02-30”不是真实日期",
        "市公安局《户籍人口》", "现采信对方", "现采信贵单位", "半年内出生", "2018年3月22日", "多出的列：备注", "原先未能入库的行已入库",
    ):  # fmt: skip
        assert said in text, said
    assert "电话填报率" not in text, "a broken check says nothing about the data"
    assert re.search(r">12</b> 居民健康档案·身份证号：身份号码校验码不对", text), "a finding closed and opened again is not mended"


def test_a_key_that_is_a_citizen_id_is_masked_and_found_by_delivery_and_row(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    text = everything_in(health.xlsx)
    assert "20180308-ab12cd36" in text
    assert citizen_id(9)[:6] + "********" + citizen_id(9)[14:] in text


def test_the_workbook_holds_one_sheet_a_rule_and_nothing_that_runs(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    book = openpyxl.load_workbook(health.xlsx)
    assert book.sheetnames[0] == "说明"
    rules = [s for s in book if s["C2"].value == "主键"]
    assert [c.value for c in rules[0][2]] == ["单号", "数据集", "主键", "交付批次", "行号", "列", "脱敏后的值", "应为", "您的答复", "说明"]
    numbers = [row[0].value for s in rules for row in s.iter_rows(min_row=3)]
    assert all(re.fullmatch("[0-9A-Z]{4}-[0-9A-Z]{4}", str(n)) for n in numbers)
    assert {s.title.split(" ", 1)[1][:6] for s in book if s.title != "说明"} >= {"身份号码校验", "未入库 缺主", "与其他部门不"}
    for sheet in book:
        assert sheet.title == "说明" or sheet.freeze_panes == "A3"
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not isinstance(cell.value, str) or not cell.value.startswith(("=", "+", "-", "@"))
                assert not isinstance(cell.value, str) or cell.number_format == "@"


def staged(world: Settings, dataset: str, rows: list[dict[str, Any]], texts: dict[str, list[str | None]] | None = None) -> None:
    """Rows as they are loaded (the first is row 1 of 20180308-ab12cd31), and what was delivered in some columns where it is still landed."""
    source = spec.load().sources[dataset]
    con = psycopg2.connect(world.database_url)
    with con:
        migrate.staging(con, spec.load(), source)
    fixed = {
        "dataset": dataset,
        "row_hash": "0" * 32,
        "delivery_id": "20180308-ab12cd31",
        "first_delivered_on": TODAY,
        "delivered_on": TODAY,
    }
    for i, row in enumerate(rows, 1):
        whole = fixed | {"row_number": i} | row
        insert(con, f"staging.{source.table}", ", ".join(whole), [tuple(whole.values())])
    con.close()
    if texts:
        folder = world.home / "landing" / dataset / "20180308-ab12cd31"
        folder.mkdir(parents=True)
        columns = ", ".join(f'unnest(?) as "{c}"' for c in texts)
        duck = duckdb.connect()
        duck.execute(f"create table t as select row_number() over () as row_number, * from (select {columns})", list(texts.values()))
        duck.execute(f"copy t to '{folder / 'rows.parquet'}' (format parquet)")


def failed(world: Settings, dataset: str, name: str, column: str | None, rows: int, because: str = "出生日期决定体检与疫苗安排。") -> None:
    con = psycopg2.connect(world.database_url)
    result = (dataset, name, "completeness", "warning", False, False, 10, rows, because, column)
    insert(
        con, "quality.result", "target, expectation, dimension, severity, success, broken, checked, failed, because, column_name", [result]
    )
    con.close()


def table(file: Path, title: str) -> list[dict[str, Any]]:
    """The rows of the sheet whose name holds this, by heading."""
    (sheet,) = [s for s in openpyxl.load_workbook(file) if title in s.title]
    heads = [c.value for c in sheet[2]]
    return [dict(zip(heads, (c.value for c in row), strict=True)) for row in sheet.iter_rows(min_row=3)]


RECORDS = "health/health_records"


def test_a_failed_check_names_the_rows_that_fail_it_with_what_was_written_there(world: Settings, tmp_path: Path) -> None:
    born = {"source_key": "DA000900", "birth_date": date(1987, 2, 11)}
    lost = [{"source_key": f"DA0009{i:02d}"} for i in range(1, 13)]
    gone = {"source_key": "DA000999", "removed_on": TODAY}
    staged(world, RECORDS, [born, *lost, gone], {"出生日期": ["1987-02-11", "不详", *["无"] * 11, "不详"]})
    failed(world, RECORDS, "birth_date_is_filled", "出生日期", 411)
    (health,) = build(world, tmp_path, "health")
    found = table(health.xlsx, "出生日期空着")
    assert [r["主键"] for r in found] == [row["source_key"] for row in lost]
    assert [(r["交付批次"], r["行号"], r["列"], r["脱敏后的值"]) for r in found[:2]] == [
        ("20180308-ab12cd31", 2, "出生日期", "不详"),
        ("20180308-ab12cd31", 3, "出生日期", "无"),
    ]
    assert all("填写实际的值" in r["怎样改"] for r in found)
    (answered,) = [r for r in table(health.xlsx, "未过的检查") if r["列"] == "出生日期"]
    assert (answered["不合格行数"], answered["共查行数"]) == (12, 13)
    assert re.fullmatch(r"工作表“\d+ 出生日期空着，或所写的读不出”", answered["在哪些行"])
    page, letter = everything_in(health.html), everything_in(health.eml)
    for text in (page, letter):
        assert "出生日期空着，或所写的读不出" in text
        assert "第 2 行 · DA000901" in text
        assert "整张表的问题除外" in text, "another check of this department is about the whole table"


def test_rows_to_mend_are_counted_once_however_many_checks_they_fail(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path / "before", "health")
    (before,) = re.findall(r"待改 (\d+) 行", everything_in(health.eml))
    staged(world, RECORDS, [{"source_key": key} for key in ("DA000000", "DA000901")])  # the first has an open ticket already
    failed(world, RECORDS, "birth_date_is_filled", "出生日期", 2)
    failed(world, RECORDS, "residence_address_is_filled", "现住址", 2)
    with db.transaction(world) as con:
        tickets.follow_dataset(con, spec.load(), RECORDS, "20180308-ab12cd31", TODAY)
    (health,) = build(world, tmp_path / "after", "health")
    (after,) = re.findall(r"待改 (\d+) 行", everything_in(health.eml))
    assert int(after) == int(before) + 1


def test_a_row_that_its_own_ticket_names_is_not_listed_twice(world: Settings, tmp_path: Path) -> None:
    staged(
        world, RECORDS, [{"source_key": "DA000000", "citizen_id_state": "check"}, {"source_key": "DA000901", "citizen_id_state": "missing"}]
    )
    failed(world, RECORDS, "citizen_id_is_right", "身份证号", 2)
    (health,) = build(world, tmp_path, "health")
    assert [r["主键"] for r in table(health.xlsx, "不是约定的号码")] == ["DA000901"]
    (answered,) = [r for r in table(health.xlsx, "未过的检查") if r["列"] == "身份证号"]
    assert "另有 1 行已按具体的问题列在其他工作表" in answered["在哪些行"]


def test_without_the_landing_the_rows_are_named_all_the_same(world: Settings, tmp_path: Path) -> None:
    staged(world, RECORDS, [{"source_key": "DA000901"}])
    failed(world, RECORDS, "birth_date_is_filled", "出生日期", 1)
    (health,) = build(world, tmp_path, "health")
    assert [(r["行号"], r["脱敏后的值"]) for r in table(health.xlsx, "出生日期空着")] == [(1, "（空，或读不出）")]


def test_of_many_failing_rows_the_first_are_listed_and_how_many_there_are(
    world: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing, "MOST", 3)
    staged(world, RECORDS, [{"source_key": f"DA{i:06d}"} for i in range(900, 905)])
    failed(world, RECORDS, "birth_date_is_filled", "出生日期", 5)
    (health,) = build(world, tmp_path, "health")
    (sheet,) = [s for s in openpyxl.load_workbook(health.xlsx) if "出生日期空着" in s.title]
    assert [row[3].value for row in sheet.iter_rows(min_row=3)] == [1, 2, 3]
    assert "共 5 行，此处列出 3 行，另有 2 行" in str(sheet["A1"].value)


def test_two_columns_of_a_row_are_both_shown_and_a_birth_date_keeps_its_year_alone(world: Settings, tmp_path: Path) -> None:
    number = citizen_id(1)
    row = {"source_key": "DA000901", "told_at": "1980-01-02", "birth_date": "1987-02-11"}
    staged(world, RECORDS, [row], {"建档日期": ["1980-01-02"], "出生日期": ["1987-02-11"], "身份证号": [number]})
    failed(world, RECORDS, "opened_after_birth", "建档日期", 1)
    (health,) = build(world, tmp_path, "health")
    (found,) = table(health.xlsx, "建档日期早于")
    assert found["脱敏后的值"] == "建档日期：1980-01-02；出生日期：1987-**-**"
    assert "02-11" not in everything_in(health.xlsx)


def test_a_check_of_the_whole_table_says_that_there_are_no_rows(world: Settings, tmp_path: Path) -> None:
    failed(world, RECORDS, "past_volume", None, 0, "本次 3 行，以往 1 次的中位数为 91 行")
    (health,) = build(world, tmp_path, "health")
    (answered,) = [r for r in table(health.xlsx, "未过的检查") if "中位数" in r["检查"]]
    assert "没有单独的行" in answered["在哪些行"]
    assert "整张表：本次 3 行，以往 1 次的中位数为 91 行" in everything_in(health.html)


def test_a_difference_under_a_masked_key_is_found_by_delivery_and_row(world: Settings, tmp_path: Path) -> None:
    staged(world, "education/students", [{"source_key": f"G{citizen_id(1)}", "row_number": 47}])
    con = psycopg2.connect(world.database_url)
    insert(con, "ops.delivery", "dataset, delivery_id, delivered_on, kind, state, content_sha256", [("education/students", "20180308-ab12cd31", TODAY, "full", "loaded", "x")])  # fmt: skip
    con.close()
    (education,) = build(world, tmp_path, "education")
    found = {r["交付批次"]: (r["主键"], r["行号"]) for r in table(education.xlsx, "与其他部门不一致") if r["行号"]}
    assert found == {"20180308-ab12cd31": (f"G{citizen_id(1)[:6]}********{citizen_id(1)[14:]}", 47)}
    assert "3月8日交付 20180308-ab12cd31 第 47 行" in everything_in(education.html)


def test_where_it_was_believed_a_department_is_shown_its_own_record(world: Settings, tmp_path: Path) -> None:
    staged(world, RECORDS, [{"source_key": "DA000001", "row_number": 7, "residence_address": ADDRESSES[5]}, {"source_key": "DA000777", "row_number": 8, "residence_address": ADDRESSES[0]}])  # fmt: skip
    con = psycopg2.connect(world.database_url)
    insert(con, "population.person_record", "dataset, source_key, role, person_id, rule, probability, version_from", [
        (RECORDS, key, "self", "P0000000001", "number", 1, TODAY) for key in ("DA000001", "DA000777")
    ])  # fmt: skip
    said = ("population", "person", "residence_address", RECORDS, "self", 1, "health__health_records", "residence_address", "true")
    insert(con, "quality.field_source", "library, kind, field, dataset, role, place, staging_table, expression, condition", [said])
    con.close()
    (health,) = build(world, tmp_path, "health")
    shown = {r["本平台编号"]: (r["数据集"], r["主键"], r["交付批次"], r["行号"]) for r in table(health.xlsx, "现采信贵单位")}
    assert shown["P0000000001"] == (f"居民健康档案（{RECORDS}）", "DA000777", "20180308-ab12cd31", 8), "the record that says what is kept"
    assert shown["P0000000002"][1:] == ("（不在现有数据中）", None, None)


def test_rows_that_were_tried_once_more_are_found_where_they_were_delivered(world: Settings, tmp_path: Path) -> None:
    con = psycopg2.connect(world.database_url)
    columns = "dataset, delivery_id, row_number, source_key, reasons, record, status, closed_by"
    retry = "20180308-replay-ab12cd31"
    insert(con, "quality.quarantine", columns, [
        (RECORDS, "20180301-ab12cd31", n, None, ["missing_key: 主键列“档案号”为空"], Json({"姓名": f"{n}"}), "fixed", retry) for n in (500, 600)
    ] + [(RECORDS, retry, n, None, ["missing_key: 主键列“档案号”为空"], Json({"姓名": f"{n}"}), "open", None) for n in (1, 2)])  # fmt: skip
    retried = (RECORDS, retry, TODAY, "replay", "loaded", "x", 2, 2)
    insert(con, "ops.delivery", "dataset, delivery_id, delivered_on, kind, state, content_sha256, rows_in, rows_quarantined", [retried])
    con.close()
    (health,) = build(world, tmp_path, "health")
    places = {(r["交付批次"], r["行号"]) for r in table(health.xlsx, "缺主键")}
    assert places == {("20180308-ab12cd31", 44), ("20180301-ab12cd31", 500), ("20180301-ab12cd31", 600)}
    assert "replay" not in everything_in(health.html) + everything_in(health.xlsx)


def test_a_row_that_lacks_two_parts_of_its_key_is_one_row_with_both_reasons(world: Settings, tmp_path: Path) -> None:
    con = psycopg2.connect(world.database_url)
    columns, delivery = "dataset, delivery_id, row_number, source_key, reasons, record, status", "20180308-ab12cd31"
    both = ["missing_key: 主键列“档案号”为空", "missing_key: 主键列“建档机构”为空"]
    insert(con, "quality.quarantine", columns, [(RECORDS, delivery, 777, None, both, Json({"姓名": "某"}), "open")])
    con.close()
    with db.transaction(world) as con:
        tickets.follow_dataset(con, spec.load(), RECORDS, delivery, TODAY)
    (health,) = build(world, tmp_path, "health")
    (row,) = [r for r in table(health.xlsx, "缺主键") if r["行号"] == 777]
    assert "档案号" in row["原因"] and "建档机构" in row["原因"]
    assert f"缺主键（{len(table(health.xlsx, '缺主键'))} 行）" in everything_in(health.eml)


def test_rows_that_repeat_one_value_stand_side_by_side(world: Settings, tmp_path: Path) -> None:
    numbers = [citizen_id(n) for n in (1, 2, 3, 1, 2, 3)]
    rows = [{"source_key": f"DA00090{i}", "citizen_id": number, "citizen_id_state": "ok"} for i, number in enumerate(numbers)]
    staged(world, RECORDS, rows, {"身份证号": numbers})
    failed(world, RECORDS, "one_record_a_person", "身份证号", 6)
    (health,) = build(world, tmp_path, "health")
    keys = [r["主键"] for r in table(health.xlsx, "重复")]
    assert {frozenset(keys[i : i + 2]) for i in (0, 2, 4)} == {frozenset((f"DA00090{i}", f"DA00090{i + 3}")) for i in range(3)}


def test_what_a_rows_own_finding_says_a_library_does_not_ask_once_more(world: Settings, tmp_path: Path) -> None:
    keys = ("DA000000", "DA000902", "DA000903")  # the first has a ticket of its own for that column, the last a hint, which asks nothing
    staged(world, RECORDS, [{"source_key": key} for key in keys])
    con = psycopg2.connect(world.database_url)
    found = "library, target, expectation, severity, because, dataset, source_key, record_id, field, delivery_id, row_number, opened_on"
    said = ("population", "population.person", "number_is_there", "warning", "没有号码；请补上号码")
    insert(
        con,
        "quality.library_finding",
        found,
        [(*said, RECORDS, k, "P1", "身份证号", "20180308-ab12cd31", n, TODAY) for n, k in enumerate(keys, 1)],
    )
    ticket = "kind, thing, department, dataset, source_key, library, field, problem, delivery_id, row_number, value_hash, opened_on"
    insert(con, "quality.ticket", ticket, [
        ("library", str(uuid.uuid4()), "health", RECORDS, k, "population", "身份证号", "population.person.number_is_there", "20180308-ab12cd31", n, str(uuid.uuid4()), TODAY)
        for n, k in enumerate(keys, 1)
    ])  # fmt: skip
    own = [
        ("wrong", str(uuid.uuid4()), "health", RECORDS, k, "身份证号", "citizen_id", "20180308-ab12cd31", 1, str(uuid.uuid4()), TODAY, hint)
        for k, hint in ((keys[0], False), (keys[2], True))
    ]
    told = "kind, thing, department, dataset, source_key, field, problem, delivery_id, row_number, value_hash, opened_on, hint"
    insert(con, "quality.ticket", told, own)
    con.close()
    (health,) = build(world, tmp_path, "health")
    assert [r["主键"] for r in table(health.xlsx, "没有号码")] == ["DA000902", "DA000903"]


def test_a_letter_kept_as_a_file_says_from_whom_and_to_whom(world: Settings, tmp_path: Path) -> None:
    (health,) = build(world, tmp_path, "health")
    letter = message_from_bytes(health.eml.read_bytes(), policy=policy.default)
    assert letter["From"].addresses[0].display_name == "基础数据平台"
    assert [a.addr_spec for a in letter["To"].addresses] == spec.load().departments["health"].owners


def test_a_long_sheet_is_cut_and_says_how_many_more(world: Settings, tmp_path: Path) -> None:
    con = psycopg2.connect(world.database_url)
    with con, con.cursor() as c:
        c.execute(
            "insert into quality.finding select 'health/health_records', 'X' || i, '联系电话', 'phone_invalid', '123', i, '20180301-ab12cd31', '2018-03-01', null "
            "from generate_series(1, 3000) i"
        )
    con.close()
    (health,) = build(world, tmp_path, "health")
    (sheet,) = [s for s in openpyxl.load_workbook(health.xlsx) if "电话号码位数" in s.title]
    assert sheet.max_row == 2002
    assert "共 3,005 行，此处列出 2,000 行，另有 1,005 行" in str(sheet["A1"].value)


def test_mails_arrive_once_and_the_next_tells_only_what_is_new(
    world: Settings, tmp_path: Path, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail_sink.connection)
    sent = report.send(world, spec.load(), build(world, tmp_path))
    assert [s.state for s in sent] == ["sent", "sent"]
    again = report.send(world, spec.load(), build(world, tmp_path))
    assert [s.state for s in again] == ["already", "already"]
    assert len(mail_sink.received) == 2
    letter = mail_sink.received[-1]
    assert letter["From"].addresses[0].addr_spec == "jichu@example.invalid"
    assert mail_sink.recipients[-1] == spec.load().departments["health"].owners
    texts = [letter_text(m) for m in mail_sink.received]
    assert not [i for i, s in enumerate(sorted(secrets())) if any(s in t for t in texts)]
    later = replace(world, today=date(2018, 3, 9))
    (health,) = build(later, tmp_path, "health")
    text = everything_in(health.html)
    assert "没有新的交付" in text
    assert "感谢" not in text
    assert (later.home / "mail" / "20180308" / "health.html").exists()


def test_a_mail_that_fails_waits_and_goes_out_once_the_server_is_back(
    world: Settings, tmp_path: Path, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{free_port()}?disable_ssl=true&disable_tls=true&retry_limit=2")
    failed = report.send(world, spec.load(), build(world, tmp_path))
    assert [s.state for s in failed] == ["queued", "queued"]
    assert len(list((world.home / "mail" / "outbox").glob("*.eml"))) == 2
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", mail_sink.connection)
    assert [s.state for s in report.send(world, spec.load(), [])] == ["sent", "sent"]
    assert report.send(world, spec.load(), []) == []
    assert len(mail_sink.received) == 2
    assert not list((world.home / "mail" / "outbox").iterdir())


class Picky:
    """An SMTP handler that answers some recipients with a refusal, and counts what each got."""

    def __init__(self, refusals: dict[str, str]) -> None:
        self.refusals, self.got = refusals, Counter[str]()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.got.update(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def picky(monkeypatch: pytest.MonkeyPatch, refusals: dict[str, str]) -> Iterator[Picky]:
    handler, port = Picky(refusals), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port, data_size_limit=64 * 1024**2)
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{port}?disable_ssl=true&disable_tls=true&retry_limit=1")
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


def test_an_owner_whose_address_is_gone_is_stood_in_for(world: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    health = spec.load().departments["health"]
    with picky(monkeypatch, dict.fromkeys(health.owners, "550 no such user")) as server:
        (sent,) = report.send(world, spec.load(), build(world, tmp_path, "health"))
    assert (sent.state, sent.recipients) == ("sent", len(health.substitutes))
    assert server.got == Counter(health.substitutes)


def test_a_second_try_goes_only_to_whom_the_first_did_not_reach(world: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = spec.load()
    two = declared.departments["health"].model_copy(update={"owners": ["a@example.invalid", "b@example.invalid"]})
    registry = replace(declared, departments={**declared.departments, "health": two})
    with picky(monkeypatch, {"b@example.invalid": "451 try again later"}) as server:
        (first,) = report.send(world, registry, build(world, tmp_path, "health"))
        server.refusals.clear()
        (second,) = report.send(world, registry, [])
    assert (first.state, second.state) == ("queued", "sent")
    assert server.got == Counter(["a@example.invalid", "b@example.invalid"])


def test_without_a_mail_server_the_files_stay(world: Settings, tmp_path: Path) -> None:
    sent = report.send(world, spec.load(), build(world, tmp_path / "out"))
    assert [s.state for s in sent] == ["kept", "kept"]
    assert (world.home / "mail" / "20180308" / "court.eml").exists()
