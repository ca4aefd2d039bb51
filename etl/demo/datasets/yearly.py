"""农业局 and 统计局, year by year: counties as columns, or as rows under two header lines."""

from etl.demo.city import City
from etl.demo.datasets.figures import Figures, draw, increment, plain_number, sheets_by
from etl.demo.entities import COUNTY_NAMES
from etl.demo.formats.plain import folder
from etl.demo.formats.sheets import Cell, Sheet, letters, table_rows, write_workbook
from etl.demo.geography import COUNTIES
from etl.demo.rows import Output, Rows

CROPS = ("水稻", "小麦", "玉米", "高粱", "油菜籽", "薯类", "蔬菜", "柑橘")
CROP_FIGURES = (
    ("播种面积", "公顷", 1000, 8000, "period"),
    ("总产量", "吨", 9000, 48_000, "period"),
    ("单产", "公斤/公顷", 3000, 11_000, "level"),
)
ANNUAL = (
    ("地区生产总值", "亿元", 190, 310, "period"),
    ("第一产业增加值", "亿元", 22, 38, "period"),
    ("第二产业增加值", "亿元", 100, 160, "period"),
    ("常住人口", "万人", 40, 75, "level"),
    ("城镇居民人均可支配收入", "元", 24_000, 38_000, "level"),
    ("农村居民人均可支配收入", "元", 11_000, 16_000, "level"),
)


def crops(city: City) -> Rows:
    chance = city.chance.sub("crops")
    out = Figures({"作物": [], "指标": [], "单位": [], **{c: [] for c in COUNTY_NAMES}, "@year": []})
    for year in ("2016", "2017"):
        for crop in CROPS:
            for figure, unit, low, high, measure in CROP_FIGURES:
                c = chance.sub(f"{year}/{crop}/{figure}")
                cells = []
                for county in COUNTY_NAMES:
                    value = round(low + (high - low) * draw(c, county))
                    u = draw(c, f"{county} shown")
                    cells.append(("…", None) if u < 0.03 else (f"{value:,}", value) if u < 0.15 else (str(value), value))
                row = out.add(0, crop, figure, unit, *[s for s, _ in cells], year)
                for code, (_, v) in zip(COUNTIES, cells, strict=True):
                    out.tell(row, crop + figure, code, "A", year, measure, v, unit)
    return out.rows()


def write_crops(out: Output) -> None:
    body = table_rows(out, COUNTY_NAMES, ())
    width = 3 + len(COUNTY_NAMES)
    for year, rows in sheets_by(out.table, "@year"):
        title: list[Cell] = [f"{year}年泸州市分县主要农作物生产情况", *[None] * (width - 1)]
        lines: list[list[Cell]] = [title, list(out.table.column_names[:width]), *[body[i][:width] for i in rows]]
        write_workbook(folder(out) / f"农作物产量_{year}.xlsx", [Sheet(year, lines, [f"A1:{letters(width - 1)}1"])], out.date)


def county_annual(city: City) -> Rows:
    chance = city.chance.sub("annual")
    names = [f"{name}|{side}" for name, *_ in ANNUAL for side in ("总量", "增速")]
    out = Figures({"县区": [], **{n: [] for n in names}, "@year": []})
    for year in ("2015", "2016", "2017")[: 3 if city.day >= 2 else 2]:
        revision = 1.02 if year == "2016" and city.day >= 2 else 1.0
        for region, code in zip(("泸州市", *COUNTY_NAMES), ("510500", *COUNTIES), strict=True):
            c = chance.sub(f"{year}/{region}")
            cells: list[str] = []
            told: list[tuple[float, float]] = []
            for name, unit, low, high, _ in ANNUAL:
                scale = 6.5 if region == "泸州市" and unit != "元" else 1.0
                value = round(scale * (low + (high - low) * draw(c, name)) * revision, 0 if unit == "元" else 2)
                growth = round(5 + 7 * draw(c, f"{name} growth"), 1)
                cells += [plain_number(value, 2), plain_number(growth, 1)]
                told.append((value, growth))
            row = out.add(2 if year == "2017" else 0, region, *cells, year)
            for (name, unit, _, _, measure), (value, growth) in zip(ANNUAL, told, strict=True):
                out.tell(row, name, code, "A", year, measure, value, unit, status="revised" if revision > 1 else "normal")
                out.tell(row, name, code, "A", year, "growth", growth, "%")
    return out.rows()


def write_annual(out: Output) -> None:
    width = 1 + 2 * len(ANNUAL)
    body = table_rows(out, out.table.column_names[1:width], ())
    sheets = []
    for year, rows in sheets_by(out.table, "@year"):
        blank: list[Cell] = [None] * (width - 1)
        first: list[Cell] = ["县区"]
        second: list[Cell] = [None]
        for name, unit, *_ in ANNUAL:
            first += [name, None]
            second += [f"总量({unit})", "增速(%)"]
        merged = [f"A1:{letters(width - 1)}1", "A2:A3", *[f"{letters(1 + 2 * i)}2:{letters(2 + 2 * i)}2" for i in range(len(ANNUAL))]]
        lines: list[list[Cell]] = [
            [f"泸州市分县（区）主要经济指标（{year}年）", *blank],
            first,
            second,
            *[body[i][:width] for i in rows],
            ["注：增速按可比价计算。", *blank],
        ]
        sheets.append(Sheet(f"{year}年", lines, merged))
    write_workbook(folder(out) / f"county_annual_{out.date}.xlsx", sheets, out.date)


DATASETS = [
    increment("statistics_bureau/county_annual", ("县区", "@year"), county_annual, write_annual),
    increment("agriculture/crops", ("作物", "指标", "@year"), crops, write_crops),
]
