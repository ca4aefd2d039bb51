"""Backup, destruction, restore, and the day after; landings that are past their term."""

import json
import shutil
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pipeline_kit import City, citizen_id, content, differing, full_name, health_record, newcomer

DATASET, FLOATING = "health/health_records", "public_security/floating_population"
PEOPLE = [
    health_record(f"h{i}", full_name(i), citizen_id("510502", f"1980{i + 1:02}15", 2 * i + 1), f"1980-{i + 1:02}-15") for i in range(12)
]


@pytest.fixture(scope="module")
def loaded(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city after its first day, with a row in quarantine and the second day's deliveries at hand but not delivered."""
    folder = tmp_path_factory.mktemp("recovery")
    city = City(folder / "drop", folder / "home", new_database())
    city.plates()
    city.health("20180301", [*PEOPLE[:11], {**PEOPLE[11], "建档日期": "不详"}], name="第一天.csv")
    city.floating("20180301", [newcomer("f1", full_name(1), PEOPLE[1]["身份证号"], "1980-02-15")])
    code, out, err = city.command("run")
    assert code == 0, out + err
    return city


@pytest.fixture(scope="module")
def backup(loaded: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backup of that day."""
    to = tmp_path_factory.mktemp("backups") / "to"
    code, out, err = loaded.command("backup", "--to", str(to), "--jobs", "2")
    assert (code, err) == (0, ""), out + err
    (folder,) = to.iterdir()
    return folder


def second_day(city: City) -> None:
    """What the second day brings: changes, a row that is mended, one that is gone."""
    city.health("20180308", [{**PEOPLE[0], "联系电话": "13811112222"}, *PEOPLE[1:10], PEOPLE[11]])
    code, out, err = city.command("run", JICHU_TODAY="2018-03-12")
    assert code == 0, out + err


def test_a_restored_city_is_equal_and_goes_on_as_the_undisturbed_one(
    loaded: City, backup: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    shutil.copytree(loaded.drop, tmp_path / "drop")
    restored = City(tmp_path / "drop", tmp_path / "home", new_database())
    code, out, err = restored.command("restore", str(backup))
    assert (code, err) == (0, ""), out + err
    assert "逐表核对一致" in out
    assert differing(content(loaded.url, ["ops.backup"]), content(restored.url, ["ops.backup"])) == {}
    for city in (loaded, restored):
        second_day(city)
    assert differing(content(loaded.url, ["ops.backup"]), content(restored.url, ["ops.backup"])) == {}
    assert restored.counts(DATASET)[-1][2] > 0, "the second day found the first day's rows"
    rights = "select has_schema_privilege('public', 'access', 'usage'), has_function_privilege('public', 'access.verify()', 'execute')"
    assert restored.query(rights) == loaded.query(rights), "what is refused to others is refused still"


def test_a_backup_is_private_and_its_manifest_knows_every_byte(backup: Path) -> None:
    told = json.loads((backup / "manifest.json").read_text(encoding="utf-8"))
    there = {str(p.relative_to(backup)) for p in backup.rglob("*") if p.is_file()} - {"manifest.json", "manifest.json.sha256"}
    assert there == set(told["files"])
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in [backup, *backup.rglob("*")])
    assert told["tables"]["population.person"][0] > 0
    assert any(name.startswith("home/landing/") for name in told["files"])
    assert not any(p.name.startswith(".tmp-") for p in backup.parent.iterdir())


def test_nothing_is_overwritten_unless_that_is_asked(loaded: City, backup: Path) -> None:
    before = content(loaded.url)
    code, _, err = loaded.command("restore", str(backup))
    assert (code, "--force" in err, err.count("\n")) == (2, True, 1), err
    assert content(loaded.url) == before


def test_a_backup_with_a_changed_byte_is_not_restored(backup: Path, city: City, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copytree(backup, spoilt)
    file = next(p for p in sorted((spoilt / "database").iterdir()) if p.name.endswith(".gz"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, _, err = city.command("restore", str(spoilt))
    assert (code, "内容不符" in err) == (2, True), err
    assert city.query("select count(*) from ops.delivery") == [(0,)]


def test_no_password_is_on_the_command_line_of_a_program(loaded: City, monkeypatch: pytest.MonkeyPatch) -> None:
    from etl.recovery import client
    from etl.settings import load

    with loaded.inside():
        where, environment = client.target(load())
    assert environment["PGPASSWORD"] not in where
    assert environment["PGPASSWORD"] in loaded.url


# ── landings past their term ──


def prune(city: City, *arguments: str, **environment: str) -> tuple[int, str, str]:
    return city.command("prune", *arguments, **({"JICHU_TODAY": "2018-06-01"} | environment))


def landings(city: City, dataset: str = DATASET) -> list[str]:
    return sorted(p.parent.name[:8] for p in (city.home / "landing" / dataset).glob("*/manifest.json"))


@pytest.fixture
def three_deliveries(city: City) -> City:
    """Health records of three days: the first is mended since, the second has a refused row that still waits, the third is the newest."""
    city.health("20180301", [*PEOPLE[:11], {**PEOPLE[11], "建档日期": "不详"}])
    city.health("20180308", PEOPLE)
    city.health("20180315", PEOPLE, name="again.csv")
    for day in ("2018-03-05", "2018-03-10", "2018-03-20"):
        city.ingest(DATASET, today=day)
    return city


def test_what_is_past_its_term_and_needed_by_nobody_goes_and_is_written_down(three_deliveries: City) -> None:
    city = three_deliveries
    code, out, _ = prune(city, "--keep-days", "30", "--dry-run")
    assert (code, "会删除 2 次" in out, len(landings(city))) == (0, True, 3), out
    code, out, _ = prune(city, "--keep-days", "30")
    assert (code, "已删除 2 次" in out, landings(city)) == (0, True, ["20180315"]), out
    told = city.query("select delivered_on, keep_days, files > 2, bytes > 0 from ops.pruned order by 1")
    assert told == [(date(2018, 3, 1), 30, True, True), (date(2018, 3, 8), 30, True, True)]
    code, out, _ = prune(city, "--keep-days", "30")
    assert (code, "没有过期" in out) == (0, True), "the newest stays, however old"
    assert city.ingest(DATASET) == [], "what was loaded is not loaded again"
    code, out, _ = city.command("replay", DATASET)
    assert (code, "2 次交付的落地副本已按保存期限删除" in out) == (0, True), out


def test_what_waits_for_an_answer_stays(city: City) -> None:
    city.health(
        "20180301", [*PEOPLE[:11], *[{**PEOPLE[11], "档案号": f"x{i}", "建档日期": "不详"} for i in range(5)]]
    )  # held: too many bad
    city.ingest(DATASET)
    assert city.states(DATASET)[0][1] == "held"
    code, out, _ = prune(city, JICHU_KEEP_DAYS="1")
    assert (code, "没有过期" in out, landings(city)) == (0, True, ["20180301"]), out


def test_rows_in_quarantine_keep_their_landing(city: City) -> None:
    people = [newcomer(f"f{i}", full_name(i), "", "1991-01-01") for i in range(15)]
    city.floating("20180301", [*people, newcomer("", full_name(15), "", "1991-01-01")])  # no key: nothing that comes later mends it
    city.floating("20180308", people[:1])
    for day in ("2018-03-05", "2018-03-10"):
        city.ingest(FLOATING, today=day)
    waiting = {f"{r[0]:.8}" for r in city.query("select delivery_id from quality.quarantine where status = 'open'")}
    prune(city, "--keep-days", "30")
    assert waiting <= set(landings(city, FLOATING)), waiting


def test_without_a_term_nothing_is_removed(three_deliveries: City) -> None:
    code, _, err = prune(three_deliveries)
    assert (code, "没有设保存期限" in err, len(landings(three_deliveries))) == (2, True, 3), err
