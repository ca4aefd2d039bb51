"""What the synthetic city delivers, read back by other means, agrees with its truth."""

import hashlib
import json
from pathlib import Path

import duckdb
import pytest
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2

from etl.demo import generate
from etl.demo.datasets import catalogue
from etl.errors import UsageError
from tests.unit.demo.delivered import dump, records

FILES = [d for d in catalogue() if not d.is_api and d.write.__qualname__.split(".")[0] != "database"]
VARIED = [
    "public_security/household_register",
    "civil_affairs/marriages",
    "planning/parcels",
    "housing/buildings",
    "quality_supervision/organization_codes",
]


def told(city: Path, query: str) -> list[tuple[object, ...]]:
    return duckdb.sql(query.replace("@", f"{city}/truth/")).fetchall()


@pytest.mark.parametrize("dataset", FILES, ids=lambda d: d.name)
def test_each_file_holds_the_rows_that_the_truth_counts(small_city: Path, dataset: object) -> None:
    for day, drop in enumerate(("drop", "drop_day1", "drop_day2")):
        folder = next(iter((small_city / drop / dataset.name).glob("*")), None)
        counted = told(small_city, f"SELECT rows_in FROM '@delivery.parquet' WHERE dataset = '{dataset.name}' AND day = {day}")
        assert (folder is not None) == bool(counted)
        if folder:
            files = sorted(p for p in folder.iterdir() if p.name != "_SUCCESS")
            assert sum(len(records(p, dataset.key[0])) for p in files) == counted[0][0]


@pytest.mark.parametrize("name", ["health/health_records", "state_tax/taxpayers", "education/students", "mass_work/appeals"])
def test_rows_stand_in_the_file_under_the_number_and_key_of_the_truth(small_city: Path, name: str) -> None:
    key = next(d.key[0] for d in catalogue() if d.name == name)
    file = next(p for p in (small_city / "drop" / name / "20180301").iterdir() if p.suffix == ".csv")
    fates = told(
        small_city,
        f"SELECT source_key FROM '@row_fate.parquet' WHERE dataset = '{name}' AND delivered_on = '2018-03-01' ORDER BY row_number",
    )
    assert [(r[key] or "").strip() for r in records(file, key)] == [k for (k,) in fates]


def test_a_database_dump_is_the_whole_table_every_week(small_city: Path) -> None:
    for day, drop in enumerate(("drop", "drop_day1", "drop_day2")):
        rows = dump(small_city / drop / "public_security" / "database.sql", "gaj.czrk")
        counted = told(
            small_city, f"SELECT rows_in FROM '@delivery.parquet' WHERE dataset = 'public_security/household_register' AND day = {day}"
        )
        assert [(len(rows),)] == counted
    assert {t for t in ("rsj.ac01", "rsj.ab01") if dump(small_city / "drop" / "human_resources" / "database.sql", t)} == {
        "rsj.ac01",
        "rsj.ab01",
    }


def test_the_service_answers_in_order_of_update_and_a_week_is_what_is_newer(small_city: Path) -> None:
    for day, drop in enumerate(("drop", "drop_day1", "drop_day2")):
        rows = records(small_city / drop / "market_regulation" / "api" / "self_employed.jsonl", "pripid")
        times = [r["updated_at"] for r in rows]
        assert times == sorted(times)
        since = ("", "2018-03-01", "2018-03-08")[day]
        counted = told(
            small_city, f"SELECT rows_in FROM '@delivery.parquet' WHERE dataset = 'market_regulation/self_employed' AND day = {day}"
        )
        assert [(sum(t > since for t in times if t),)] == counted


def test_one_key_twice_with_different_content_is_bad_and_with_the_same_is_a_duplicate(small_city: Path) -> None:
    file = small_city / "drop" / "health" / "health_records" / "20180301" / "health_records_20180301.csv"
    seen: dict[str, set[tuple[str | None, ...]]] = {}
    for row in records(file, "档案号"):
        seen.setdefault((row["档案号"] or "").strip(), set()).add(tuple(row.values()))
    conflicts = {k for k, contents in seen.items() if k and len(contents) > 1}
    fates = "SELECT DISTINCT source_key FROM '@row_fate.parquet' WHERE dataset = 'health/health_records' AND delivered_on = '2018-03-01'"
    assert conflicts
    assert conflicts == {k for (k,) in told(small_city, f"{fates} AND reason = 'key_conflict'")}
    assert told(small_city, f"SELECT count(*) FROM ({fates} AND fate = 'duplicate')")[0][0]


def test_manifests_tell_the_rows_and_the_digest(small_city: Path) -> None:
    manifests = [p for p in small_city.glob("drop/*/*/*/_SUCCESS") if p.stat().st_size]
    assert manifests
    for path in manifests:
        for name, entry in json.loads(path.read_text(encoding="utf-8"))["files"].items():
            assert hashlib.sha256((path.parent / name).read_bytes()).hexdigest() == entry["sha256"]


def test_identifiers_have_valid_check_characters_and_are_unique(small_city: Path) -> None:
    people = [i for (i,) in told(small_city, "SELECT citizen_id FROM '@person.parquet' WHERE day = 0")]
    codes = [c for (c,) in told(small_city, "SELECT uscc FROM '@entity.parquet' WHERE day = 0 AND uscc IS NOT NULL")]
    assert len(set(people)) == len(people)
    assert all(mod_11_2.is_valid(str(p)) for p in people)
    assert len(set(codes)) == len(codes)
    assert all(uscc.is_valid(str(c)) for c in codes)


def test_every_linked_record_is_one_that_loads(small_city: Path) -> None:
    for table in ("person_link", "entity_link", "address_link", "credit", "certificate", "place"):
        good = "SELECT * FROM '@row_fate.parquet' WHERE fate IN ('new', 'changed')"
        stray = f"SELECT count(*) FROM '@{table}.parquet' l ANTI JOIN ({good}) f USING (dataset, source_key)"
        assert told(small_city, stray) == [(0,)]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for n in (1, 2):
        generate(150, 3, tmp_path / str(n), days=2, datasets=VARIED)
        digests.append(
            {p.relative_to(tmp_path / str(n)): hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / str(n)).rglob("*.*")}
        )
    assert digests[0] == digests[1]


def test_a_dataset_alone_is_the_same_as_among_all(small_city: Path, tmp_path: Path) -> None:
    generate(600, 7, tmp_path / "alone", datasets=["education/students"])
    path = Path("drop/education/students/20180301/students_20180301.csv")
    assert (tmp_path / "alone" / path).read_bytes() == (small_city / path).read_bytes()


def test_without_harshness_nothing_is_damaged_and_with_much_more_is(tmp_path: Path) -> None:
    datasets = ["health/health_records", "state_tax/taxpayers"]
    damaged = []
    for harshness in (0.0, 1.0, 4.0):
        out = tmp_path / str(harshness)
        generate(600, 5, out, datasets=datasets, harshness=harshness)
        damaged.append(told(out, "SELECT count(*) FILTER (id_quality <> 'ok' OR name_quality <> 'ok') FROM '@person_link.parquet'")[0][0])
    assert told(tmp_path / "0.0", "SELECT count(*) FROM '@row_fate.parquet' WHERE fate <> 'new'") == [(0,)]
    assert damaged[0] == 0 < damaged[1] < damaged[2] / 2


def test_an_unknown_dataset_and_a_folder_with_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="没有数据集"):
        generate(150, 1, tmp_path / "a", datasets=["education/pupils"])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.docx").write_bytes(b"mine")
    with pytest.raises(UsageError, match="其他文件"):
        generate(150, 1, tmp_path / "b", datasets=["education/students"])
