"""One small file in, spec and fixture out: what names and values together say of a column, and what is admitted as doubtful."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from etl.propose import Proposal, propose
from etl.propose.fictitious import citizen_id, credit_code, organization_code, registration_number, shape
from etl.propose.hints import english

HEAD = "卡号,持卡人,证号码,出生年月日,工作单位,信用代码,住址,手机,补贴金额(万元),性别,发卡时间"
BIRTHS = ["1950-01-02", "1951/3/4", "1952年5月6日", "19530708", "1954-09-10", "1955.11.12"]


@pytest.fixture
def proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proposal:
    """A file of forty fictitious card holders, with column names no spec has."""
    from datetime import date

    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")
    file = tmp_path / "cards.csv"
    with file.open("w", encoding="gb18030", newline="") as f:
        out = csv.writer(f)
        out.writerow(HEAD.split(","))
        for i in range(40):
            born = BIRTHS[i % 6]
            digits = [int(n) for n in "".join(c if c.isdigit() else " " for c in born).split()]
            day = date(*digits) if len(digits) == 3 else date(1953, 7, 8)
            code = credit_code(i) if i % 9 else f"{organization_code(i)[:8]}-{organization_code(i)[8]}"
            row = [f"LZ{i:06d}", "王李张陈"[i % 4] + "示例", citizen_id(day, i % 2 == 0, i), born, f"泸州示例{i}有限公司", code]
            out.writerow(
                [*row, f"泸州市江阳区示例路{i}号", f"139008{i:05d}", f"{i}.5", "女男"[i % 2 == 0], f"2017-03-{i % 27 + 1:02d} 08:30:00"]
            )
    return propose("civil_affairs/allowance_cards", file)


def test_values_say_what_names_do_not(proposal: Proposal) -> None:
    told = {t.delivered: (t.rule, t.choice.unit, t.role) for t in proposal.told}
    assert told == {
        "卡号": ("text", None, None),
        "持卡人": ("person_name", None, None),
        "证号码": ("citizen_id", None, None),
        "出生年月日": ("date", None, None),
        "工作单位": ("entity_name", None, None),
        "信用代码": ("entity_code", None, None),
        "住址": ("address", None, "residence"),
        "手机": ("phone", None, None),
        "补贴金额(万元)": ("amount", "万元", None),
        "性别": ("sex", None, None),
        "发卡时间": ("datetime", None, None),
    }
    assert proposal.source.key == ["卡号"]
    assert proposal.source.delivery.encoding == "gb18030"
    assert (proposal.trial.rows_in, proposal.trial.accepted) == (40, 40)


def test_the_spec_reads_back_as_what_was_proposed(proposal: Proposal) -> None:
    body = yaml.safe_load(proposal.files["schemas/sources/civil_affairs/allowance_cards.yml"])
    again = type(proposal.source).model_validate({**body, "name": proposal.source.name, "stem": proposal.source.stem})
    assert again == proposal.source


def test_what_is_not_certain_is_said(proposal: Proposal) -> None:
    said = "\n".join(proposal.doubts)
    assert "kind 与 due" in said and "required" in said and "told_at" in said
    assert "？" in proposal.files["schemas/sources/civil_affairs/allowance_cards.yml"].decode()


def test_the_fixture_is_read_as_its_lines_expect(proposal: Proposal) -> None:
    where = "tests/fixtures/sources/civil_affairs/allowance_cards/"
    rows = proposal.files[where + "delivered.csv"].decode("gb18030").splitlines()
    expected = [json.loads(line) for line in proposal.files[where + "expected.jsonl"].decode().splitlines()]
    assert rows[0] == HEAD
    assert len(rows) - 1 == len(expected) >= 3
    assert {"name", "citizen_id", "birth_date", "phone", "sex_code", "code"} <= set(expected[0]["row"])
    assert all(e["row"]["citizen_id_state"] == "ok" and e["row"]["birth_date"] for e in expected)


def test_made_numbers_hold_by_their_own_rules() -> None:
    from datetime import date

    from etl.clean import prepare

    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as con:
        prepare(con)
        for i in range(30):
            numbers = (citizen_id(date(1970, 1, 1 + i % 28), i % 2 == 0, i), credit_code(i), organization_code(i), registration_number(i))
            told = con.execute(
                """select citizen_id_fault($1, citizen_id_sum(citizen_id_number($1)), citizen_id_birth($1), date '2018-03-01'),
                    is_uscc($2, is_organization_code(organization_part($2))), is_organization_code($3), is_registration_number($4)""",
                list(numbers),
            ).fetchall()[0]
            assert told == (None, True, True, True), i


def test_a_shape_keeps_lengths_and_strokes_and_nothing_else() -> None:
    made = shape("王小明AB-12 3号", 5)
    assert len(made) == len("王小明AB-12 3号")
    assert made[5] == "-" and made.endswith("号")
    assert not set("王小明") & set(made)


@pytest.mark.parametrize(
    ("name", "made", "pinyin"),
    [
        ("发证日期", "issued_on", False),
        ("许可证编号", "permit_number", False),
        ("Unit Name", "unit_name", False),
        ("2016年", "column_2016_year", False),
        ("薛", "xue", True),
    ],
)
def test_names_are_english_where_words_are_known_and_pinyin_where_not(name: str, made: str, pinyin: bool) -> None:
    assert english(name) == (made, pinyin)


def test_a_file_without_header_gets_names_by_content_and_a_key_of_two_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    file = tmp_path / "visits.txt"
    lines = [f"V{i // 2:05d}|王示例|2017-0{1 + i % 2}-15|12.{i}|" for i in range(60)]
    file.write_text("\n".join(lines) + "\n", encoding="gb18030")
    done = propose("health/visits", file)
    assert done.source.delivery.header is False
    assert len(done.source.key) == 2 and "date" in done.source.key
    assert (done.trial.rows_in, done.trial.accepted) == (60, 60)
    assert any("没有表头" in d for d in done.doubts)


def test_a_date_that_never_repeats_is_a_key_with_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")
    file = tmp_path / "巡查.csv"
    file.write_text(
        "巡查日期,结果\n" + "".join(f"2018-01-{day:02d},{'合格' if day % 3 else '整改'}\n" for day in range(1, 29)), encoding="utf-8"
    )
    done = propose("emergency/inspections", file)
    assert done.source.key == ["巡查日期"]
    assert any("日期" in d and "碰巧" in d for d in done.doubts), done.doubts


def test_columns_that_cannot_be_declared_are_named_in_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    file = tmp_path / "a.csv"
    file.write_text("编号,备注,备注\n" + "".join(f"A{i:04d},x{i},y\n" for i in range(20)), encoding="utf-8")
    done = propose("health/remarks", file)
    assert list(done.source.columns) == ["编号"]
    assert "列“备注”没有声明" in done.files["schemas/sources/health/remarks.yml"].decode()
    assert done.trial.accepted == 20


def test_nothing_of_a_person_stays_in_a_fixture_however_odd_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows, columns that have shifted, notes around numbers, full-width digits: a small file is where shapes betray most."""
    monkeypatch.setenv("JICHU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JICHU_TODAY", "2018-03-01")
    file = tmp_path / "a.csv"
    rows = [
        "编号,姓名,身份证号,性别,电话,出生日期,经手,去处",
        "K1,卓玛央金,510502197501013334（卓玛央金本人）,男,13912345678（家）,1975-01-01(卓玛),卓经办,拉萨",
        "K2,510502198802024445,霍启明,霍启明,霍宅０８３０２３４５６７８,霍生日,霍经办,重庆",
        "K3,Nancy Huo,５１０５０２１９９１０３０３５５５Ｘ,女,无,1991年3月3日,单子文,单县",
    ]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = propose("health/odd", file)
    made = done.files["tests/fixtures/sources/health/odd/delivered.csv"].decode()
    body = made.split("\n", 1)[1]
    for secret in (
        "卓",
        "玛",
        "央",
        "霍",
        "启",
        "单",
        "拉萨",
        "重庆",
        "Nancy",
        "Huo",
        "19750101",
        "1975-01-01",
        "198802",
        "1991",
        "3912345",
        "２３４５６",
    ):
        assert secret not in body, secret
