"""Each county's own schema: what its role reads, and that it reads nothing else. With real roles on a real server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from exchange_kit import COUNTIES, Instance, fill, number
from pipeline_kit import execute

from etl import db, exchange, spec
from etl.platform.postgres import Cluster
from etl.report import mask

A, B = COUNTIES
PASSWORD = "only-for-this-test"


@pytest.fixture(scope="module")
def city(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """A city with two counties and a park, their schemas built before any role was there."""
    folder = tmp_path_factory.mktemp("counties")
    made = fill(Instance("510500", new_database(), folder / "510500"))
    with db.transaction(made.settings) as con:
        db.rows(
            con,
            f"update population.person set residence_region_code = '{B}001001', residence_address = '四川省泸州市泸县城关镇新街3号' where person_id = 'P{A}000'",
        )
        db.rows(
            con,
            f"insert into population.person_record select 'county_510571/grid_residents', 'G' || i, 'self', 'P{A}00' || i, 'id', 1, null, '2018-03-01' from generate_series(0, 3) i",
        )
    with made.acting():
        exchange.build_counties(made.settings, spec.load())
    return made


@pytest.fixture(scope="module")
def roles(city: Instance, postgis_cluster: Cluster) -> Iterator[dict[str, str]]:
    """County → URL of its role, made by the server's administrator; gone afterwards."""
    server, database = postgis_cluster.server, city.url.rsplit("/", 1)[1]
    for code in COUNTIES:
        server.create_role(f"county_{code}", PASSWORD)
    with city.acting():
        exchange.build_counties(city.settings, spec.load())
    yield {code: city.url.replace(city.url.split("//")[1].split("@")[0], f"county_{code}:{PASSWORD}") for code in COUNTIES}
    for code in COUNTIES:
        server.run(database, f"drop owned by county_{code}", f"drop role county_{code}")


def test_every_county_and_park_has_a_schema_of_its_own(city: Instance) -> None:
    assert [c for (c,) in city.query("select code from exchange.county order by 1")] == [A, B, "510571"]
    views = {v for (v,) in city.query(f"select relname from pg_class where relnamespace = 'county_{A}'::regnamespace")}
    assert {
        "person",
        "entity",
        "address",
        "certificate",
        "permit",
        "penalty",
        "list_entry",
        "rating",
        "observation",
        "place",
        "region",
    } <= views


def test_everything_in_it_is_explained_in_chinese(city: Instance) -> None:
    sql = f"""select k.relname, a.attname from pg_class k join pg_attribute a on a.attrelid = k.oid and a.attnum > 0
        where k.relnamespace = 'county_{A}'::regnamespace and (obj_description(k.oid, 'pg_class') is null or coalesce(col_description(k.oid, a.attnum), '') !~ '[一-龥]')"""
    assert city.query(sql) == []


def test_a_county_sees_who_lives_or_is_registered_there(city: Instance) -> None:
    people = f"select count(*) from county_{A}.person"
    assert city.query(people) == [(40,)]
    assert city.query(people.replace(A, B)) == [(41,)]


def test_numbers_and_phones_are_masked_and_an_address_elsewhere_is_cut_to_the_town(city: Instance) -> None:
    own = city.query(f"select citizen_id, phone, residence_address, geom is null from county_{A}.person where person_id = 'P{A}003'")
    assert own == [(mask.identifier(number(A, 3)), "138****0203", "四川省泸州市江阳区城关镇佳乐路3号", False)]
    moved = f"select residence_address, geom is null, address_code is null from county_{{}}.person where person_id = 'P{A}000'"
    assert city.query(moved.format(A)) == [("四川省泸州市泸县城关镇****", True, True)]
    assert city.query(moved.format(B)) == [("四川省泸州市泸县城关镇新街3号", False, False)]


def test_a_key_that_holds_a_number_is_replaced_by_a_keyed_digest(city: Instance) -> None:
    ((key, code),) = city.query(f"select source_key, subject_code from county_{A}.rating")
    assert number(A, 1) not in key + code
    assert len(key) == 65
    assert city.query(f"select source_key from county_{A}.rating") == [(key,)]


def test_a_park_sees_those_whom_it_delivered_and_who_live_in_its_county(city: Instance) -> None:
    assert city.query("select person_id from county_510571.person order by 1") == [(f"P{A}00{i}",) for i in (1, 2, 3)]
    assert city.query("select to_regclass('county_510571.entity')") == [(None,)]


def test_building_again_changes_nothing_and_needs_no_role(city: Instance) -> None:
    with city.acting():
        assert set(exchange.build_counties(city.settings, spec.load()).values()) == {"unchanged"}
    assert city.query("select exchange.open_county('510571')") == [(False,)]


@pytest.mark.parametrize("view", ["person", "entity", "address", "certificate", "rating", "list_entry", "observation"])
def test_a_countys_role_reads_its_own(roles: dict[str, str], view: str) -> None:
    assert execute(roles[A], f"select count(*) > 0 from county_{A}.{view}") == [(True,)]


@pytest.mark.parametrize(
    "statement",
    [
        f"select * from county_{B}.person",
        "select * from population.person",
        "select * from population.person_as_of('2018-03-01')",
        "select * from legal_entity.entity",
        "select * from staging.health__health_records",
        "select * from quality.quarantine",
        "select * from exchange.package",
        "select * from ops.instance",
        "select mask.key('510502199001011234')",
        f"update county_{A}.person set name = 'x'",
        f"delete from county_{A}.entity",
        f"create view county_{A}.mine as select 1",
        f"select exchange.open_county('{B}')",
    ],
)
def test_a_countys_role_reads_nobody_elses_and_writes_nothing(roles: dict[str, str], statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(roles[A], statement)


def test_a_function_of_the_reader_sees_no_row_of_another_county(roles: dict[str, str], city: Instance) -> None:
    """The classical leak: a cheap function in the condition that tells what it is called with."""
    connection = psycopg2.connect(roles[A])
    try:
        with connection.cursor() as c:
            c.execute(
                "create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0000001 as $$ begin raise notice '%', t; return true; end $$"
            )
            c.execute(f"select count(*) from county_{A}.person where pg_temp.tell(person_id)")
            assert c.fetchall() == [(40,)]
    finally:
        connection.close()
    assert len(connection.notices) == 40
    assert not [n for n in connection.notices if f"P{B}" in n]


def test_what_a_county_sees_follows_the_library(city: Instance, roles: dict[str, str]) -> None:
    person = f"P{B}011"
    execute(
        city.url,
        f"update population.person set residence_region_code = '{A}001001', registered_region_code = '{A}001001' where person_id = '{person}'",
    )
    try:
        assert execute(roles[A], f"select count(*) from county_{A}.person where person_id = '{person}'") == [(1,)]
        assert execute(roles[B], f"select count(*) from county_{B}.person where person_id = '{person}'") == [(0,)]
    finally:
        execute(
            city.url,
            f"update population.person set residence_region_code = '{B}001001', registered_region_code = '{B}001001' where person_id = '{person}'",
        )


# ── the masks in SQL are those of the reports ────────────────────────────────────────────────────────────────────

MASKS = {
    "citizen_id": (mask.identifier, ["510502199001011234", "51050219900101123X", "510502900101123", "E12345678", "H12345678", "张三510502199001011234", "5105021990 01011234", "１２３", "", "无", "4105021990010112345", "12\n34567890", "510502********1234"]),
    "phone": (mask.phone, ["13812345678", "0830-2345678", "138 1234 5678", "13812345678、13912345678", "2345678", "", "(0830)2345678", "１３８１２３４５６７８", "+86 13812345678"]),
    "name": (mask.person, ["张三", "欧阳小明", "", "阿依·古丽", "阿依古丽·买买提", "Ann Lee", "张 三", "张三(曾用名)", "李四5", "𠮷田明", "葛\U000e0100城", "王?明", "○", "张", "〇一二", "a1b2", "张三（户主）"]),
    "address": (mask.address, ["四川省泸州市江阳区南城街道佳乐路8号", "泸州市泸县福集镇1组", "江阳区佳乐路8号", "佳乐路8号", "", "  ", "叙永县合乐苗族乡3组", "江阳区南城街道办事处2号", "广西壮族自治区柳州市鱼峰区白云街道1", "无"]),
    "party": (mask.party, ["张三", "欧阳小明", "泸州某某有限公司", "江阳区陈小明水果店", "泸州市民政局", "李记面馆", "中国银行", "佳乐超市", "王家沱便利店"]),
    "code": (mask.code, ["91510500MA6211111X", "915105007118066311", "510500000012345", "510502199001011234", "51O502199001011234", "51050219900101123400", ""]),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_a_mask_in_sql_is_the_mask_of_the_reports(kind: str, city: Instance) -> None:
    by, texts = MASKS[kind]
    told = [db.query(city.settings, f"select mask.{kind}(%s)", [t])[0][0] for t in texts]
    assert told == [by(t) for t in texts]
    assert city.query(f"select mask.{kind}(null)") == [(None,)]


def test_a_county_schema_stays_readable_where_home_is_new(city: Instance, tmp_path: Path) -> None:
    elsewhere = Instance(city.code, city.url, tmp_path / "elsewhere")
    with city.acting():
        assert set(exchange.build_counties(elsewhere.settings, spec.load()).values()) == {"unchanged"}
