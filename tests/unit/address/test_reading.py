"""Texts are cut into head, group, number, estate, building and unit, whatever their form."""

import duckdb
import pytest

from etl.match.address import text

FORMS = {
    "四川泸州古蔺县石宝镇普乐村十组12号": ("四川泸州古蔺县石宝镇普乐村", "10", "12", None, None, None),
    "合江县凤鸣镇茅山村十一社3号": ("合江县凤鸣镇茅山村", "11", "3", None, None, None),
    "泸县牛滩镇八甲村第8村民小组7": ("泸县牛滩镇八甲村", "8", "7", None, None, None),
    "泸县牛滩镇八甲村八组十七号": ("泸县牛滩镇八甲村", "8", "17", None, None, None),
    "龙马潭区五八社区连江路123号和平小区二栋2单元1202号": ("龙马潭区五八社区连江路", None, "123", "和平小区", "2", "2"),
    "江阳区永宁路８５号康馨苑＃5-2-804": ("江阳区永宁路", None, "85", "康馨苑", "5", "2"),
    "叙永县人民路66号龙城一号4-2-2104": ("叙永县人民路", None, "66", "龙城一号", "4", "2"),
    "叙永县人民路66号龙城一号4-2104": ("叙永县人民路", None, "66", "龙城一号", "4", None),
    "江阳区新街21号书香门第4栋1单元604号": ("江阳区新街", None, "21", "书香门", "4", "1"),
    "泸县刺园路二百三十八号恒大城11幢2003室": ("泸县刺园路", None, "238", "恒大城", "11", None),
    "泸县刺园路238恒大城3号楼2-501": ("泸县刺园路", None, "238", "恒大城", "3", "2"),
    "泸县正街26号(户主)": ("泸县正街", None, "26", None, None, None),
    "泸县正街26号，详见附件": ("泸县正街", None, "26", None, None, None),
    "泸县正街26号恒大城9拣1单元104": ("泸县正街", None, "26", "恒大城", "9", "1"),
    "江阳区泸州化工园区": ("江阳区泸州化工园区", None, None, None, None, None),
    "合江县三座碑村2组24号": ("合江县三座碑村", "2", "24", None, None, None),
}


def read(*written: str) -> duckdb.DuckDBPyConnection:
    """The parts of these texts, in geo_part."""
    con = duckdb.connect()
    con.execute("create table texts as select unnest($t) as text, null::varchar as hint_region", {"t": list(written)})
    text.read(con, "texts")
    return con


@pytest.mark.parametrize("written", FORMS)
def test_every_form_is_cut_into_its_parts(written: str) -> None:
    con = read(written)
    assert con.execute("select head, grp, num, est, b, u from geo_part").fetchall() == [FORMS[written]]


def test_a_sub_number_stands_beside_its_number() -> None:
    con = read("长江路255号附3号", "长江路255号之三", "长江路255-3号")
    assert con.execute("select distinct num, sub from geo_part").fetchall() == [("255", "3")]


def test_what_could_not_be_read_is_marked_odd() -> None:
    con = read("佳乐路12号金科集美7号行2302", "佳乐路12号金科集美9栋而单元301", "佳乐路12号金科集美栋9")
    assert con.execute("select bool_and(odd) from geo_part").fetchall() == [(True,)]


def test_chinese_numerals_are_all_different_and_read_back() -> None:
    con = duckdb.connect()
    text.numerals(con)
    written = [text.chinese_number(n) for n in range(1, 1000)]
    assert len(set(written)) == 999
    assert written[11] == "十二" and written[104] == "一百零五" and written[219] == "二百二十"
    back = dict(con.execute("select t, v from geo_numeral").fetchall())
    assert [back[w] for w in written] == [str(n) for n in range(1, 1000)]
