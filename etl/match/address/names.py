"""The divisions' names: every way to write a county, town or community, and the paths they form."""

import csv
from pathlib import Path

import duckdb

FORMER = Path(__file__).with_name("former_counties.csv")
PROVINCES = {
    "11": "北京", "12": "天津", "13": "河北", "14": "山西", "15": "内蒙古", "21": "辽宁", "22": "吉林", "23": "黑龙江",
    "31": "上海", "32": "江苏", "33": "浙江", "34": "安徽", "35": "福建", "36": "江西", "37": "山东", "41": "河南",
    "42": "湖北", "43": "湖南", "44": "广东", "45": "广西", "46": "海南", "50": "重庆", "51": "四川", "52": "贵州",
    "53": "云南", "54": "西藏", "61": "陕西", "62": "甘肃", "63": "青海", "64": "宁夏", "65": "新疆", "71": "台湾",
    "81": "香港", "82": "澳门",
}  # fmt: skip
NATIONS = "苗族|彝族|土家族|藏族|羌族|回族|壮族|侗族|布依族|瑶族|傣族|白族|满族|蒙古族|仡佬族|水族|畲族|黎族|纳西族|傈僳族|哈尼族"
TOWN_KINDS = "镇|乡|街道"


def build(con: duckdb.DuckDBPyConnection, plates: str, regions: str) -> None:
    """geo_node(scope, name), geo_name(scope, name, cost): names, their spellings; geo_path(path, scope): as in addresses."""
    con.execute(f"""create or replace temp table geo_node as
        with told as (
          select code, name, 1000 weight from {regions} where regexp_full_match(code, '[0-9]{{12}}') and name is not null
          union all select left(region_code, 6) || '000000', county, 1 from {plates} where county is not null
          union all select left(region_code, 9) || '000', town, 1 from {plates} where town is not null
          union all select region_code, community, 1 from {plates} where community is not null),
        named as (select case when right(code, 8) = '00000000' then left(code, 4) when right(code, 6) = '000000' then left(code, 6)
            when right(code, 3) = '000' then left(code, 9) else code end scope, name, sum(weight) weight
          from told where regexp_full_match(code, '[0-9]{{12}}') group by all)
        select scope, arg_max(name, (weight, name)) as name from named group by scope""")
    _spellings(con)
    _paths(con)


def city(con: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The province's and the city's name as the divisions tell them; empty where unknown."""
    rows = con.execute("select scope, name from geo_node where length(scope) = 4 order by scope").fetchall()
    some = con.execute("select mode(left(scope, 2)) from geo_node where length(scope) >= 6").fetchall()
    province = PROVINCES.get(str(some[0][0]), "")
    return province, (str(rows[0][1]) if rows else "")


def _spellings(con: duckdb.DuckDBPyConnection) -> None:
    """geo_name(scope, name, cost): 0 its name; 0.2 a former name or another kind; 1 without its last word. Never a neighbour's own name."""
    con.execute("create or replace temp table geo_former (code varchar, former_name varchar)")
    with FORMER.open(encoding="utf-8", newline="") as f:
        former = [(r["code"], r["former_name"]) for r in csv.DictReader(f)]
    con.execute(
        "insert into geo_former select unnest($codes), unnest($names)", {"codes": [c for c, _ in former], "names": [n for _, n in former]}
    )
    con.execute(f"""create or replace temp table geo_name as
        with own as (select scope, name, 0.0 as cost from geo_node where length(scope) > 4),
        stems as (select scope, name, regexp_replace(name, '(?:{NATIONS})*(?:自治)?(?:{TOWN_KINDS}|县|区|市)$', '') stem from own
          where length(scope) <= 9),
        other as (
          select left(code, 6) scope, former_name as name, 0.2 as cost from geo_former join geo_node on scope = code
          union all select left(code, 6), substr(former_name, 2), 0.2 from geo_former join geo_node on scope = code
            where starts_with(former_name, '市')
          union all select scope, stem || unnest(['县', '区', '市']), 0.2 from stems where length(scope) = 6 and length(stem) >= 2
          union all select scope, stem, 0.5 from stems where length(scope) = 6 and length(stem) >= 2
          union all select scope, stem || unnest(['镇', '乡', '街道', '街道办事处', '街道办', '办事处']), 0.2 from stems
            where length(scope) = 9 and length(stem) >= 2
          union all select scope, stem || regexp_extract(name, '(?:{NATIONS})+', 0), 0.5 from stems where length(scope) = 9
            and length(stem) >= 2 and name <> stem
          union all select scope, stem, 1.0 from stems where length(scope) = 9 and length(stem) >= 2
          union all select scope, name || unnest(['民委员会', '委会', '委']), 0.2 from own where length(scope) = 12 and name like '%村'
          union all select scope, name || unnest(['居民委员会', '居委会', '居委']), 0.2 from own where length(scope) = 12
            and name like '%社区'
          union all select scope, regexp_replace(name, '社区$', '') || unnest(['居民委员会', '居委会', '居委']), 0.2 from own
            where length(scope) = 12 and name like '_%社区'
          union all select scope, regexp_replace(name, '(?:居?民委员会|居?委会)$', ''), 0.2 from own where length(scope) = 12
            and regexp_matches(name, '委员会$|委会$')
          union all select scope, regexp_replace(name, '社区$', '村'), 0.7 from own where length(scope) = 12 and name like '__%社区'
          union all select scope, regexp_replace(name, '村$', '社区'), 0.7 from own where length(scope) = 12 and name like '__%村'
          union all select scope, regexp_replace(name, '(?:村|社区)$', ''), 1.0 from own where length(scope) = 12 and name like '__%'),
        taken as (select distinct name, left(scope, greatest(0, length(scope) - 3)) parent from own)
        select scope, name, min(cost) as cost from (
          from own union all select o.* from other o
          where length(o.name) >= 2 and not exists (select 1 from taken t where t.name = o.name and t.parent = left(o.scope, greatest(0,
            length(o.scope) - 3))))
        group by scope, name""")


def _paths(con: duckdb.DuckDBPyConnection) -> None:
    """geo_path(path, scope, n): county, town and community written one behind the other, any of the upper ones left out."""
    con.execute("""create or replace temp table geo_path as
        with sure as (select scope, name from geo_name where cost < 0.5),
        county as (select scope, name from sure where length(scope) = 6), town as (select scope, name from sure where length(scope) = 9),
        community as (select scope, name from sure where length(scope) = 12),
        below as (select scope, name from community union all select c.scope, t.name || c.name from community c
          join town t on t.scope = left(c.scope, 9)
          union all select scope, name from town)
        select distinct path, scope, length(path) n from (
          select name path, scope from county union all select name, scope from below
          union all select c.name || b.name, b.scope from below b join county c on c.scope = left(b.scope, 6))""")
