"""A database that holds exactly the truth is judged perfect, and one that merges two persons is not."""

from pathlib import Path

import duckdb
import psycopg2
import pytest

from etl.errors import UsageError
from etl.evaluate import ENTITY_FIELDS, PERSON_FIELDS, TABLES, evaluate

NEWEST = "QUALIFY row_number() OVER (PARTITION BY dataset, source_key, role ORDER BY day DESC) = 1"
SUBJECT = "SELECT dataset, source_key, true_entity_id entity_id, true_person_id person_id FROM '@credit.parquet' WHERE kind"
PERSON = ", ".join(PERSON_FIELDS)
ENTITY = ", ".join(ENTITY_FIELDS)
PERFECT = {
    "delivery": """SELECT dataset, dataset || delivered_on delivery_id, delivered_on, state, rows_in, rows_new, rows_changed,
        rows_unchanged, rows_removed, rows_duplicate, rows_bad rows_quarantined FROM '@delivery.parquet'""",
    "quarantine": """SELECT dataset, dataset || delivered_on delivery_id, row_number, source_key, [reason] reasons
        FROM '@row_fate.parquet' WHERE fate = 'bad'""",
    "person_record": f"SELECT dataset, source_key, role, true_person_id person_id FROM '@person_link.parquet' {NEWEST}",
    "person": f"""SELECT true_person_id person_id, {PERSON} FROM '@person.parquet'
        QUALIFY day = max(day) OVER (PARTITION BY true_person_id)""",
    "kinship": "SELECT DISTINCT true_person_id person_id, related_person_id, relation FROM '@kinship.parquet'",
    "employment": "SELECT true_person_id person_id, true_entity_id entity_id, '' dataset FROM '@employment.parquet'",
    "entity_record": f"SELECT dataset, source_key, role, true_entity_id entity_id FROM '@entity_link.parquet' {NEWEST}",
    "entity": f"""SELECT true_entity_id entity_id, {ENTITY} FROM '@entity.parquet'
        QUALIFY day = max(day) OVER (PARTITION BY true_entity_id)""",
    "person_role": "SELECT true_entity_id entity_id, true_person_id person_id FROM '@person_role.parquet'",
    "address_match": f"SELECT dataset, source_key, role, address_code, level FROM '@address_link.parquet' {NEWEST}",
    "permit": f"{SUBJECT} = 'permit'",
    "penalty": f"{SUBJECT} = 'penalty'",
    "list_entry": f"{SUBJECT} NOT IN ('permit', 'penalty', 'rating')",
    "certificate": """SELECT dataset, source_key, CASE WHEN status IN ('revoked', 'suspended') THEN status
        WHEN valid_to < '2018-03-15' THEN 'expired' ELSE 'valid' END status
        FROM '@certificate.parquet' QUALIFY day = max(day) OVER (PARTITION BY dataset, source_key)""",
    "observation": """SELECT dataset || indicator indicator_code, region_code || '000000' region_code, frequency, period, measure,
        value, unit, released_on FROM '@observation.parquet'""",
    "indicator": """SELECT DISTINCT dataset || indicator indicator_code, indicator AS name, dataset source_dataset
        FROM '@observation.parquet'""",
}
SHARES = ("exact", "precision", "recall", "f1", "right", "person.right", "entity.right", "status.right")


def load(url: str, city: Path, tmp_path: Path) -> None:
    """The promised tables, all of text, filled from the truth."""
    with psycopg2.connect(url) as pg, pg.cursor() as cursor:
        for name, (table, columns) in TABLES.items():
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {table.split('.')[0]}")
            cursor.execute(f"CREATE TABLE {table} ({', '.join(f'{c} text' for c in columns.split())})")
            file = tmp_path / f"{name}.csv"
            duckdb.sql(f"COPY ({PERFECT[name].replace('@', f'{city}/truth/')}) TO '{file}' (HEADER)")
            head = file.read_text(encoding="utf-8").split("\n")[0]
            with file.open("rb") as f:
                cursor.copy_expert(f"COPY {table} ({head}) FROM STDIN (FORMAT csv, HEADER)", f)


def figures_of(city: Path, url: str) -> dict[tuple[str, str], float | int | str]:
    return {(section, name): value for section, name, value in evaluate(city / "truth", url)}


def test_a_database_that_holds_the_truth_is_perfect_and_a_false_merge_shows(small_city: Path, empty_database: str, tmp_path: Path) -> None:
    load(empty_database, small_city, tmp_path)
    figures = figures_of(small_city, empty_database)
    judged = {k: v for k, v in figures.items() if k[1] in SHARES or (k[0].startswith("golden") and not k[1].endswith("wrong"))}
    assert {k: v for k, v in judged.items() if v != 1.0} == {}
    assert len(judged) > 40
    assert figures["person", "false_merges"] == figures["accounts", "do_not_add_up"] == figures["address", "wrong"] == 0
    with psycopg2.connect(empty_database) as pg, pg.cursor() as cursor:
        cursor.execute("UPDATE population.person_record SET person_id = '1' WHERE person_id = '2'")
    worse = figures_of(small_city, empty_database)
    assert worse["person", "false_merges"] == 1
    assert float(worse["person", "precision"]) < 1.0 == worse["person", "recall"]


def test_tables_that_are_not_there_are_reported_as_absent(small_city: Path, empty_database: str) -> None:
    figures = evaluate(small_city / "truth", empty_database)
    assert ("person", "absent", "population.person_record") in figures
    assert all(name == "absent" for _, name, _ in figures)


def test_a_folder_without_truth_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="真值"):
        evaluate(tmp_path, "postgresql:///nowhere")
