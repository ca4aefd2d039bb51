"""统计局 and 交通运输局, month by month: one sheet or file a month, cumulative from January."""

from etl.demo.chance import Chance
from etl.demo.city import City
from etl.demo.datasets.figures import Figures, draw, increment, plain_number, sheets_by, shown_cell
from etl.demo.formats.plain import folder
from etl.demo.formats.sheets import Cell, Sheet, table_rows, write_workbook
from etl.demo.rows import Output, Rows

# name, unit, unit from 2018 on, size of a month, kind: flow, balance, index; not counted in January; a part of the line above
MONTHLY = (
    ("规模以上工业增加值", "万元", "", 480_000, "flow", True, False),
    ("白酒产业增加值", "万元", "", 215_000, "flow", True, True),
    ("固定资产投资", "万元", "亿元", 1_690_000, "flow", True, False),
    ("房地产开发投资", "万元", "", 240_000, "flow", True, True),
    ("社会消费品零售总额", "万元", "", 690_000, "flow", True, False),
    ("一般公共预算收入", "万元", "", 141_000, "flow", False, False),
    ("一般公共预算支出", "万元", "", 330_000, "flow", False, False),
    ("进出口总额", "万美元", "", 3_400, "flow", False, False),
    ("全社会用电量", "万千瓦时", "", 74_000, "flow", False, False),
    ("工业用电量", "万千瓦时", "", 38_000, "flow", False, True),
    ("金融机构人民币存款余额", "万元", "亿元", 22_500_000, "balance", False, False),
    ("金融机构人民币贷款余额", "万元", "亿元", 16_100_000, "balance", False, False),
    ("居民消费价格指数", "%", "", 102, "index", False, False),
    ("商品房销售面积", "万平方米", "", 42, "flow", False, False),
    ("新增城镇就业人数", "人", "", 3_400, "flow", False, False),
    ("旅游总收入", "万元", "", 340_000, "flow", False, False),
)
TRAFFIC = (
    ("公路客运量", "万人", 470.0),
    ("公路旅客周转量", "万人公里", 21_000.0),
    ("公路货运量", "万吨", 590.0),
    ("公路货物周转量", "万吨公里", 66_000.0),
    ("水路货运量", "万吨", 330.0),
    ("水路货物周转量", "万吨公里", 190_000.0),
    ("港口集装箱吞吐量", "TEU", 48_000.0),
    ("港口货物吞吐量", "万吨", 290.0),
    ("民航旅客吞吐量", "人次", 110_000.0),
)


def _months(first: tuple[int, int], last: tuple[int, int]) -> list[tuple[int, int]]:
    return [(m // 12, m % 12 + 1) for m in range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1])]


def _published(city: City) -> list[tuple[int, int]]:
    """Months that a monthly table has told by the city's day: a new one in the second and then every fourth week."""
    return _months((2017, 1), (2018, 1 + (city.day + 2) // 4)) if city.day else _months((2017, 1), (2018, 1))


def _month_since(year: int, month: int) -> int:
    return 0 if (year, month) <= (2018, 1) else 4 * (month - 1) - 2


def monthly_indicators(city: City) -> Rows:
    chance = city.chance.sub("monthly indicators")
    out = Figures({"指标名称": [], "计量单位": [], "本月": [], "累计": [], "累计增长(%)": [], "@month": []})
    for year, month in _published(city):
        period = f"{year}-{month:02d}"
        revised = period == "2017-12" and city.day >= 2
        for name, unit, later_unit, size, kind, silent, part in MONTHLY:
            place = f"{period}/{name}"
            _monthly_line(
                out,
                chance.sub(place),
                (name, later_unit if year >= 2018 and later_unit else unit, unit, size, kind, part),
                period,
                silent and month == 1,
                1.012 if revised else 1.0,
            )
    return out.rows()


def _monthly_line(
    out: Figures, chance: Chance, line: tuple[str, str, str, int, str, bool], period: str, silent: bool, revision: float
) -> None:
    name, unit, base_unit, size, kind, part = line
    factor = 10_000.0 if unit != base_unit else 1.0
    digits = 2 if factor > 1 or size < 1000 else 0
    trend = 1.0 + 0.09 * (int(period[:4]) - 2017)
    value = size * trend * (0.95 + 0.1 * draw(chance, "level")) / factor
    month = int(period[5:])
    total = value * (month - 0.15 + 0.3 * draw(chance, "total")) if kind == "flow" and month > 1 else value
    grown = round(3 + 14 * draw(chance, "growth"), 1) if kind != "index" else round(-2 + 4 * draw(chance, "growth"), 1)
    base = (factor, base_unit) if factor > 1 else None
    none = silent
    monthly = None if none or kind == "balance" else value * revision
    cells = [
        shown_cell(chance, "month", monthly, digits),
        shown_cell(chance, "cumulative", None if none else total * revision, digits),
        shown_cell(chance, "grown", None if none else grown + (0.1 if revision > 1 else 0), 1),
    ]
    since = _month_since(int(period[:4]), month)
    row = out.add(since, ("  #" if part else "") + name, unit, cells[0][0], cells[1][0], cells[2][0], period)
    first, second = {"flow": ("period", "cumulative"), "balance": ("period", "level"), "index": ("level", "cumulative")}[kind]
    status = "revised" if revision > 1 else "normal"
    out.tell(row, name, "510500", "M", period, first, cells[0][1], unit, base=base, status=status)
    out.tell(row, name, "510500", "M", period, second, cells[1][1], unit, base=base, status=status)
    out.tell(row, name, "510500", "M", period, "growth", cells[2][1], "%", status=status)


def write_monthly(out: Output) -> None:
    sheets = []
    body = table_rows(out, ("本月", "累计", "累计增长(%)"), ())
    for period, rows in sheets_by(out.table, "@month"):
        year, month = int(period[:4]), int(period[5:])
        title = f"{year}年{month}月泸州市主要经济指标" if month == 1 else f"{year}年1-{month}月泸州市主要经济指标"
        lines: list[list[Cell]] = [
            [title, None, None, None, None],
            [None, None, None, None, "单位：见表"],
            ["指标名称", "计量单位", "本月", "累计", "累计增长(%)"],
        ]
        lines += [body[i][:5] for i in rows]
        lines += [
            ["注：①为预计数；规模以上工业等指标1月份不单独统计。", None, None, None, None],
            ["“—”表示无数据，“…”表示数据不足本表最小单位。#表示其中项。", None, None, None, None],
        ]
        sheets.append(Sheet(f"{year}年{month}月", lines, ["A1:E1"]))
    write_workbook(folder(out) / f"monthly_indicators_{out.date}.xlsx", sheets, out.date)


def monthly_traffic(city: City) -> Rows:
    chance = city.chance.sub("traffic")
    out = Figures({"指标": [], "计量单位": [], "本月": [], "本月止累计": [], "同比增长(%)": [], "@month": []})
    for year, month in [m for m in _published(city) if m >= (2017, 11)]:
        period = f"{year}-{month:02d}"
        revision = 1.013 if period == "2018-01" and city.day >= 2 else 1.0
        for name, unit, size in TRAFFIC:
            c = chance.sub(f"{period}/{name}")
            value = round(size * (0.95 + 0.1 * draw(c, "v")) * revision, 1)
            total = round(value if month == 1 else size * (month - 0.2 + 0.4 * draw(c, "t")) * revision, 1)
            growth = None if draw(c, "none") < 0.04 else round(-1 + 13 * draw(c, "g"), 1)
            row = out.add(
                _month_since(year, month),
                name,
                unit,
                plain_number(value, 1),
                plain_number(total, 1),
                "—" if growth is None else plain_number(growth, 1),
                period,
            )
            status = "revised" if revision > 1 else "normal"
            out.tell(row, name, "510500", "M", period, "period", value, unit, status=status)
            out.tell(row, name, "510500", "M", period, "cumulative", total, unit, status=status)
            out.tell(row, name, "510500", "M", period, "growth", growth, "%")
    return out.rows()


def write_traffic(out: Output) -> None:
    body = table_rows(out, ("本月", "本月止累计", "同比增长(%)"), ())
    for period, rows in sheets_by(out.table, "@month"):
        year, month = int(period[:4]), int(period[5:])
        lines: list[list[Cell]] = [
            [f"{year}年{month}月泸州市交通运输统计月报", None, None, None, None],
            ["指标", "计量单位", "本月", "本月止累计", "同比增长(%)"],
            *[body[i][:5] for i in rows],
        ]
        write_workbook(folder(out) / f"运输月报_{year}{month:02d}.xlsx", [Sheet("月报", lines)], out.date)


DATASETS = [
    increment("statistics_bureau/monthly_indicators", ("指标名称", "@month"), monthly_indicators, write_monthly),
    increment("transport/monthly_traffic", ("指标", "@month"), monthly_traffic, write_traffic),
]
