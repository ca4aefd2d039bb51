"""Lineage and checks as they are declared: every library column is accounted for, every check is said in Chinese."""

import re

from etl import spec
from etl.site import checks, lineage
from etl.spec.suite import Claim, load_suite, table_columns

REGISTRY = spec.load()
COLUMNS = {t: sorted(c) for t, c in table_columns().items()}
LINEAGE = lineage.trace(REGISTRY, COLUMNS)


def test_of_every_library_column_it_is_known_how_it_comes_about() -> None:
    assert LINEAGE.unknown == (), "say in etl/site/derived.yml what these columns are made of"


def test_every_field_that_a_source_fills_reaches_a_column_or_serves_matching() -> None:
    assert lineage.unfed(REGISTRY, LINEAGE) == [], (
        "say in etl/site/derived.yml which column these fields reach, or list them as used_for_matching"
    )


def test_what_is_said_of_derivations_is_about_fields_and_columns_that_exist() -> None:
    inputs = {f"{n}.{f}" for x in REGISTRY.libraries.values() for n, given in x.inputs.items() for f in given.fields}
    tables = {t for x in REGISTRY.libraries.values() for t in x.tables}
    believed = {f for x in REGISTRY.libraries.values() for fields in x.believe.values() for f in fields}
    for path, derived in lineage.derivations().columns.items():
        assert path.rsplit(".", 1)[0] in tables, path
        assert set(derived.from_) <= inputs, path
        assert set(derived.believe) <= believed, path
        for via in derived.via:
            table, column = via.rsplit(".", 1)
            assert column in COLUMNS[table], via
    assert set(lineage.derivations().used_for_matching) <= inputs


def test_a_column_knows_its_sources_in_the_order_in_which_they_are_believed() -> None:
    made = LINEAGE.columns["population.person.birth_date"]
    first = [(o.stem, o.delivered, o.place) for o in made.origins if o.field == "birth_date"][:2]
    assert first == [("public_security/household_register", "csrq", 1), ("health/birth_certificates", "出生时间", 2)]
    assert [b.name for b in made.believed] == ["id_birth", "birth_date"]
    assert ("public_security/household_register", "gmsfhm", 1) in [(o.stem, o.delivered, o.place) for o in made.origins]


def test_departments_that_share_a_form_are_one_source() -> None:
    phones = [o for o in LINEAGE.columns["population.person.phone"].origins if o.stem == "every_county/grid_residents"]
    assert len(phones) == 1 and len(phones[0].datasets) == 9


def test_both_directions_tell_the_same() -> None:
    there = {(stem, cleaned, path) for (stem, cleaned), paths in LINEAGE.forward.items() for path in paths}
    back = {(o.stem, o.cleaned, m.path) for m in LINEAGE.columns.values() for o in m.origins if o.cleaned}
    assert there == back and len(there) > 300


def test_every_check_is_said_in_chinese_and_has_a_page_of_its_own() -> None:
    listed = checks.catalogue(REGISTRY, {})
    assert len(listed) > 1500
    assert [c.name for c in listed if not re.search("[一-龥]", c.says) or "expect_" in c.says or "None" in c.says] == []
    pages = [(c.page, c.stem) for c in listed if not c.rule]
    assert len(pages) == len(set(pages))


def test_every_type_of_expectation_that_a_suite_uses_has_a_sentence() -> None:
    stems = [*lineage.by_stem(REGISTRY), *(t.replace(".", "/") for x in REGISTRY.libraries.values() for t in x.tables)]
    used = {c.type for suite in map(load_suite, stems) if suite for c in suite.expectations}
    assert len(used) > 8
    for kind in used - {"unexpected_rows_expectation"}:
        claim = Claim(name="a", type=kind, kwargs={"column": "x"}, dimension="accuracy", severity="info", because="因为如此")
        assert "expect" not in checks.say(claim, {}), kind


def test_a_standard_is_read_from_a_comment() -> None:
    assert lineage.standard("性别（GB/T 2261.1-2003）") == "GB/T 2261.1-2003" and lineage.standard("姓名") == ""
