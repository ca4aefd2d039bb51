"""Roles: each real PostgreSQL role tries what it must not do; what it may do, it can."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from etl import access, catalog
from etl.platform.postgres import Cluster, role_url
from etl.settings import Settings

PASSWORD = "a-password-of-the-tests"
LOGINS = {
    "ana": "jichu_analyst",
    "reader": "jichu_analyst",
    "jiangyang": "jichu_county",
    "hospital": "jichu_department",
    "auditor": "jichu_auditor",
    "boss": "jichu_administrator",
    "other_boss": "jichu_administrator",
    "tiler": "jichu_tiles",
}
GEOSPATIAL = {f"geospatial.{t}{h}" for t in ("region", "address", "place", "parcel", "building") for h in ("", "_history")}
# role → all that it may read: whole schemas, and tables
READABLE = {
    "jichu_analyst": {"masked", "theme", "statistics", "catalog", "registry", "credit.display_term", *GEOSPATIAL},
    "jichu_county": {"division", "theme", "statistics", "catalog", *GEOSPATIAL},
    "jichu_department": {"ops.delivery", "quality.quarantine", "quality.finding", "quality.result", "catalog"},
    "jichu_auditor": {"access.log", "access.account", "access.judgement", "ops.delivery", "ops.publication", "ops.stage", "ops.decision"},
    "jichu_administrator": {
        "access.account", "ops.delivery", "ops.publication", "ops.stage", "ops.hold", "ops.decision", "ops.pending", "quality.result", "catalog",
    },
    "jichu_tiles": {"theme", "geospatial.region", "geospatial.place", "geospatial.parcel", "geospatial.building"},
}  # fmt: skip
RELATIONS = """
    select n.nspname || '.' || k.relname from pg_class k join pg_namespace n on n.oid = k.relnamespace
    where k.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname not in ('pg_catalog', 'information_schema', 'public') and n.nspname !~ '^pg_'
"""
PERSONAL = ["population.person", "population.person_record", "population.person_history", "legal_entity.entity", "legal_entity.entity_record", "credit.permit",
    "credit.list_entry", "certificate.certificate", "geospatial.address_match", "geospatial.grid_cell"]  # fmt: skip
CLOSED = [
    *PERSONAL,
    "quality.quarantine",
    "quality.finding",
    "quality.disagreement",
    "ops.delivery",
    "match.person_edge",
    "match.judgement",
    "mask.secret",
    "access.log",
    "access.account",
]
FILL = """
insert into geospatial.region (code, name, level, geom, version_from) values
    ('510502000000', '江阳区', 'county', st_multi(st_makeenvelope(105.4, 28.8, 105.6, 28.9, 4490)), '2018-03-01'),
    ('510503000000', '纳溪区', 'county', st_multi(st_makeenvelope(105.2, 28.6, 105.4, 28.8, 4490)), '2018-03-01');
insert into population.person (person_id, citizen_id, name, birth_date, phone, residence_address, residence_region_code, geom, living_status, version_from) values
    ('P1', '510502199001011234', '张小三', '1990-01-01', '13812345678', '泸州市江阳区南城街道示例路8号', '510502001001', st_setsrid(st_makepoint(105.44123, 28.88177), 4490), 'living', '2018-03-01'),
    ('P2', '510503199002021234', '欧阳小明', '1990-02-02', '13912345678', '泸州市纳溪区安富街道示例路9号', '510503001001', null, 'living', '2018-03-01');
insert into population.person_record (dataset, source_key, role, person_id, rule, probability, version_from) values ('education/students', 'G510502199001011234', 'self', 'P1', 'id', 1, '2018-03-01');
insert into legal_entity.entity (entity_id, name, kind, legal_representative, region_code, status, version_from) values
    ('E1', '江阳区张小三茶楼', 'self_employed', '张小三', '510502', 'open', '2018-03-01'), ('E2', '泸州示例有限公司', 'enterprise', '欧阳小明', '510503', 'open', '2018-03-01');
insert into credit.list_entry (dataset, source_key, list, subject_name, person_id, reason, listed_on, document_number, version_from) values
    ('court/dishonest_debtors', 'K1', 'dishonest', '张小三', 'P1', '支付货款', '2018-01-01', '（2018）示例1号', '2018-03-01');
insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, content_sha256) values
    ('health/health_records', '20180301-a', '2018-03-01', 'full', 'loaded', 'x'), ('court/dishonest_debtors', '20180301-b', '2018-03-01', 'full', 'loaded', 'x');
insert into quality.quarantine (dataset, delivery_id, row_number, reasons, record) values
    ('health/health_records', '20180301-a', 1, '{bad_date: 空}', '{}'), ('court/dishonest_debtors', '20180301-b', 1, '{bad_date: 空}', '{}');
insert into quality.disagreement (library, record_id, field, kept_value, kept_from, other_value, other_from) values
    ('population', 'P1', 'name', '张小三', 'public_security/household_register', '张三', 'health/health_records');
insert into match.judgement (kind, left_record, right_record, verdict, by, why) values
    ('person', 'civil_affairs/subsistence_allowance|510502199001011234|self', 'education/students|G510502199001011234|self', 'same', '李四', '核对过 510502199001011234 的原件');
insert into ops.publication (library, published_on, inputs, state) values ('population', '2018-03-01', 'x', 'published');
"""


class World:
    """A library database of an ordinary owner, and an account of each role."""

    def __init__(self, cluster: Cluster, url: str):
        self.cluster, self.url, self.name = cluster, url, url.rpartition("/")[2]

    @contextmanager
    def login(self, who: str, *, autocommit: bool = True) -> Iterator[Connection]:
        """A connection of one of the accounts; `owner` is the loader."""
        con = psycopg2.connect(self.url if who == "owner" else role_url(who, PASSWORD, self.cluster.port, self.name))
        con.autocommit = autocommit
        try:
            yield con
        finally:
            con.close()

    def ask(self, who: str, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """What the account gets for a query."""
        with self.login(who) as con, con.cursor() as c:
            c.execute(sql, args or None)
            return list(c.fetchall()) if c.description else []


@pytest.fixture(scope="module")
def world(postgis_cluster: Cluster, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> World:
    """Roles made by sql/roles.sql, accounts made as docs/security.md says, a few rows of everything."""
    made = World(postgis_cluster, new_database())
    with made.login("owner") as con, con.cursor() as c:
        c.execute(FILL)
    folder = tmp_path_factory.mktemp("roles")
    catalog.themes(Settings(made.url, folder, folder, "duckdb", 512, date(2018, 3, 1), 5.0, 1000))
    for login, role in LOGINS.items():
        postgis_cluster.server.create_role(login, PASSWORD)
        postgis_cluster.server.run("postgres", f"grant {role} to {login}")
    postgis_cluster.grant_roles(made.name)
    made.ask("boss", "select access.admit('reader', '社会救助复核', unmasked => true)")
    made.ask("boss", "select access.admit('jiangyang', '江阳区民政', divisions => '{510502}', unmasked => true)")
    made.ask("boss", "select access.admit('hospital', '卫生部门联系人', departments => '{health}')")
    return made


# ── every role, every table ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", READABLE)
def test_a_role_reads_what_is_listed_for_it_and_no_other_table(world: World, role: str) -> None:
    """Also tables that later releases bring: what nobody listed is closed."""
    reads = "has_schema_privilege(%s, split_part(t, '.', 1), 'usage') and (has_table_privilege(%s, t, 'select') or has_any_column_privilege(%s, t, 'select'))"
    readable = {t for (t,) in world.ask("owner", f"select t from ({RELATIONS}) x (t) where {reads}", role, role, role)}
    known = READABLE[role] | ({"quality.disagreement"} if role == "jichu_department" else set())  # some of its columns
    assert {t for t in readable if t not in known and t.split(".")[0] not in known} == set()
    assert {t for t in READABLE[role] if "." in t} <= readable


@pytest.mark.parametrize("role", [*READABLE, "public"])
def test_no_role_writes_any_table_or_makes_anything_in_any_schema(world: World, role: str) -> None:
    changes = "insert, update, delete, truncate, references, trigger"
    writable = world.ask("owner", f"select t from ({RELATIONS}) x (t) where has_table_privilege(%s, t, '{changes}')", role)
    making = world.ask(
        "owner", "select nspname from pg_namespace where nspname !~ '^pg_' and has_schema_privilege(%s, oid, 'create')", role
    )
    assert (writable, making) == ([], [])


def test_what_runs_with_the_owners_rights_is_closed_to_all_but_a_known_few(world: World) -> None:
    """A definer's function that anybody may call must tell nobody anything; each keeps to its own search path."""
    sql = """
        select p.oid::regprocedure::text, coalesce(array_to_string(p.proconfig, ','), ''), exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) where grantee = 0)
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prosecdef and n.nspname !~ '^pg_' and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    """
    found = world.ask("owner", sql)
    assert {name for name, config, _ in found if "search_path=" not in config} == set()
    assert {name for name, _, anybody in found if anybody} == {"theme.business_day()", "registry.progress_as_of(date)", "mask.key(text)"}


# ── the analyst ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", CLOSED)
def test_an_analyst_reads_no_table_with_identifiers(world: World, table: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("ana", f"select * from {table}")


def test_an_analyst_reads_people_and_parties_masked(world: World) -> None:
    (row,) = world.ask("ana", "select name, phone, residence_address, has_citizen_id, round(st_x(geom)::numeric, 4), round(st_y(geom)::numeric, 4) from masked.person where person_id = 'P1'")  # fmt: skip
    assert row[:4] == ("张*三", "138****5678", "泸州市江阳区南城街道****", True)
    assert [float(x) for x in row[4:]] == [105.4415, 28.8815]
    assert world.ask("ana", "select name, legal_representative from masked.entity order by entity_id") == [
        ("江阳区张**茶楼", "张*三"),
        ("泸州示例有限公司", "欧**明"),
    ]
    assert world.ask("ana", "select subject_name, document_number from masked.list_entry") == [("张*三", None)]


def test_no_masked_or_theme_or_division_column_holds_an_identifier(world: World) -> None:
    """Every text of every view is searched for what only the base tables may say."""
    views = world.ask(
        "owner",
        "select n.nspname || '.' || k.relname from pg_class k join pg_namespace n on n.oid = k.relnamespace where nspname in ('masked', 'theme') and relkind in ('v', 'm')",
    )
    assert len(views) > 20
    for (view,) in views:
        told = "\n".join(r for (r,) in world.ask("ana", f"select row_to_json(x)::text from {view} x"))
        for secret in ("510502199001011234", "张小三", "欧阳小明", "13812345678", "示例路8号", "105.44123"):
            assert secret not in told, view


def test_the_masked_number_cannot_be_put_together_from_its_parts(world: World) -> None:
    """Six digits, the birth date and the last four are the whole number: none of it stands beside the birth date."""
    columns = {c for (c,) in world.ask("ana", "select attname from pg_attribute where attrelid = 'masked.person'::regclass and attnum > 0")}
    assert {"birth_date", "has_citizen_id"} <= columns
    assert not columns & {"citizen_id", "address_code"}


@pytest.mark.parametrize(
    "attempt",
    [
        "delete from masked.person",
        "update masked.person set living_status = null",
        "update geospatial.region set name = 'x'",
        "create table public.mine (x integer)",
        "create schema mine",
        "alter view masked.person rename to p",
        "refresh materialized view theme.health_town",
        "select access.admit('ana', '给自己授权', unmasked => true)",
        "insert into access.log (login, action, hash) values ('x', 'ask', '')",
        "select ops.grant_roles()",
        "select pg_read_file('/etc/passwd')",
        "copy (select 1) to program 'true'",
        "set log_statement = 'none'",
        "set role jichu",
        "create extension dblink",
    ],
)
def test_an_analyst_changes_nothing_and_gets_no_further(world: World, attempt: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.WrongObjectType)):
        world.ask("ana", attempt)


def test_an_analyst_reads_every_masked_view_theme_and_open_table(world: World) -> None:
    for schema in ("masked", "theme", "statistics", "catalog", "registry"):
        for (name,) in world.ask(
            "owner", "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v', 'm')", schema
        ):
            world.ask("ana", f"select * from {schema}.{name} limit 1")
    for table in ("region", "address", "place", "parcel", "building"):
        world.ask("ana", f"select * from geospatial.{table}")
    assert world.ask("ana", "select count(*) from masked.person_as_of('2018-03-01')") == [(2,)]


def test_a_view_made_anew_is_readable_without_another_grant(world: World) -> None:
    with world.login("owner") as con, con.cursor() as c:
        c.execute("create view theme.made_later as select 1 as x")
    assert world.ask("ana", "select x from theme.made_later") == [(1,)]
    with world.login("owner") as con, con.cursor() as c:
        c.execute("drop view theme.made_later")


def test_what_an_analyst_does_is_written_to_the_servers_log_under_his_name(world: World) -> None:
    world.ask("ana", "select 'a question for the log'")
    log = (world.cluster.data / "server.log").read_text(encoding="utf-8", errors="replace")
    assert any(f"ana@{world.name}" in line and "a question for the log" in line for line in log.splitlines())


# ── names, by request ────────────────────────────────────────────────────────────────────────────────────────────


def test_who_has_no_permission_cannot_ask_for_names(world: World) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="没有查看未脱敏内容的授权"):
        world.ask("ana", "select access.ask('想看看这个人是谁', '{P1}')")


@pytest.mark.parametrize(("reason", "persons"), [("看看", "{P1}"), ("", "{P1}"), (None, "{P1}"), ("社会救助复核第三批", "{}")])
def test_a_request_needs_a_reason_and_somebody(world: World, reason: str | None, persons: str) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        world.ask("reader", "select access.ask(%s, %s)", reason, persons)


def test_a_request_is_logged_before_a_name_is_shown_and_no_rollback_takes_it_back(world: World) -> None:
    with world.login("reader", autocommit=False) as con, con.cursor() as c:
        c.execute("select access.ask('社会救助复核第三批', '{P1}')")
        (request,) = c.fetchone() or (None,)
        c.execute("savepoint here")
        with pytest.raises(errors.InsufficientPrivilege, match="请先提交"):
            c.execute("select * from access.person(%s)", [request])
        con.rollback()
        with pytest.raises(errors.InsufficientPrivilege, match="没有这个申请"):
            c.execute("select * from access.person(%s)", [request])
        con.rollback()
        c.execute("select access.ask('社会救助复核第三批', '{P1}')")
        (request,) = c.fetchone() or (None,)
        con.commit()
        c.execute("select name, citizen_id from access.person(%s)", [request])
        assert c.fetchall() == [("张小三", "510502199001011234")]
        con.rollback()  # the reading's own line goes, the request stays
    assert world.ask("auditor", "select login, action, subjects, reason from access.log where id = %s", request) == [
        ("reader", "ask", ["P1"], "社会救助复核第三批")
    ]


def test_a_request_is_its_askers_alone_and_only_for_whom_he_asked(world: World) -> None:
    ((request,),) = world.ask("reader", "select access.ask('社会救助复核第四批', '{P2}')")
    assert world.ask("reader", "select person_id from access.person(%s)", request) == [("P2",)]
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("jiangyang", "select * from access.person(%s)", request)


def test_a_dismissed_account_reads_nothing_any_more(world: World) -> None:
    world.cluster.server.create_role("leaver", PASSWORD)
    world.cluster.server.run("postgres", "grant jichu_analyst to leaver")
    world.ask("boss", "select access.admit('leaver', '临时核查任务', unmasked => true)")
    ((request,),) = world.ask("leaver", "select access.ask('临时核查任务一', '{P1}')")
    world.ask("other_boss", "select access.dismiss('leaver', '任务结束')")
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("leaver", "select * from access.person(%s)", request)
    world.ask("boss", "select access.admit('leaver', '已经过期的授权', unmasked => true, until => current_date - 1)")
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("leaver", "select access.ask('临时核查任务二', '{P1}')")


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["reader", "boss", "auditor", "owner"])
@pytest.mark.parametrize("attempt", ["update access.log set reason = 'x'", "delete from access.log", "truncate access.log"])
def test_nobody_changes_the_log_not_even_the_loader(world: World, who: str, attempt: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask(who, attempt)


def test_a_line_changed_behind_the_triggers_is_found(world: World) -> None:
    world.ask("reader", "select access.ask('社会救助复核第五批', '{P1}')")
    world.ask("reader", "select access.ask('社会救助复核第六批', '{P1}')")
    assert world.ask("auditor", "select * from access.verify()") == []
    with world.login("owner", autocommit=False) as con, con.cursor() as c:
        c.execute("alter table access.log disable trigger never_changed")
        c.execute("update access.log set reason = '例行维护工作' where reason = '社会救助复核第五批' returning id")
        (changed,) = c.fetchone() or (None,)
        c.execute("select id, problem from access.verify()")
        assert c.fetchall() == [(changed, "本行与其摘要不符")]
        con.rollback()
    with world.login("owner", autocommit=False) as con, con.cursor() as c:
        c.execute("alter table access.log disable trigger never_changed")
        c.execute("delete from access.log where reason = '社会救助复核第五批'")
        c.execute("select problem from access.verify()")
        assert c.fetchall() == [("与上一行接不上",)]
        con.rollback()


def test_the_digests_stand_in_the_servers_log_as_well(world: World) -> None:
    ((request,),) = world.ask("reader", "select access.ask('社会救助复核第七批', '{P1}')")
    ((digest,),) = world.ask("auditor", "select encode(hash, 'hex') from access.log where id = %s", request)
    assert digest in (world.cluster.data / "server.log").read_text(encoding="utf-8", errors="replace")


def test_what_the_command_line_shows_of_people_is_on_record_under_the_name_of_who_typed_it(world: World, tmp_path: Path) -> None:
    settings = Settings(world.url, tmp_path, tmp_path, "duckdb", 512, date(2018, 3, 1), 5.0, 1000)
    access.shown(settings, ["P1", "education/students|G510502199001011234|self"], "jichu explain pair", unmasked=True)
    access.shown(settings, [], "jichu review list")  # nobody, nothing
    ((login, subjects, reason),) = world.ask("auditor", "select login, subjects, reason from access.log where action = 'show'")
    assert login == access.viewer()
    assert re.fullmatch(r"[^@ ]+@[^@ ]+", login)
    assert subjects[0] == "P1"
    assert re.fullmatch(r"k[0-9a-f]{64}", subjects[1])
    assert reason == "jichu explain pair --unmasked"
    assert world.ask("auditor", "select * from access.verify()") == []


def test_the_loader_that_undoes_a_guard_stands_in_the_servers_log(world: World) -> None:
    with world.login("owner", autocommit=False) as con, con.cursor() as c:
        c.execute("alter table access.log disable trigger never_changed")
        con.rollback()
    log = (world.cluster.data / "server.log").read_text(encoding="utf-8", errors="replace")
    assert any("disable trigger never_changed" in line for line in log.splitlines())
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("owner", "alter role jichu set log_statement = 'none'")


# ── pseudonyms ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pseudonym_is_the_keyed_digest_of_the_standard_and_its_key_is_nobodys(world: World) -> None:
    ((key, algorithm),) = world.ask("owner", "select key, algorithm from mask.secret")
    made = hmac.HMAC(bytes(key), hashes.SM3() if algorithm == "HMAC-SM3" else hashes.SHA256())
    made.update(b"510502199001011234")
    assert world.ask("owner", "select mask.key('510502199001011234')") == [("k" + made.finalize().hex(),)]
    pads = world.ask("owner", "select encode(sha256(outer_pad || sha256(inner_pad || 'abc'::bytea)), 'hex') from mask.secret")
    other = hmac.HMAC(bytes(key), hashes.SHA256())
    other.update(b"abc")
    assert pads == [(other.finalize().hex(),)]  # what is used where the server's library lacks SM3
    for who in ("ana", "auditor", "hospital", "jiangyang", "boss"):
        with pytest.raises(errors.InsufficientPrivilege):
            world.ask(who, "select mask.keyed('510502199001011234')")


@pytest.mark.parametrize("key", ["510502199001011234", "G510502199001011234", "H1|510502199001011234", "510502900101123"])
def test_a_key_that_holds_a_number_becomes_a_pseudonym_wherever_the_number_stands(world: World, key: str) -> None:
    ((told, again, other),) = world.ask("owner", "select mask.key(%s), mask.key(%s), mask.key(%s)", key, key, key.replace("9001", "9002"))
    assert re.fullmatch(r"k[0-9a-f]{64}", told)
    assert (told == again, told == other) == (True, False)
    plain = ("20180301-000123", "91510502MA6AAAAA0X")
    assert world.ask("owner", "select mask.key(%s), mask.key(%s)", *plain) == [plain]


def test_an_auditor_reads_judgements_without_the_numbers_in_their_keys(world: World) -> None:
    ((left, right, why),) = world.ask("auditor", "select left_record, right_record, why from access.judgement")
    assert re.fullmatch(r"civil_affairs/subsistence_allowance\|k[0-9a-f]{64}\|self", left)
    assert re.fullmatch(r"education/students\|k[0-9a-f]{64}\|self", right)
    assert why == "核对过 **** 的原件"
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("auditor", "select * from match.judgement")


# ── a county, a department ───────────────────────────────────────────────────────────────────────────────────────


def test_a_county_sees_its_own_people_and_entities_alone(world: World) -> None:
    assert world.ask("jiangyang", "select person_id, name from division.person") == [("P1", "张*三")]
    assert world.ask("jiangyang", "select entity_id from division.entity") == [("E1",)]
    for closed in ("masked.person", *CLOSED):
        with pytest.raises(errors.InsufficientPrivilege):
            world.ask("jiangyang", f"select * from {closed}")


def test_a_county_asks_for_names_of_its_own_alone(world: World) -> None:
    ((request,),) = world.ask("jiangyang", "select access.ask('高龄津贴核对工作', '{P1,P2}')")
    assert world.ask("jiangyang", "select person_id from access.person(%s)", request) == [("P1",)]


def test_a_function_in_a_condition_sees_no_row_of_another_county(world: World) -> None:
    """The barrier: the row's own filter comes first, whatever is cheap."""
    with world.login("jiangyang") as con, con.cursor() as c:
        c.execute(
            "create function pg_temp.peek(t text) returns boolean language plpgsql cost 0.0000001 as $$ begin raise notice 'seen %', t; return true; end $$"
        )
        c.execute("select count(*) from division.person where pg_temp.peek(person_id)")
        assert c.fetchone() == (1,)
        assert not any("P2" in n for n in con.notices)


def test_a_county_account_without_a_division_sees_nobody(world: World) -> None:
    world.cluster.server.create_role("nowhere", PASSWORD)
    world.cluster.server.run("postgres", "grant jichu_county to nowhere")
    assert world.ask("nowhere", "select count(*) from division.person") == [(0,)]


def test_set_role_does_not_make_one_somebody_else(world: World) -> None:
    with world.login("jiangyang") as con, con.cursor() as c:
        c.execute("set role jichu_county")
        c.execute("select person_id from division.person")
        assert c.fetchall() == [("P1",)]


def test_a_department_sees_its_own_deliveries_alone(world: World) -> None:
    assert world.ask("hospital", "select dataset from ops.delivery") == [("health/health_records",)]
    assert world.ask("hospital", "select dataset from quality.quarantine") == [("health/health_records",)]
    assert world.ask("hospital", "select other_value from quality.disagreement") == [("张三",)]


@pytest.mark.parametrize(
    "closed",
    ["population.person", "masked.person", "division.person", "theme.health_town", "staging.health__health_records", "match.person_edge"],
)
def test_a_department_reads_no_library_of_people(world: World, closed: str) -> None:
    with pytest.raises((errors.InsufficientPrivilege, errors.UndefinedTable)):
        world.ask("hospital", f"select * from {closed}")


def test_a_department_does_not_read_what_others_said(world: World) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("hospital", "select kept_value from quality.disagreement")


# ── auditor, administrator, loader ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["auditor", "boss"])
@pytest.mark.parametrize("closed", [*PERSONAL, "masked.person", "division.person", "quality.quarantine", "quality.finding"])
def test_who_watches_and_who_administers_read_nobodys_data(world: World, who: str, closed: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask(who, f"select * from {closed}")


def test_an_auditor_reads_the_log_and_admits_nobody(world: World) -> None:
    assert world.ask("auditor", "select count(*) > 0 from access.log") == [(True,)]
    assert len(world.ask("auditor", "select dataset from ops.delivery")) == 2
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("auditor", "select access.admit('ana', '不该由审计员来办', unmasked => true)")


def test_an_administrator_admits_others_and_never_himself(world: World) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="不能给自己授权"):
        world.ask("boss", "select access.admit('boss', '自己也要看一看', unmasked => true)")
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("boss", "select * from access.log")
    with pytest.raises(errors.UndefinedObject, match="没有登录名"):
        world.ask("boss", "select access.admit('nobody_at_all', '没有这个人的', unmasked => true)")
    assert world.ask("auditor", "select count(*) from access.log where action = 'admit' and login = 'boss'")[0][0] >= 3


@pytest.mark.parametrize(
    "attempt",
    [
        "create role more",
        "alter role ana superuser",
        "select pg_read_file('/etc/passwd')",
        "copy (select 1) to program 'true'",
        "create database other",
        "set log_statement = 'none'",
    ],
)
def test_the_loader_owns_the_libraries_and_nothing_of_the_server(world: World, attempt: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("owner", attempt)


def test_who_has_no_role_does_not_come_in(world: World) -> None:
    world.cluster.server.create_role("stranger", PASSWORD)
    with pytest.raises(psycopg2.OperationalError, match="permission denied"), world.login("stranger"):
        pass
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(role_url("ana", PASSWORD, world.cluster.port, "airflow"))


def test_an_open_session_ends_and_every_account_is_watched(world: World) -> None:
    settings = {tuple(x) for (c,) in world.ask("owner", "select rolconfig from pg_roles where rolname = 'ana'") for x in [sorted(c)]}
    assert settings == {
        ("idle_in_transaction_session_timeout=5min", "idle_session_timeout=30min", "jit=off", "log_statement=all", "statement_timeout=5min")
    }


def test_roles_are_made_again_without_harm_and_an_older_grant_is_taken_back(world: World) -> None:
    world.cluster.server.run(world.name, "grant usage on schema population to analyst", "grant select on population.person to analyst")
    world.cluster.grant_roles(world.name)
    con = psycopg2.connect(world.cluster.role_url("analyst", world.name))
    try:
        with con.cursor() as c:
            c.execute("select count(*) from masked.person")
            assert c.fetchone() == (2,)
            with pytest.raises(errors.InsufficientPrivilege):
                c.execute("select 1 from population.person")
    finally:
        con.close()


def test_an_analyst_passes_on_nothing(world: World) -> None:
    world.ask("ana", "grant select on masked.person to public")  # a warning, and nothing granted
    with pytest.raises(errors.InsufficientPrivilege):
        world.ask("hospital", "select * from masked.person")


def test_nothing_is_granted_to_roles_that_are_not_there_yet(world: World) -> None:
    """A database administrator may add them later: the migrating role may be unable to make any."""
    con = psycopg2.connect(world.cluster.server.url(world.name))
    try:
        with con.cursor() as c:
            for role in sorted(set(LOGINS.values())):
                c.execute(f"alter role {role} rename to {role}_hidden")
            c.execute("set local role jichu")
            c.execute("select ops.grant_roles()")
    finally:
        con.rollback()
        con.close()
