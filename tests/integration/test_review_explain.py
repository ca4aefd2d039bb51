"""Why a person is who they are: the records, the rules, whom each field was taken from, who said otherwise."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_kit import City, citizen_id, credit_code, health_record, newcomer, plate, separated

from etl import db, engine, spec
from etl import settings as settings_module
from etl.errors import UsageError
from etl.explain import Explanation, explain
from etl.explain.page import page
from etl.explain.pair import PairExplanation, compare
from etl.explain.pair_page import page as pair_page
from etl.explain.weigh import weigh
from etl.records import Record, weights
from etl.review.sample import draw

HEALTH, FLOATING, STATE_TAX = "health/health_records", "public_security/floating_population", "state_tax/taxpayers"
WU = citizen_id("510502", "19800115", 12)
CODE = credit_code("510502", "MA620001")


@pytest.fixture(scope="module")
def town(new_database: "object", tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One woman in two departments that disagree on her name's spelling and her birth date, and in a third record without a number; a firm."""
    folder = tmp_path_factory.mktemp("explained")
    city = City(folder / "drop", folder / "home", new_database())  # type: ignore[operator]
    city.plates(rows=[plate("A1", "佳乐路", "8号"), plate("A2", "佳乐路", "10号")])
    others = [
        health_record(
            f"s{i}",
            f"赵明{c}",
            citizen_id("510502", f"197001{i + 10}", 2 * i + 1),
            f"1970-01-{i + 10}",
            联系电话=f"139000000{i:02d}",
            现住址="",
        )
        for i, c in enumerate("远近高低东西南北")
    ]
    city.health(
        "20180301",
        [
            *others,
            health_record("h1", "武雨晴", WU, "1980-01-16", "女", 联系电话="13812340000"),
            health_record("h2", "武雨晴", "", "1980-01-15", "女", 联系电话="13812340000"),
        ],
    )
    city.floating(
        "20180301",
        [newcomer("f1", "武雨情", WU, "1980-01-15", "女", 联系电话="13812340000", 居住地址="泸州市江阳区南城街道上平社区佳乐路10号")],
    )
    columns = ["纳税人识别号", "纳税人名称", "法定代表人", "法人证件号码", "注册地址", "登记日期", "行业", "纳税人状态"]
    firm = dict(zip(columns, [CODE, "泸州云帆商贸有限公司", "武雨晴", WU, "泸州市江阳区佳乐路8号", "2016-01-01", "", "正常"], strict=True))
    city.deliver(STATE_TAX, "20180301", separated(columns, [firm], "gb18030"))
    city.run()
    yield city


def why(city: City, kind: str, ident: str) -> Explanation:
    with city.inside():
        return explain(settings_module.load(), kind, ident)


def person(city: City, key: str) -> str:
    return str(city.query(f"select person_id from population.person_record where source_key = '{key}'")[0][0])


def test_it_names_every_record_with_its_rule_and_probability(town: City) -> None:
    told = why(town, "person", person(town, "h1"))
    assert {(m.record.dataset, m.record.source_key, m.record.role) for m in told.members} == {
        (HEALTH, "h1", "self"), (HEALTH, "h2", "self"), (FLOATING, "f1", "self"), (STATE_TAX, CODE, "legal_representative"),
    }  # fmt: skip
    assert {m.record.source_key: m.rule for m in told.members}["h1"].startswith("id_and_")
    assert all(m.rule_title != m.rule and 0 < m.probability <= 1 for m in told.members)


def test_each_field_says_whom_it_was_taken_from_and_who_disagreed(town: City) -> None:
    fields = {f.name: f for f in why(town, "person", person(town, "h1")).fields}
    golden = town.query(f"select name, birth_date, phone, citizen_id from population.person where person_id = '{person(town, 'h1')}'")[0]
    assert tuple(fields[n].value for n in ("name", "birth_date", "phone", "citizen_id")) == golden
    assert fields["birth_date"].reason == "由公民身份号码"
    assert [(str(v), d) for v, d in fields["birth_date"].others] == [("1980-01-16", (HEALTH,))]
    assert fields["name"].source is not None and fields["name"].source.dataset == HEALTH
    assert fields["name"].others == (("武雨情", (FLOATING,)),)
    assert fields["residence_address"].source is not None and fields["residence_address"].source.dataset == FLOATING, "the newest"


def test_what_it_says_of_disagreements_is_what_was_published(town: City) -> None:
    ident = person(town, "h1")
    fields = {f.name: f for f in why(town, "person", ident).fields}
    published = town.query(
        f"select field, other_from from quality.disagreement where record_id = '{ident}' and closed_at is null and field in ('name', 'birth_date')"
    )
    assert {(n, d) for n in ("name", "birth_date") for _, datasets in fields[n].others for d in datasets} == set(published)


def test_a_scored_link_shows_its_weights_and_they_add_up_to_its_probability(town: City) -> None:
    edges = [e for e in why(town, "person", person(town, "h2")).edges if e.weights]
    assert edges and {w.comparison for e in edges for w in e.weights} >= {"name", "birth", "phone", "prior"}
    for edge in edges:
        bits = sum(w.bits for w in edge.weights)
        assert edge.probability == pytest.approx(1 / (1 + 2**-bits), abs=0.001)


def test_the_terminal_is_masked_unless_asked_otherwise(town: City) -> None:
    ident = person(town, "h1")
    code, out, err = town.command("explain", "person", ident, COLUMNS="200")
    assert (code, err) == (0, "")
    assert "武*晴" in out and f"{WU[:6]}********{WU[-4:]}" in out and "█" in out
    assert WU not in out and "武雨晴" not in out and "13812340000" not in out and "佳乐路" not in out
    assert WU in town.command("explain", "person", ident, "--unmasked", COLUMNS="200")[1]


def test_whom_the_command_line_showed_is_on_record(town: City) -> None:
    ((ident,),) = town.query("select person_id from population.person order by 1 limit 1")
    for arguments in (["explain", "person", ident], ["explain", "person", ident, "--unmasked"], ["explain", "person", "nobody"]):
        town.command(*arguments)
    told = town.query(
        "select reason from access.log where action = 'show' and subjects = array[(select min(person_id) from population.person)] order by id desc limit 2"
    )
    assert told == [("jichu explain person --unmasked",), ("jichu explain person",)]
    assert town.query("select count(*) from access.log where 'nobody' = any (subjects)") == [(0,)]


def test_the_page_stands_alone_and_escapes_what_departments_wrote(town: City, tmp_path: Path) -> None:
    target = tmp_path / "why.html"
    assert town.command("explain", "person", person(town, "h1"), "--html", str(target))[0] == 0
    text = target.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and 'class="bar for"' in text and 'class="bar against"' in text
    assert "http" not in text and "<script" not in text and WU not in text
    told = why(town, "person", person(town, "h1"))
    told.fields[0] = type(told.fields[0])("education_code", "<script>alert(1)</script>", None, "", ())
    assert "<script" not in page(told, unmasked=True)


def test_an_entity_is_explained_and_so_is_a_record_by_its_name(town: City) -> None:
    record = f"{STATE_TAX}|{CODE}|self"
    told = why(town, "entity", record)
    fields = {f.name: f for f in told.fields}
    assert fields["uscc"].value == CODE and str(fields["uscc"].source) == record
    assert fields["organization_code"].reason == "由统一社会信用代码"
    assert why(town, "person", f"{HEALTH}|h2|self").ident == person(town, "h1")


def test_a_redirected_id_leads_to_the_one_that_stays(town: City) -> None:
    ident = person(town, "h1")
    town.query(
        f"insert into population.person_redirect (old_id, new_id, at, why, version_from) values ('PAAAA', 'PBBBB', now(), '例', '2018-03-01'), ('PBBBB', '{ident}', now(), '例', '2018-03-01') returning 1"
    )
    told = why(town, "person", "PAAAA")
    assert told.ident == ident and [r[1] for r in told.redirects] == ["PBBBB", ident]


def test_nobody_is_refused_without_repeating_what_was_typed(town: City) -> None:
    with pytest.raises(UsageError) as refused:
        why(town, "person", WU)
    assert WU not in str(refused.value) and refused.value.exit_code == 2
    with pytest.raises(UsageError, match="没有单位"):
        why(town, "entity", "E0000000000000000")


def test_the_views_say_why_and_every_column_has_its_chinese_comment(town: City) -> None:
    ident = person(town, "h2")
    ((rule, title, other, evidence),) = town.query(
        f"select rule, rule_title, other_record, evidence from match.person_why where person_id = '{ident}' and source_key = 'h2'"
    )
    assert rule.startswith("scored_") and title and other and '"prior"' in evidence
    assert town.query("select count(*) from match.entity_why") == town.query("select count(*) from legal_entity.entity_record")
    assert town.query("select count(*) from match.person_why") == town.query("select count(*) from population.person_record")
    bare = town.query("""
        select k.relname, a.attname from pg_class k join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
        where k.relnamespace = 'match'::regnamespace and k.relkind in ('r', 'v') and coalesce(col_description(k.oid, a.attnum), '') !~ '[一-龥]'
    """)
    assert bare == []


# ── two beside each other ────────────────────────────────────────────────────────────────────────────────────────


def beside(city: City, one: str, other: str, kind: str | None = None) -> PairExplanation:
    with city.inside():
        return compare(settings_module.load(), kind, one, other)


def said(e: PairExplanation) -> dict[str, bool | None]:
    return {v.rule: v.passed for v in e.verdicts}


def test_two_records_of_one_person_show_the_link_and_its_weights(town: City) -> None:
    told = beside(town, f"{HEALTH}|h2|self", f"{HEALTH}|h1|self")
    assert told.one and told.ids[0] == told.ids[1]
    assert {"name", "birth", "phone", "prior"} <= {w.comparison for w in told.weights}
    assert told.path and {str(told.path[0].left), str(told.path[-1].right)} & {f"{HEALTH}|h2|self"}
    assert said(told)["结论"] is True


def test_two_persons_with_a_number_each_are_told_apart_by_their_numbers(town: City) -> None:
    told = beside(town, person(town, "h1"), person(town, "s0"), "person")
    assert not told.one and said(told)["两个号码"] is False and said(told)["结论"] is False
    assert said(told)["阈值"] is False and told.lines["复核"] < told.lines["接受"]
    assert told.weights and told.compared.startswith("现在")


def test_a_pair_weighed_now_weighs_what_the_run_found(town: City) -> None:
    """The link that the run accepted, weighed again by itself."""
    ((left, evidence),) = town.query(
        "select left_record, evidence from match.person_edge where evidence is not null and left_record like '%|h2|self'"
    )
    with town.inside():
        settings = settings_module.load()
        con = db.connect(settings)
        rows = town.query(f"select dataset, source_key, role, rule from population.person_record where person_id = '{person(town, 'h1')}'")
        others = [(Record(d, k, r), rule) for d, k, r, rule in rows if k != "h2"]
        with engine.connect(settings) as duck:
            found = weigh(con, duck, spec.load(), [(Record.of(left), "alone")], others, [Record.of(left)], [r for r, _ in others])
        con.close()
    before = {w.comparison: (w.level, w.bits) for w in weights(json.loads(evidence))}
    now = {w.comparison: (w.level, w.bits) for w in found.weights}
    assert {c: level for c, (level, _) in now.items()} == {c: level for c, (level, _) in before.items()}
    assert all(now[c][1] == pytest.approx(before[c][1], abs=3.0) for c in now), "frequencies are the library's, not every record's"


def test_the_pair_is_masked_in_the_terminal_and_drawn_as_a_waterfall_on_the_page(town: City, tmp_path: Path) -> None:
    target = tmp_path / "pair.html"
    code, out, err = town.command("explain", "pair", f"{HEALTH}|h2|self", f"{HEALTH}|s0|self", "--html", str(target), COLUMNS="220")
    assert (code, err) == (0, "")
    assert "█" in out and "阈值" in out and "武*晴" in out and "武雨晴" not in out and "13812340000" not in out
    text = target.read_text(encoding="utf-8")
    assert '<svg class="waterfall"' in text and "接受" in text and "武雨晴" not in text and "<script" not in text and "http" not in text
    told = beside(town, f"{HEALTH}|h2|self", f"{HEALTH}|s0|self")
    assert "武雨晴" in pair_page(told, unmasked=True)


def test_the_same_twice_or_nobody_is_refused_in_one_sentence(town: City) -> None:
    for one, other in ((f"{HEALTH}|h1|self",) * 2, (person(town, "h1"), person(town, "h2")), ("P0000000000000000", person(town, "h1"))):
        with pytest.raises(UsageError):
            beside(town, one, other)
    assert town.command("explain", "pair", "P0000000000000000")[0] == 2


def test_two_firms_are_compared_as_well(town: City) -> None:
    assert town.command("explain", "entity", f"{STATE_TAX}|{CODE}|self", "E0000000000000000")[0] == 2


# ── figures of the run ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_run_has_left_its_figures(town: City) -> None:
    ((records, clusters, moved, largest, drift, edges),) = town.query(
        "select records, clusters, share_moved, largest, drift, edges from match.quality_run where library = 'population' order by publication desc limit 1"
    )
    assert records == sum(edges.values()) and 0 < clusters < records and moved == 0 and largest == 4 and "name" in drift
    assert town.query("select count(*) from match.quality_run where library = 'legal_entity'") == [(1,)]
    assert town.query("select count(distinct rule) > 20, sum(refused_pairs) from match.blocking") == [(True, 0)]


def test_a_sample_is_drawn_from_every_rule_and_judged_like_any_other_pair(town: City) -> None:
    with town.inside():
        settings = settings_module.load()
        assert draw(settings, "person", 30).startswith("已抽")
        strata = {s for (s,) in town.query("select distinct stratum from match.sample where linked")}
        assert {"id_and_name", "scored_phone"} & strata and all(s != "alone" for s in strata)
        assert town.query(
            "select count(*) from match.sample s left join match.review r using (kind, left_record, right_record) where r.pair is null"
        ) == [(0,)]
