"""Invented errors on an invented city, and the shared city where it is at hand: a wrong plate is far rarer than none."""

import json
import random
from pathlib import Path

import duckdb
import pytest

from etl.match.address import match, text

SHARED = Path("/work/shared/city")
COUNTIES = {"510502": "江阳区", "510503": "纳溪区", "510504": "龙马潭区"}
STEMS = [
    "南城",
    "北城",
    "茜草",
    "方山",
    "通滩",
    "弥陀",
    "黄舣",
    "分水",
    "江北",
    "石寨",
    "况场",
    "泰安",
    "丹林",
    "护国",
    "上马",
    "白节",
    "天仙",
    "丰乐",
    "渠坝",
    "打古",
    "合面",
    "大渡",
    "石洞",
    "特兴",
    "双加",
    "金龙",
    "长安",
    "鱼塘",
    "罗汉",
    "安宁",
    "红星",
    "小市",
]
VILLAGES = [
    "建设",
    "团结",
    "永兴",
    "先锋",
    "龙桥",
    "石口",
    "梅岭",
    "高坪",
    "双河",
    "新民",
    "红星",
    "大堰",
    "长坡",
    "太平",
    "黄桷坝",
    "瓦窑滩",
    "来龙山",
    "八节洞",
    "王家祠",
    "流滩坝",
]
ROADS = ["长江路", "建设路", "人民路", "上平远路", "下平远路", "龙马大道", "东大街", "新街", "江阳南路", "百子路", "忠山路", "酒城大道"]
ESTATES = ["金科集美", "恒大城", "龙城一号", "书香门第", "江南名都", "阳光花园", "世纪名苑", "水岸华庭"]
ALIKE = {
    "路": "璐",
    "街": "衔",
    "村": "寸",
    "镇": "真",
    "江": "汪",
    "龙": "尤",
    "大": "太",
    "石": "右",
    "园": "圆",
    "城": "成",
    "建": "健",
    "新": "欣",
    "河": "何",
}
Plate = tuple[str, str, str, str, str, str, str | None, str | None, str | None, str]


def city(rng: random.Random) -> list[Plate]:
    """Some 2,000 plates: towns with two urban communities and three villages each."""
    plates: list[Plate] = []
    towns: dict[str, int] = {}
    for i, stem in enumerate(STEMS):
        county = list(COUNTIES)[i * 3 // len(STEMS)]
        towns[county] = towns.get(county, 0) + 1
        code = f"{county}{towns[county]:03}"
        town = stem + ("街道" if i % 3 == 0 else "镇")
        for k in range(5):
            region = f"{code}{k + 1 if k < 2 else 200 + k:03}"
            place = rng.choice(VILLAGES)
            names = (COUNTIES[county], town, place + f"{'东南'[k]}街社区" if k < 2 else "甲乙丙"[k - 2] + place + "村")
            for n, number in enumerate(rng.sample(range(1, 301), 8)):
                key = (f"{region}{n:06}", *names)
                if k >= 2:
                    plates.append((*key, f"{text.chinese_number(number // 30 + 1)}组", str(number % 30 + 1), None, None, None, region))
                else:
                    plates += _premises(rng, key, number, region)
    return plates


def _premises(rng: random.Random, key: tuple[str, str, str, str], number: int, region: str) -> list[Plate]:
    code, *names = key
    base = (*names, rng.choice(ROADS), f"{number}号")
    if rng.random() < 0.5:
        return [(code, *base, None, None, None, region)]
    estate, building = rng.choice(ESTATES), str(rng.randint(1, 12))
    rows = [(code, *base, estate, None, None, region), (code + "B", *base, estate, building + "栋", None, region)]
    return [*rows, *((f"{code}U{u}", *base, estate, building + "栋", f"{u}单元", region) for u in (1, 2))]


def misprint(rng: random.Random, name: str) -> str:
    i = rng.randrange(len(name))
    kind = rng.random()
    if kind < 0.7 or len(name) < 3:
        return name[:i] + ALIKE.get(name[i], rng.choice("的和同学工会")) + name[i + 1 :]
    return name[:i] + name[i + 1 :] if kind < 0.85 else name[:i] + rng.choice("之大小") + name[i:]


def write(rng: random.Random, plate: Plate, errors: float) -> str:
    """The plate as somebody would write it; each name misprinted with probability `errors`."""
    _, county, town, community, road, number, estate, building, unit, _ = plate
    rural = road.endswith("组")
    drop = rng.random()
    names = [county, "" if drop < 0.3 else town, "" if 0.3 < drop < 0.5 and not rural else community, "" if rural else road, estate or ""]
    county, town, community, street, estate = (misprint(rng, n) if n and rng.random() < errors else n for n in names)
    county = {"江阳区": "市中区", "纳溪区": "纳溪县"}.get(county, county) if rng.random() < 0.03 else county
    start = rng.choice(["四川省泸州市", "泸州市", "四川泸州", "四川省", ""])
    if rural:
        group = rng.choice([road, road, f"第{road}", road.replace("组", "社"), road.replace("组", "村民小组")])
        return f"{start}{county}{town}{community}{group}{number}号"
    tail, room = "", rng.randint(1, 24) * 100 + rng.randint(1, 4)
    if building:
        b, u = building.removesuffix("栋"), (unit or "").removesuffix("单元")
        many = [
            f"{b}栋{u}单元{room}",
            f"{b}幢{u}单元{room}室",
            f"{b}-{u}-{room}",
            f"#{b}-{u}-{room}",
            f"{b}号楼{u}单元{room}",
            f"第{b}栋{u}-{room}",
        ]
        tail = rng.choice(many if u else [f"{b}栋{room}", f"{b}幢", f"{b}-{room}", f"{text.chinese_number(int(b))}栋{room}"])
    written = f"{start}{county}{town}{community}{street}{number}{estate}{tail}"
    return written.translate(str.maketrans("0123456789", "０１２３４５６７８９")) if rng.random() < 0.05 else written


@pytest.mark.parametrize(("errors", "right", "wrong"), [(0.0, 0.995, 0.0), (0.03, 0.98, 0.001), (0.15, 0.93, 0.002)])
def test_wrong_plates_stay_rare_however_bad_the_texts(errors: float, right: float, wrong: float) -> None:
    rng = random.Random(20180301)
    con = duckdb.connect()
    plates = city(rng)
    texts = [(write(rng, p, errors), p[0]) for p in rng.choices(plates, k=6000)]
    columns = ("address_code", "county", "town", "community", "road", "number", "estate", "building", "unit", "region_code")
    con.execute(
        f"create table plates as select {', '.join(f'unnest(${c}) {c}' for c in columns)}",
        {c: [p[i] for p in plates] for i, c in enumerate(columns)},
    )
    con.execute("create table regions as select '510500000000' code, '泸州市' as name, 'city' as level")
    con.execute(
        "create table truth as select unnest($t) as text, unnest($w) as want", {"t": [t for t, _ in texts], "w": [w for _, w in texts]}
    )
    con.execute("create table texts as select distinct text, null::varchar hint_region from truth")
    match(con, "texts", "plates", "regions", "answer")
    # a text that two plates could have given is not counted as missed when it stays open, yet as wrong when it is decided
    got = con.execute("""
        with sole as (select text, count(distinct want) = 1 sole from truth group by text)
        select avg((address_code is not distinct from want)::int) filter (sole), avg((address_code <> want)::int)
        from truth join sole using (text) join answer using (text)
    """).fetchall()
    assert got[0][0] >= right and (got[0][1] or 0) <= wrong, got


@pytest.mark.skipif(not SHARED.exists(), reason="the shared city is not on this machine")
def test_the_shared_city_is_matched_within_its_targets() -> None:
    con = duckdb.connect()
    plates, regions = next(SHARED.glob("drop/public_security/door_plates/*/*.csv")), next(SHARED.glob("drop/land/regions/*/*.geojson"))
    con.execute(f"""create table plates as select 地址编码 address_code, 区县 county, 街道乡镇 town, 社区村 community, 街路巷 road,
        门牌号 as number, 小区名 estate,
        楼栋号 building, 单元 unit, 行政区划代码 region_code from read_csv('{plates}', all_varchar = true) where 地址编码 is not null""")
    told = [f["properties"] for f in json.loads(regions.read_text(encoding="utf-8"))["features"]]
    con.execute(
        "create table regions as select unnest($c) code, unnest($n) as name, unnest($l) as level",
        {k[0]: [t[k] for t in told] for k in ("code", "name", "level")},
    )
    con.execute(f"create table truth as select * from '{SHARED}/truth/address_link.parquet' where day = 0")
    con.execute("create table texts as select distinct text, null::varchar hint_region from truth")
    match(con, "texts", "plates", "regions", "answer")
    got = con.execute("""select avg((a.address_code = t.address_code)::int) filter (t.address_code is not null),
        avg((a.address_code is not null and a.address_code is distinct from t.address_code)::int)
        from truth t join answer a using (text)""").fetchall()
    assert got[0][0] >= 0.98 and got[0][1] <= 0.002, got
