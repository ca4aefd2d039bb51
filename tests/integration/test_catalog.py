"""The catalogue equals the database, and the themes tell nothing of a person: against a real PostGIS."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pytest

from etl import catalog, db, spec
from etl.errors import UsageError
from etl.settings import Settings
from etl.spec import catalogue as declared

LIBRARIES = ["population", "legal_entity", "geospatial", "statistics", "credit", "certificate", "registry", "theme"]
PREFIXES = ["city_activity_", "free_trade_", "public_service_", "economy_", "health_", "social_security_", "transport_", "tourism_"]
TOWN = "st_multi(st_makeenvelope(105.40 + {n} * 0.1, 28.80, 105.50 + {n} * 0.1, 28.90, 4490))"


def _city(url: str, folder: Path) -> Settings:
    """A city of two towns: 30 people and a firm in one, 4 people in the other."""
    made = Settings(url, folder, folder, "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
    with db.transaction(made) as con:
        _fill(con)
    return made


@pytest.fixture
def settings(new_database: Callable[[], str], tmp_path: Path) -> Settings:
    """The city before its first catalogue, for a test that changes it."""
    return _city(new_database(), tmp_path)


@pytest.fixture
def changeable(settings: Settings) -> Settings:
    """The city with themes and catalogue, for a test that changes it."""
    catalog.themes(settings)
    catalog.refresh(settings, spec.load())
    return settings


@pytest.fixture(scope="module")
def filled(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The city with themes and catalogue, for all tests that only look."""
    made = _city(new_database(), tmp_path_factory.mktemp("catalogued"))
    catalog.themes(made)
    catalog.refresh(made, spec.load())
    return made


def _fill(con: Any) -> None:
    day = "'2018-03-01'::date"
    db.rows(con, "insert into geospatial.region (code, name, level, parent_code, geom, version_from) values "
        f"('510500000000', '泸州市', 'city', null, st_multi(st_makeenvelope(105.4, 28.8, 105.6, 28.9, 4490)), {day}),"
        f"('510502000000', '江阳区', 'county', '510500000000', st_multi(st_makeenvelope(105.4, 28.8, 105.6, 28.9, 4490)), {day}),"
        f"('510502001000', '南城街道', 'town', '510502000000', {TOWN.format(n=0)}, {day}), ('510502002000', '北城街道', 'town', '510502000000', {TOWN.format(n=1)}, {day})")  # fmt: skip
    db.rows(
        con,
        f"insert into geospatial.address (address_code, full_address, region_code, geom, version_from) values ('A1', '门楼牌', '510502001001', st_setsrid(st_makepoint(105.45, 28.85), 4490), {day})",
    )
    db.rows(
        con,
        f"""insert into population.person (person_id, citizen_id, name, sex_code, birth_date, phone, residence_address, residence_region_code, geom, living_status, version_from)
        select 'P' || i, null, '张三', '2', date '1930-01-01' + i * 900, '13800000000', '门楼牌', case when i <= 30 then '510502001001' else '510502002001' end,
            st_setsrid(st_makepoint(105.45, 28.85), 4490), 'living', {day} from generate_series(1, 34) i""",
    )
    db.rows(
        con,
        f"insert into population.person_record select 'health/health_records', 'K' || i, 'self', 'P' || i, 'number', 1, null, {day} from generate_series(1, 15) i",
    )
    db.rows(
        con,
        f"""insert into legal_entity.entity (entity_id, uscc, name, kind, industry_code, established_on, status, region_code, address_code, geom, version_from) values
        ('E1', '91510500000000001X', '甲贸易有限公司', 'enterprise', '5111', '2017-12-01', 'open', '510502', 'A1', st_setsrid(st_makepoint(105.45, 28.85), 4490), {day}),
        ('E2', '11510500000000002Y', '泸州市民政局', 'public_institution', '9222', '1990-01-01', 'open', '510502', 'A1', null, {day})""",
    )
    db.rows(
        con,
        f"insert into geospatial.parcel (dataset, source_key, name, category, geom, version_from) values ('planning/parcels', 'D1', 'D1', 'M1', {TOWN.format(n=0)}, {day})",
    )
    db.rows(
        con,
        f"insert into geospatial.place (dataset, source_key, name, category, geom, version_from) values ('culture/venues', 'V1', '文化馆', '文化', st_setsrid(st_makepoint(105.451, 28.851), 4490), {day})",
    )
    for library in ("population", "legal_entity", "geospatial"):
        db.rows(
            con, "insert into ops.publication (library, published_on, inputs, state) values (%s, '2018-03-01', 'x', 'published')", [library]
        )
    db.rows(
        con,
        "insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, content_sha256) values ('public_security/household_register', '20180301-a', '2018-03-01', 'full', 'loaded', 'x')",
    )


def test_every_column_of_every_library_and_theme_has_exactly_one_item(filled: Settings) -> None:
    have = db.query(filled, """select n.nspname || '.' || k.relname, a.attname from pg_attribute a join pg_class k on k.oid = a.attrelid join pg_namespace n on n.oid = k.relnamespace
        where n.nspname = any(%s) and k.relkind in ('r', 'v', 'm') and a.attnum > 0 and not a.attisdropped""", [LIBRARIES])  # fmt: skip
    told = db.query(filled, "select table_name, column_name from catalog.item where table_name not like 'staging.%%'")
    assert sorted(have) == sorted(told)
    assert len(have) > 500


def test_every_column_of_every_dataset_has_an_item(filled: Settings) -> None:
    registry = spec.load()
    want = sorted((s.name, f"staging.{s.table}", c) for s in registry.sources.values() for c in registry.outputs(s))
    told = db.query(
        filled,
        "select r.subject, i.table_name, i.column_name from catalog.item i join catalog.resource r using (resource_code) where r.kind = 'dataset'",
    )
    assert sorted(told) == want


def test_a_code_is_told_what_it_means_and_a_column_whose_codes_it_holds(filled: Settings) -> None:
    labels = "select v.label from catalog.item i join catalog.code_value v using (code_table) where i.table_name = %s and i.column_name = %s and v.code = %s"
    assert db.query(filled, labels, ["population.person", "sex_code", "2"]) == [("女",)]
    assert db.query(filled, labels, ["legal_entity.entity", "status", "revoked"]) == [("吊销",)]
    assert db.query(filled, labels, ["staging.public_security__household_register", "ethnicity_code", "01"]) == [("汉族",)]
    lost = "select distinct code_table from catalog.item where code_table is not null and code_table not in (select code_table from catalog.code_value)"
    assert not db.query(filled, lost)
    registry = spec.load()
    assert db.query(filled, "select count(*) from catalog.code_value") == [(sum(len(t.codes) for t in registry.codes.values()),)]


def test_an_item_says_where_an_analyst_reads_it(filled: Settings) -> None:
    readable = {(t, c): r for t, c, r in db.query(filled, "select table_name, column_name, readable_as from catalog.item")}
    assert readable["population.person", "sex_code"] == "masked.person"
    assert readable["population.person", "citizen_id"] is None
    assert readable["staging.public_security__household_register", "name"] is None
    places = {r for r in readable.values() if r}
    assert {"geospatial.address", "statistics.observation", "masked.entity"} <= places
    for place, column in {(r, c) for (_, c), r in readable.items() if r}:  # and there it is
        found = db.query(filled, "select 1 from pg_attribute where attrelid = %s::regclass and attname = %s", [place, column])
        assert found, f"{place}.{column}"


def test_a_second_refresh_changes_nothing(filled: Settings) -> None:
    again = catalog.refresh(filled, spec.load())
    assert (again["written"], again["deleted"]) == (0, 0)
    assert set(catalog.themes(filled).values()) == {"unchanged"}


def test_a_code_is_never_given_again_and_never_changes(changeable: Settings) -> None:
    registry = spec.load()
    before = dict(db.query(changeable, "select subject, resource_code from catalog.resource"))
    without = replace(registry, sources={n: s for n, s in registry.sources.items() if n != "health/birth_certificates"})
    assert catalog.refresh(changeable, without)["deleted"] == 1
    assert "health/birth_certificates" not in dict(db.query(changeable, "select subject, resource_code from catalog.resource"))
    catalog.refresh(changeable, registry)
    assert dict(db.query(changeable, "select subject, resource_code from catalog.resource")) == before
    assert len(set(before.values())) == len(before)
    assert all(re.fullmatch(r"[1-3]\d{5,}/\d{6}", code) for code in before.values())


def test_related_resources_exist_and_are_told_on_both_sides(filled: Settings) -> None:
    related = {code: set(others) for code, others in db.query(filled, "select resource_code, related_codes from catalog.resource")}
    assert all(others <= related.keys() for others in related.values())
    assert [(a, b) for a, others in related.items() for b in others if a not in related[b]] == []
    codes = dict(db.query(filled, "select subject, resource_code from catalog.resource"))
    assert codes["population.person#base"] in related[codes["public_security/household_register"]]
    assert codes["legal_entity.entity"] in related[codes["theme.city_activity_town"]]


def test_terms_follow_the_rules(filled: Settings) -> None:
    terms = {s: (t, o) for s, t, o in db.query(filled, "select subject, share_type, open from catalog.resource")}
    assert terms["population.person#base"] == (1, 0)
    assert terms["population.person#extended"] == (2, 0)
    assert terms["public_security/household_register"] == (2, 0)
    assert terms["statistics.latest"] == (1, 1)
    assert terms["theme.health_town"] == (1, 1)


def test_provider_codes_missing_in_the_declaration_come_from_the_legal_entity_library(filled: Settings) -> None:
    codes = dict(db.query(filled, "select department, min(provider_code) from catalog.resource group by 1"))
    assert codes["civil_affairs"] == "11510500000000002Y"
    assert codes["court"] is None


def test_dates_come_from_deliveries_and_publications(filled: Settings) -> None:
    days = dict(db.query(filled, "select subject, published_on from catalog.resource"))
    assert days["public_security/household_register"] == date(2018, 3, 1)
    assert days["population.kinship"] == date(2018, 3, 1)
    assert days["health/birth_certificates"] is None


def test_a_table_without_a_comment_stops_the_refresh_with_its_name(changeable: Settings) -> None:
    with db.transaction(changeable) as con:
        db.rows(con, "create table credit.sudden (x integer)")
    with pytest.raises(UsageError, match=re.escape("credit.sudden")):
        catalog.refresh(changeable, spec.load())


def test_everything_new_is_commented_in_chinese(filled: Settings) -> None:
    bare = db.query(filled, """select n.nspname, k.relname, a.attname from pg_namespace n join pg_class k on k.relnamespace = n.oid and k.relkind in ('r', 'v', 'm')
        left join lateral (select attnum, attname from pg_attribute where attrelid = k.oid and attnum > 0 and not attisdropped union all select null, null) a on true
        where n.nspname in ('catalog', 'theme', 'registry')
            and coalesce(case when a.attnum is null then obj_description(k.oid, 'pg_class') else col_description(k.oid, a.attnum) end, '') !~ '[一-鿿]'""")  # fmt: skip
    assert bare == []
    assert (
        len(
            db.query(
                filled,
                "select 1 from pg_namespace where nspname in ('catalog', 'theme', 'registry') and obj_description(oid, 'pg_namespace') ~ '[一-鿿]'",
            )
        )
        == 3
    )


def test_a_column_without_a_place_in_any_part_cannot_be(filled: Settings) -> None:
    parts = db.query(filled, "select column_name, count(*) from catalog.item where table_name = 'population.person' group by 1")
    assert {n for _, n in parts} == {1}


def test_the_workbook_and_dcat_hold_every_resource(filled: Settings, tmp_path: Path) -> None:
    paths = catalog.export(filled, tmp_path / "out")
    count = db.query(
        filled, "select count(*), count(*) filter (where open = 1), (select count(*) from catalog.item) from catalog.resource"
    )[0]
    book = openpyxl.load_workbook(paths[0], read_only=True)
    rows = {name: sum(1 for _ in book[name].iter_rows(min_row=3)) for name in book.sheetnames}
    assert (rows["资源目录"], rows["开放清单"], rows["信息项"]) == count
    dcat = json.loads(paths[1].read_text(encoding="utf-8"))
    assert dcat["dct:publisher"]["foaf:name"]["@value"] == "泸州市"
    named = {d["@id"] for d in dcat["dcat:dataset"]}
    assert len(named) == count[0]
    assert all(x["@id"] in named for d in dcat["dcat:dataset"] for x in d["dct:relation"])
    used = {k.split(":")[0] for d in dcat["dcat:dataset"] for k in d if not k.startswith("@")}
    assert used <= dcat["@context"].keys()


def test_exporting_an_empty_catalogue_says_what_to_do(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jichu"):
        catalog.export(settings, tmp_path / "out")


# ── themes ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def relations(filled: Settings) -> list[str]:
    return [
        r[0] for r in db.query(filled, "select relname from pg_class where relnamespace = 'theme'::regnamespace and relkind in ('v', 'm')")
    ]


def test_every_theme_has_a_view_with_valid_geometry_from_two_libraries(filled: Settings, relations: list[str]) -> None:
    assert all(any(r.startswith(p) for p in PREFIXES) for r in relations)
    schemas = db.query(filled, """select v.relname, count(distinct tn.nspname) from pg_rewrite r join pg_class v on v.oid = r.ev_class and v.relnamespace = 'theme'::regnamespace
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass join pg_class t on t.oid = d.refobjid
        join pg_namespace tn on tn.oid = t.relnamespace and tn.nspname <> 'theme' group by 1""")  # fmt: skip
    mapped = {r[0] for r in db.query(filled, "select f_table_name from geometry_columns where f_table_schema = 'theme'")}
    for prefix in PREFIXES:
        assert any(n.startswith(prefix) and count >= 2 and n in mapped for n, count in schemas), prefix
    for name in mapped:
        assert (
            db.query(
                filled, f"select count(*) from theme.{name} where geom is not null and (st_srid(geom) <> 4490 or not st_isvalid(geom))"
            )[0][0]
            == 0
        ), name


def test_no_view_reads_staging_or_shows_who_somebody_is(filled: Settings) -> None:
    staging = db.query(filled, """select v.relname from pg_rewrite r join pg_class v on v.oid = r.ev_class and v.relnamespace = 'theme'::regnamespace
        join pg_depend d on d.objid = r.oid and d.refclassid = 'pg_class'::regclass join pg_class t on t.oid = d.refobjid where t.relnamespace = 'staging'::regnamespace""")  # fmt: skip
    assert staging == []
    shown = db.query(filled, """select k.relname, a.attname from pg_attribute a join pg_class k on k.oid = a.attrelid where k.relnamespace = 'theme'::regnamespace and k.relkind in ('v', 'm') and a.attnum > 0
        and a.attname ~ '(citizen|person_id|phone|address|uscc|representative|^name$)'""")  # fmt: skip
    assert shown == [("free_trade_land", "name")]  # a parcel's


def test_counts_of_few_people_are_hidden_and_of_many_shown(filled: Settings) -> None:
    residents = dict(db.query(filled, "select town, residents from theme.city_activity_town"))
    assert residents == {"南城街道": 30, "北城街道": None}
    assert dict(db.query(filled, "select town, with_health_record from theme.health_town")) == {"南城街道": 15, "北城街道": None}
    assert db.query(filled, "select near_venue from theme.public_service_town where town = '南城街道'") == [
        (None,)
    ]  # all but none: the rest is a small cell


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("12::bigint", 12),
        ("9::bigint", None),
        ("12::bigint, 9::bigint", None),
        ("12::bigint, 10::bigint", 12),
        ("12::bigint, null::bigint", None),
        ("0::bigint", None),
    ],
)
def test_a_small_cell_or_one_whose_rest_is_small_is_hidden(filled: Settings, call: str, expected: int | None) -> None:
    assert db.query(filled, f"select theme.shown({call})") == [(expected,)]


@pytest.mark.parametrize(
    ("code", "section"),
    [("0111", "A"), ("C1512", "C"), ("5211", "F"), ("60", "G"), ("97", "T"), ("99", None), ("", None), (None, None), ("x", None)],
)
def test_industry_sections_follow_the_2017_classification(filled: Settings, code: str | None, section: str | None) -> None:
    assert db.query(filled, "select theme.industry_section(%s)", [code]) == [(section,)]


def test_materialised_views_follow_a_new_publication(changeable: Settings) -> None:
    with db.transaction(changeable) as con:
        db.rows(con, "update population.person set residence_region_code = '510502001001'")
        db.rows(
            con, "insert into ops.publication (library, published_on, inputs, state) values ('population', '2018-03-02', 'y', 'published')"
        )
    assert "refreshed" in catalog.themes(changeable).values()
    assert db.query(changeable, "select residents from theme.city_activity_town where town = '南城街道'") == [(34,)]


def test_a_changed_definition_is_built_anew_and_an_analysts_view_on_it_is_named(changeable: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / "tourism.sql").write_text(
        "create view theme.tourism_one as select 1 as a;\ncomment on view theme.tourism_one is '一';\n", encoding="utf-8"
    )
    assert catalog.themes(changeable, folder) == {"tourism": "built"}
    assert catalog.themes(changeable, folder) == {"tourism": "unchanged"}
    with db.transaction(changeable) as con:
        db.rows(con, "create view public.mine as select * from theme.tourism_one")
    (folder / "tourism.sql").write_text("create view theme.tourism_one as select 2 as b;\n", encoding="utf-8")
    with pytest.raises(UsageError, match="mine"):
        catalog.themes(changeable, folder)
    assert db.query(changeable, "select a from theme.tourism_one") == [(1,)]


def test_the_registers_progress_names_departments_without_a_form(filled: Settings) -> None:
    rows = {
        r[0]: r[1:]
        for r in db.query(
            filled, "select department, registered, datasets, datasets_delivered, last_delivered_on from registry.department_progress"
        )
    }
    assert rows["public_security"] == (False, 3, 1, date(2018, 3, 1))
    assert set(rows) == set(spec.load().departments)
    assert db.query(filled, "select count(distinct day) from registry.monthly_progress") == [(1,)]


def test_the_catalogue_declares_each_theme_prefix_once(filled: Settings) -> None:
    assert sorted(declared.load().themes) == sorted(PREFIXES)


def test_an_ordinary_reader_cannot_change_a_share_type_to_nonsense(filled: Settings) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation), db.transaction(filled) as con:
        db.rows(con, "update catalog.resource set share_type = 4")
