"""What is declared of exchange and open data: unknown keys and contradictions are refused in a sentence."""

import re

import pytest
from pydantic import ValidationError

from etl import spec
from etl.errors import UsageError
from etl.spec import exchange, opendata

TEXT = exchange.FILE.read_text(encoding="utf-8")


def test_what_is_declared_holds_no_mistake() -> None:
    assert list(exchange.problems(exchange.load(), spec.load())) == []
    assert list(opendata.problems(opendata.load(), spec.load())) == []


@pytest.mark.parametrize(
    ("was", "now", "sentence"),
    [
        ("  geospatial.building:", "  geospatial.bilding:", "tables.geospatial.bilding：没有这张库表.*geospatial.building"),
        ("{county} or t.level = 'city'", "{conty} or t.level = 'city'", "tables.geospatial.region.county：不认识 {conty}"),
        ("exists (select from credit.public_list_entry v", "exists ((select from credit.public_list_entry v", "tables.credit.list_entry.rows：SQL 写法有误"),
        ("[population.person.citizen_id]", "[population.person.birth_date]", "receivers.province.clear：population.person.birth_date 本来就不脱敏"),
        ("of: [population.person#extended], purpose: 归集", "of: [popul.*], purpose: 归集", "receivers.city.grants：popul.* 不合任何一张"),
        ('code: "510500"\n    title', 'code: "510000"\n    title', "代码 510000 给了两个接收方"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(was: str, now: str, sentence: str) -> None:
    assert was in TEXT
    declared = exchange.parse(TEXT.replace(was, now, 1), "schemas/exchange.yml")
    found = list(exchange.problems(declared, spec.load()))
    assert len(found) == 1
    assert re.search(sentence, found[0]), found


def test_an_unknown_key_or_mask_is_refused() -> None:
    for was, now in (("  clear: []", "  claer: []"), ("{manager: name}", "{manager: nmae}"), ("instance: {", "instance: {x: 1, ")):
        with pytest.raises(UsageError, match="schemas/exchange.yml"):
            exchange.parse(TEXT.replace(was, now, 1), "schemas/exchange.yml")


def test_rounding_finer_than_k_is_refused_for_two_releases_would_show_persons() -> None:
    with pytest.raises(ValidationError, match="两期相减"):
        opendata.Open(title="试", k=10, round_to=5, licence="试", sets={})


def test_a_set_is_either_counted_or_harmless() -> None:
    head = {"title": "试", "abstract": "试", "provider": "health", "keywords": ["试"], "update_cycle": "每月", "columns": {"a": "甲"}}
    with pytest.raises(ValidationError, match="二者取一"):
        opendata.OpenSet.model_validate(head)
