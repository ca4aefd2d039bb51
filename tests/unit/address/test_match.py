"""Texts find their plate, and only theirs."""

from collections.abc import Callable

import duckdb
import pytest

Find = Callable[..., dict[str, tuple[str | None, str | None, str]]]

FOUND = {
    "四川省泸州市江阳区南城街道上平社区佳乐路8号": ("A01", "number"),
    "江阳区佳乐路8号": ("A01", "number"),
    "泸州江阳区南城街道办事处佳乐路８号": ("A01", "number"),
    "四川省泸州市市中区佳乐路8号": ("A01", "number"),
    "江阳区上平社区佳乐璐8号": ("A01", "number"),
    "江阳区南成街道佳乐路8号": ("A01", "number"),
    "江阳区北城街道佳乐路8号": ("A01", "number"),  # the wrong town, but no other such road in the county
    "江阳区上平社区佳乐路12号金科集美": ("A02", "number"),
    "江阳区佳乐路12号金科集美9栋2004": ("A03", "building"),
    "江阳区佳乐路12号金科集美9幢1单元2301室": ("A04", "unit"),
    "江阳区佳乐路12号金科集美#9-2-804": ("A05", "unit"),
    "江阳区佳乐路12号金科集每9号楼二单元804": ("A05", "unit"),
    "江阳区金科集美12栋3单元101": ("A07", "unit"),
    "江阳区佳乐路12号12栋3单元101": ("A07", "unit"),
    "江阳区长江路255号附3号": ("A08", "number"),
    "江阳区新街21号书香门第第4栋1单元604号": ("A14", "unit"),
    "江阳区龙腾路15号龙城一号8栋1602": ("A15", "building"),
    "纳溪县上马镇黄桷坝村1社4号": ("N01", "number"),
    "纳溪区上马镇黄桷坝寸一组4号": ("N01", "number"),
    "纳溪区黄桷坝村一组4号": ("N01", "number"),
    "四川泸州上马镇太平村八组28号": ("N02", "number"),
    "纳溪区护国镇太平村八组28号": ("N03", "number"),
    "纳溪区护国真梅岭村十二社6号": ("N04", "number"),
    "纳溪区护国镇建设路88号江南名都": ("N06", "number"),
}
NOT_FOUND = {
    "江阳区长江路7号": ("510502000000", "road"),  # two towns have one
    "纳溪区太平村八组28号": ("510503000000", "road"),
    "江阳区南城街道上平社区上平远路31号": ("510502001001", "community"),  # 上平远路 is another road, not a misprint
    "江阳区佳乐路12号金科集美9栋3单元101": ("510502001001", "road"),  # no such unit
    "江阳区佳乐路12号金科集美7栋101": ("510502001001", "road"),
    "江阳区佳乐路13号": ("510502000000", "road"),
    "纳溪区护国镇梅岭村附近": ("510503101206", "community"),
    "江阳区上平社区佳乐路8号对面": ("510502001001", "road"),
    "纳溪区大渡口镇": ("510503102000", "town"),
    "纳溪区": ("510503000000", "county"),
    "山东省济南市莱芜区中心镇80号": (None, "none"),
    "四川省甘孜藏族自治州德格县红星村252号": (None, "none"),
    "不详": (None, "none"),
    "'; DROP TABLE plates; --": (None, "none"),
}


def test_every_way_to_write_an_address_finds_its_plate(find: Find) -> None:
    answers = find(*FOUND)
    assert {t: (answers[t][0], answers[t][2]) for t in FOUND} == FOUND


def test_what_is_not_sure_has_no_code_and_the_region_as_far_as_it_is_known(find: Find) -> None:
    answers = find(*NOT_FOUND)
    assert {t: (answers[t][1], answers[t][2]) for t in NOT_FOUND if answers[t][0] is None} == NOT_FOUND


@pytest.mark.parametrize("hint", ["510502002003", "510502002", "510502002003005"])
def test_the_hint_of_a_structured_column_decides_between_equals(find: Find, hint: str) -> None:
    assert find(("江阳区长江路7号", hint))["江阳区长江路7号"] == ("A12", "510502002003", "number")


def test_a_hint_never_outranks_what_the_text_says(find: Find) -> None:
    text = "江阳区南城街道长江路7号"
    assert find((text, "510502002003"))[text][0] == "A11"


def test_a_text_without_a_county_is_not_placed_outside_the_county_of_its_hint(find: Find) -> None:
    text = "护国镇梅岭村十二组6号"
    assert find((text, "510503"))[text][0] == "N04"
    text = "佳乐路8号"
    assert find((text, "510503"))[text][0] is None
    assert find((text, "510571"))[text][0] == "A01"  # a park's own code tells no county


def test_a_county_name_that_nobody_told_is_learned_from_the_towns_behind_it(find: Find) -> None:
    texts = [f"忠山区{t}" for t in ("南城街道佳乐路8号", "北城街道长江路255号", "南城街道长江路7号", "佳乐路8号")]
    assert find(*texts)["忠山区佳乐路8号"][0] == "A01"


def test_an_empty_library_gives_regions_only(con: duckdb.DuckDBPyConnection, find: Find) -> None:
    con.execute("delete from plates")
    assert find("江阳区佳乐路8号")["江阳区佳乐路8号"] == (None, "510502000000", "county")


def test_scores_are_probabilities_and_every_text_has_one_answer(con: duckdb.DuckDBPyConnection, find: Find) -> None:
    find(*FOUND, *NOT_FOUND)
    assert con.execute(
        "select count(*), count(distinct text), bool_and(score between 0 and 1 and runner_up between 0 and 1) from answer"
    ).fetchall() == [(len(FOUND) + len(NOT_FOUND), len(FOUND) + len(NOT_FOUND), True)]
    assert con.execute(
        "select count(*) from answer where (address_code is not null) <> (level in ('unit', 'building', 'number'))"
    ).fetchall() == [(0,)]
    assert con.execute("select count(*) from duckdb_tables() where table_name like 'geo_%'").fetchall() == [(0,)]
