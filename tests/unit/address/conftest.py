"""A small town of door plates, written as a department writes them, and a DuckDB to match in."""

from collections.abc import Callable, Iterator

import duckdb
import pytest

from etl.match.address import match

COLUMNS = "address_code, county, town, community, road, number, estate, building, unit, region_code, longitude, latitude"
PLATES = """
    ('A01', '江阳区', '南城街道', '上平社区', '佳乐路', '8号', null, null, null, '510502001001'),
    ('A02', '江阳区', '南城街道', '上平社区', '佳乐路', '12', '金科集美', null, null, '510502001001'),
    ('A03', '江阳区', '南城街道', '上平社区', '佳乐路', '12', '金科集美', '9栋', null, '510502001001'),
    ('A04', '江阳区', '南城街道', '上平社区', '佳乐路', '12号', '金科集美', '9栋', '1单元', '510502001001'),
    ('A05', '江阳区', '南城街道', '上平社区', '佳乐路', '12', '金科集美', '9栋', '2单元', '510502001001'),
    ('A06', '江阳区', '南城街道', '上平社区', '佳乐路', '12', '金科集美', '12栋', null, '510502001001'),
    ('A07', '江阳区', '南城街道', '上平社区', '佳乐路', '12', '金科集美', '12栋', '3单元', '510502001001'),
    ('A08', '江阳区', '北城街道', '城垣社区', '长江路', '255号', null, null, null, '510502002003'),
    ('A09', '江阳区', '北城街道', '城垣社区', '上平远路', '30', null, null, null, '510502002003'),
    ('A10', '江阳区', '南城街道', '上平社区', '下平远路', '31', null, null, null, '510502001001'),
    ('A11', '江阳区', '南城街道', '上平社区', '长江路', '7号', null, null, null, '510502001001'),
    ('A12', '江阳区', '北城街道', '城垣社区', '长江路', '7号', null, null, null, '510502002003'),
    ('A13', '江阳区', '北城街道', '城垣社区', '新街', '21', '书香门第', null, null, '510502002003'),
    ('A14', '江阳区', '北城街道', '城垣社区', '新街', '21', '书香门第', '4栋', '1单元', '510502002003'),
    ('A15', '江阳区', '北城街道', '城垣社区', '龙腾路', '15号', '龙城一号', '8栋', null, '510502002003'),
    ('N01', '纳溪区', '上马镇', '黄桷坝村', '一组', '4', null, null, null, '510503103201'),
    ('N02', '纳溪区', '上马镇', '太平村', '八组', '28号', null, null, null, '510503103202'),
    ('N03', '纳溪区', '护国镇', '太平村', '八组', '28号', null, null, null, '510503101205'),
    ('N04', '纳溪区', '护国镇', '梅岭村', '十二组', '6', null, null, null, '510503101206'),
    ('N05', '纳溪区', '护国镇', '先锋村', '十组', '6', null, null, null, '510503101207'),
    ('N06', '纳溪区', '护国镇', '护国社区', '建设路', '88号', '江南名都', null, null, '510503101001')
"""
REGIONS = """
    ('510500000000', '泸州市', 'city'), ('510502000000', '江阳区', 'county'), ('510503000000', '纳溪区', 'county'),
    ('510503102000', '大渡口镇', 'town')
"""


@pytest.fixture()
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the tables `plates` and `regions`."""
    con = duckdb.connect()
    con.execute(f"create table plates as select *, 105.4::double, 28.8::double from (values {PLATES})")
    con.execute(f"create or replace table plates as select * from plates as p({COLUMNS})")
    con.execute(f"create table regions as select * from (values {REGIONS}) as r(code, name, level)")
    yield con
    con.close()


Answer = tuple[str | None, str | None, str]


@pytest.fixture()
def find(con: duckdb.DuckDBPyConnection) -> Callable[..., dict[str, Answer]]:
    """Matches texts (or (text, hint) pairs): text → (address_code, region_code, level)."""

    def run(*texts: str | tuple[str, str]) -> dict[str, Answer]:
        rows = [(t, None) if isinstance(t, str) else t for t in texts]
        con.execute("create or replace table texts (text varchar, hint_region varchar)")
        con.executemany("insert into texts values (?, ?)", rows)
        match(con, "texts", "plates", "regions", "answer")
        return {r[0]: (r[1], r[2], r[3]) for r in con.execute("select text, address_code, region_code, level from answer").fetchall()}

    return run
