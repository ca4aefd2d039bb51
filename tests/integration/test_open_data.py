"""Open data as whoever downloads it sees it, and an attacker who tries to find somebody in it."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
from exchange_kit import Instance, fill, number
from scipy.optimize import linprog

from etl import db, spec
from etl.errors import UsageError
from etl.exchange.opening import open_data, publish
from etl.spec import opendata as declaration

K = 10
COUNTS = [n for n, s in declaration.load().sets.items() if s.counts]


@pytest.fixture(scope="module")
def city(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Two counties with 1,500 further people in towns of very different size."""
    made = fill(Instance("510500", new_database(), tmp_path_factory.mktemp("opened") / "510500"))
    with db.transaction(made.settings) as con:
        for town, name, county, people in (("510502002", "北城街道", "510502", 700), ("510502003", "东镇", "510502", 250), ("510521002", "西镇", "510521", 480), ("510521003", "小镇", "510521", 12)):  # fmt: skip
            db.rows(
                con,
                "insert into geospatial.region (code, name, level, parent_code, version_from) values (%s, %s, 'town', %s, '2018-03-01')",
                [f"{town}000", name, f"{county}000000"],
            )
            db.rows(
                con,
                f"""insert into population.person (person_id, name, citizen_id, sex_code, birth_date, ethnicity_code, education_code, household_id, registered_region_code, residence_region_code, living_status, version_from)
                select 'T{town}' || i, '某某', null, 1 + i % 2, date '1925-01-01' + (i * 7919 % 33000), case when i % 9 = 0 then '06' else '01' end, (20 + i % 7 * 10)::text,
                    'T{town}' || i / 3, '{town}001', '{town}001', 'living', '2018-03-01' from generate_series(1, {people}) i""",
            )
        db.rows(
            con,
            "insert into legal_entity.entity (entity_id, name, kind, industry_code, established_on, status, region_code, address, geom, version_from) "
            "select 'S' || i, '第' || i || '小学', 'school', '8321', date '1990-01-01' + i * 300, 'open', '510502', '佳乐路', st_setsrid(st_makepoint(105.35, 28.85), 4490), '2018-03-01' from generate_series(1, 30) i",
        )
        db.rows(
            con,
            "insert into certificate.certificate (dataset, source_key, type_name, holder_name, status, version_from) select case when i % 3 = 0 then 'food_drug/food_licences' else 'transport/road_permits' end, 'X' || i, "
            "case when i % 10 = 1 then '律师执业证' else '营业执照' end, '某店', case when i % 7 = 0 then 'expired' else 'valid' end, '2018-03-01' from generate_series(1, 200) i",
        )
        db.rows(
            con,
            "insert into geospatial.place (dataset, source_key, name, category, geom, version_from) values ('culture/venues', 'V1', '文化馆', '文化', st_setsrid(st_makepoint(105.351, 28.851), 4490), '2018-03-01')",
        )
    return made


def release(city: Instance, folder: Path) -> Path:
    with city.acting():
        open_data(city.settings, spec.load(), folder)
    return folder


@pytest.fixture(scope="module")
def released(city: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, for tests that only look at it."""
    return release(city, tmp_path_factory.mktemp("release"))


def table(folder: Path, name: str) -> dict[tuple[tuple[str, ...], tuple[str, ...]], int | None]:
    """A counts table as an attacker reads it from the CSV: (row, column) → figure, None where hidden."""
    each = declaration.load().sets[name]
    assert each.counts
    titles = each.columns
    told = list(csv.DictReader(io.StringIO((folder / name / f"{name}.csv").read_text(encoding="utf-8-sig"))))
    found = {}
    for r in told:
        key = tuple(r[titles[n]] for n in each.counts.rows), tuple(r[titles[n]] for n in each.counts.columns)
        figure = r[titles[each.counts.measure]]
        assert (figure == "") == (r["已隐去"] == "是")
        found[key] = int(figure) if figure else None
    assert len(found) == len(told)
    return found


def truth(city: Instance, name: str) -> dict[tuple[tuple[str, ...], tuple[str, ...]], int]:
    """The same figures as the database knows them, totals included."""
    each = declaration.load().sets[name]
    assert each.counts
    names, counts = list(each.columns), each.counts
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = defaultdict(int)
    for row in city.query(declaration.load().query(name)):
        told = dict(zip(names, row, strict=True))
        own = tuple(str(told[n]) for n in counts.rows), tuple(str(told[n]) for n in counts.columns)
        total = ("合计",) * len(counts.rows), ("合计",) * len(counts.columns)
        for key in ((own[0], own[1]), (own[0], total[1]), (total[0], own[1]), total):
            found[key] += told[counts.measure]
    return found


# ── what is published ────────────────────────────────────────────────────────────────────────────────────────────


def test_every_set_comes_with_its_files_and_its_page(released: Path) -> None:
    for name, each in declaration.load().sets.items():
        files = {p.name for p in (released / name).iterdir()}
        assert {f"{name}.csv", f"{name}.parquet", "说明.md"} <= files
        assert (f"{name}.gpkg" in files) == ("geom" in each.columns)
        assert each.title in (released / name / "说明.md").read_text(encoding="utf-8")
    assert not list(released.glob(".tmp-*"))


def test_the_files_of_a_set_tell_the_same(released: Path) -> None:
    for name, each in declaration.load().sets.items():
        rows = list(csv.reader(io.StringIO((released / name / f"{name}.csv").read_text(encoding="utf-8-sig"))))
        file = pq.read_table(released / name / f"{name}.parquet")
        assert rows[0] == [t for n, t in each.columns.items() if n != "geom"] + (["已隐去"] if each.counts else [])
        assert len(rows) - 1 == file.num_rows > 0, name


def test_maps_open_in_the_reference_system_of_the_country(released: Path) -> None:
    for name in ("public_places", "schools", "regions"):
        package, file = geopandas.read_file(released / name / f"{name}.gpkg"), geopandas.read_parquet(released / name / f"{name}.parquet")
        assert package.crs.to_epsg() == file.crs.to_epsg() == 4490
        assert len(package) == len(file) > 0


def test_the_catalogue_is_dcat_and_names_every_file_that_is_there(released: Path) -> None:
    told = json.loads((released / "catalog.jsonld").read_text(encoding="utf-8"))
    assert told["@type"] == "dcat:Catalog"
    assert told["dct:publisher"]["foaf:name"]["@value"]
    assert all(k in told["@context"] for k in ("dcat", "dct", "foaf"))
    assert [d["dct:identifier"] for d in told["dcat:dataset"]] == list(declaration.load().sets)
    for distribution in (x for d in told["dcat:dataset"] for x in d["dcat:distribution"]):
        file = released / distribution["dcat:downloadURL"]["@id"]
        assert distribution["dcat:accessURL"] == distribution["dcat:downloadURL"]
        assert distribution["dct:license"]["rdfs:label"]["@value"]
        assert file.stat().st_size == distribution["dcat:byteSize"]


def test_two_releases_of_the_same_data_are_the_same_bytes(city: Instance, released: Path, tmp_path: Path) -> None:
    again = release(city, tmp_path / "again")
    files = sorted(p.relative_to(released) for p in released.rglob("*") if p.suffix in (".csv", ".parquet", ".md", ".jsonld"))
    assert files
    assert [f for f in files if (released / f).read_bytes() != (again / f).read_bytes()] == []


def test_a_set_that_is_no_longer_declared_is_no_longer_there(city: Instance, tmp_path: Path) -> None:
    (tmp_path / "old_set").mkdir()
    (tmp_path / "old_set" / "说明.md").write_text("旧", encoding="utf-8")
    (tmp_path / "theirs").mkdir()
    release(city, tmp_path)
    assert not (tmp_path / "old_set").exists()
    assert (tmp_path / "theirs").exists()


def test_a_query_that_does_not_give_the_declared_columns_is_named(city: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = declaration.load()
    for sql, sentence in (("select 1 as code", "给出的列是 code"), ("select nothing", "sql/open/regions.sql：PostgreSQL 不认（42703）")):
        monkeypatch.setattr(declaration.Open, "query", lambda self, name, sql=sql: sql)
        only = declared.model_copy(update={"sets": {"regions": declared.sets["regions"]}})
        monkeypatch.setattr(publish.declaration, "load", lambda only=only: only)
        with pytest.raises(UsageError, match=sentence):
            release(city, tmp_path / "wrong")
        monkeypatch.undo()


# ── the attacker ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_names_a_person(city: Instance, released: Path) -> None:
    secrets = [
        s for row in city.query("select person_id, citizen_id, phone from population.person where citizen_id is not null") for s in row
    ]
    secrets += [n for (n,) in city.query("select distinct name from population.person")] + [number("510502", 1)]
    for file in released.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [s for s in secrets if s.encode() in content], file.name


@pytest.mark.parametrize("name", COUNTS)
def test_every_figure_is_k_or_more(name: str, released: Path, city: Instance) -> None:
    known = truth(city, name)
    shown = {key: figure for key, figure in table(released, name).items() if figure is not None}
    assert all(figure >= K and known[key] >= K for key, figure in shown.items())
    assert all(figure % 10 == 0 for figure in shown.values())


@pytest.mark.parametrize("name", COUNTS)
def test_solving_the_margins_tells_of_no_hidden_cell_that_it_is_small(name: str, released: Path, city: Instance) -> None:
    """The attacker even knows the exact figures behind the rounded ones, and still cannot narrow a small cell to less than k."""
    shown, known = table(released, name), truth(city, name)
    rows, columns = (list(dict.fromkeys(key[n] for key in shown)) for n in (0, 1))
    at = {key: n for n, key in enumerate(shown)}
    equations = np.zeros((len(rows) + len(columns), len(shown)))
    for n, row in enumerate(rows):
        for column in columns:
            equations[n, at[row, column]] = -1 if column == columns[-1] else 1
    for n, column in enumerate(columns, len(rows)):
        for row in rows:
            equations[n, at[row, column]] = -1 if row == rows[-1] else 1
    limits = [(0, None) if figure is None else (known[key], known[key]) for key, figure in shown.items()]
    small = [key for key, figure in shown.items() if figure is None and known.get(key, 0) < K]
    for key in small[:: max(1, len(small) // 60)]:
        goal = np.zeros(len(shown))
        goal[at[key]] = 1
        least, most = (linprog(s * goal, A_eq=equations, b_eq=np.zeros(len(equations)), bounds=limits, method="highs") for s in (1, -1))
        assert least.status == 0
        assert most.status == 3 or -most.fun - least.fun >= K - 1e-6


def test_the_difference_of_two_releases_shows_nobody(city: Instance, released: Path, tmp_path: Path) -> None:
    """Between them one died, one moved from town to town, one was born, and three came into a small cell."""
    before = {name: table(released, name) for name in COUNTS}
    statements = [
        "update population.person set living_status = 'dead' where person_id = 'T5105020025'",
        "update population.person set residence_region_code = '510521002001' where person_id = 'T5105020026'",
        "insert into population.person (person_id, sex_code, birth_date, residence_region_code, living_status, version_from) values ('BORN', '2', '2018-02-28', '510502002001', 'living', '2018-03-01')",
        "insert into population.person (person_id, sex_code, birth_date, residence_region_code, living_status, version_from) select 'COME' || i, '1', '1980-01-01', '510521003001', 'living', '2018-03-01' from generate_series(1, 3) i",
    ]
    with db.transaction(city.settings) as con:
        for sql in statements:
            db.rows(con, sql)
    after = {name: table(release(city, tmp_path / "later"), name) for name in COUNTS[:1]} | {
        n: table(tmp_path / "later", n) for n in COUNTS[1:]
    }
    changed = 0
    for name in COUNTS:
        both = [(before[name][k], after[name][k]) for k in before[name].keys() & after[name].keys()]
        moved = [abs(a - b) for a, b in both if a is not None and b is not None and a != b]
        assert all(m >= K for m in moved), name
        changed += len(moved)
    assert changed < 12


def test_sets_of_counts_share_no_dimension_by_which_one_could_be_subtracted_from_another() -> None:
    """Two sets that count the same thing may share nothing but the grand total."""
    sets = {n: s for n, s in declaration.load().sets.items() if s.counts}
    same = [("population_age_sex_town", "population_education_ethnicity"), ("entities_kind_status", "entities_founded_county")]
    assert all(not (set(sets[a].columns) & set(sets[b].columns)) - {sets[a].counts.measure} for a, b in same)  # type: ignore[union-attr]
