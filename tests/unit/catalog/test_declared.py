"""schemas/catalog.yml covers what is declared, and says what is wrong with it."""

import pytest
from pydantic import ValidationError

from etl import spec
from etl.catalog import datasets
from etl.catalog.types import letter, precision, title
from etl.errors import UsageError
from etl.spec import Registry
from etl.spec.catalogue import Catalogue, SharingRule, load, problems


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


@pytest.fixture(scope="module")
def registry() -> Registry:
    return spec.load()


@pytest.fixture(scope="module")
def described(registry: Registry, catalogue: Catalogue) -> dict[str, datasets.Resource]:
    return {r.subject: r for r in datasets.resources(registry, catalogue, {}, {})}


def test_the_file_covers_every_department_library_format_and_cycle(catalogue: Catalogue, registry: Registry) -> None:
    assert list(problems(catalogue, registry)) == []


def test_a_department_without_a_number_is_named(catalogue: Catalogue, registry: Registry) -> None:
    lacking = catalogue.model_copy(update={"departments": {n: c for n, c in catalogue.departments.items() if n != "health"}})
    assert any("health" in p for p in problems(lacking, registry))
    with pytest.raises(UsageError, match="health"):
        lacking.department_code("health")


def test_a_number_given_twice_is_a_mistake(catalogue: Catalogue, registry: Registry) -> None:
    twice = catalogue.model_copy(update={"departments": {**catalogue.departments, "health": catalogue.departments["court"]}})
    assert any("给了两个部门" in p for p in problems(twice, registry))


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="sharetype"):
        SharingRule.model_validate({"of": ["*"], "share_type": 1, "because": "依据", "sharetype": 2})


@pytest.mark.parametrize("said", [{"share_type": 2}, {"share_type": 3}, {"share_type": 1, "open": True}])
def test_a_restriction_or_openness_without_its_condition_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SharingRule.model_validate({"of": ["*"], "because": "依据", **said})


def test_every_dataset_has_a_resource_and_every_cleaned_column_an_item(registry: Registry, described: dict[str, datasets.Resource]) -> None:
    assert set(described) == set(registry.sources)
    for name, source in registry.sources.items():
        assert [i.column_name for i in described[name].items] == list(registry.outputs(source)), name
        assert all(i.name for i in described[name].items), name


def test_two_resources_of_one_provider_never_have_the_same_name(described: dict[str, datasets.Resource]) -> None:
    names = [r.name for r in described.values()]
    assert len(set(names)) == len(names)


def test_no_dataset_with_citizen_numbers_is_open_or_shared_without_condition(
    registry: Registry, described: dict[str, datasets.Resource]
) -> None:
    loose = [
        n
        for n, s in registry.sources.items()
        if any(c.rule == "citizen_id" for c in s.columns.values()) and (described[n].open or described[n].share_type == 1)
    ]
    assert loose == []


def test_no_open_dataset_names_persons(registry: Registry, described: dict[str, datasets.Resource]) -> None:
    loose = [
        n
        for n, s in registry.sources.items()
        if any(c.rule in ("person_name", "citizen_id", "party_code") for c in s.columns.values()) and described[n].open
    ]
    assert loose == []


def test_the_front_code_of_a_county_is_its_division_code(catalogue: Catalogue) -> None:
    assert catalogue.department_code("county_510521") == "307051510521000"
    assert catalogue.department_code("public_security") == "307051510500001"


@pytest.mark.parametrize(
    ("kind", "money", "expected"),
    [("DOUBLE", False, "B"), ("boolean", False, "L"), ("numeric(18,2)", False, "N"), ("DECIMAL(20,6)", True, "Y"), ("timestamp with time zone", False, "T"),
     ("geometry(Point,4490)", False, "G"), ("real", False, "F"), ("bigint", False, "I"), ("jsonb", False, "M"), ("date", False, "D"), ("text", True, "C")],
)  # fmt: skip
def test_types_have_the_letters_of_the_guide(catalogue: Catalogue, kind: str, money: bool, expected: str) -> None:
    assert letter(catalogue, kind, "a.b.c", money=money) == expected


def test_an_unknown_type_is_named_with_its_column(catalogue: Catalogue) -> None:
    with pytest.raises(UsageError, match="a.b.c"):
        letter(catalogue, "hstore", "a.b.c", money=False)


def test_precision_and_titles_are_read_from_type_and_comment() -> None:
    assert precision("numeric(18,2)") == "18,2"
    assert precision("DECIMAL(20, 6)") == "20,6"
    assert precision("text") is None
    assert title("性别（GB/T 2261.1-2003）") == "性别"
    assert title("状态：living 在，dead 亡") == "状态"
