"""统计局, 交通, 农业, 气象: tables of figures, small enough to be written number by number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from etl.demo import text
from etl.demo.chance import Chance
from etl.demo.city import START, City
from etl.demo.entities import COUNTY_NAMES
from etl.demo.formats import plain
from etl.demo.formats.plain import folder
from etl.demo.formats.sheets import Cell, Sheet, letters, table_rows, write_workbook
from etl.demo.geography import COUNTIES
from etl.demo.rows import Dataset, Output, Rows

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
STATIONS = {
    "57602": "510502",
    "57604": "510503",
    "57601": "510504",
    "57605": "510521",
    "57603": "510522",
    "57608": "510524",
    "57609": "510525",
}


@dataclass
class Figures:
    """Rows of a statistical table being written, with the observations that they tell."""

    columns: dict[str, list[str | None]]
    observations: list[dict[str, object]] = field(default_factory=list)
    since: list[int] = field(default_factory=list)

    def add(self, since: int, *cells: str | None) -> int:
        """A row; gives its number."""
        for column, cell in zip(self.columns.values(), cells, strict=True):
            column.append(cell)
        self.since.append(since)
        return len(self.since) - 1

    def tell(
        self,
        row: int,
        indicator: str,
        region: str,
        frequency: str,
        period: str,
        measure: str,
        value: float | None,
        unit: str,
        *,
        base: tuple[float, str] | None = None,
        status: str = "normal",
    ) -> None:
        """What a cell means; base = factor and unit of the indicator where the sheet uses another."""
        factor, unit_base = base or (1.0, unit)
        self.observations.append(
            {
                "row": row,
                "indicator": indicator,
                "region_code": region,
                "frequency": frequency,
                "period": period,
                "measure": measure,
                "value": value,
                "unit": unit,
                "value_base": None if value is None else value * factor,
                "unit_base": unit_base,
                "status": "missing" if value is None else status,
            }
        )

    def rows(self) -> Rows:
        """As a builder's result; rows are known by their place."""
        n = len(self.since)
        schema = pa.schema(
            [
                ("row", pa.int64()),
                *[
                    (k, pa.float64() if k.startswith("value") else pa.string())
                    for k in (
                        "indicator",
                        "region_code",
                        "frequency",
                        "period",
                        "measure",
                        "value",
                        "unit",
                        "value_base",
                        "unit_base",
                        "status",
                    )
                ],
            ]
        )
        return Rows(
            np.arange(n),
            {k: text.pool(v) for k, v in self.columns.items()},
            since=np.array(self.since, dtype=np.int64),
            observations=pa.Table.from_pylist(self.observations, schema=schema),
        )


def _number(value: float, digits: int) -> str:
    shown = f"{value:.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _shown(chance: Chance, place: str, value: float | None, digits: int, blank: str = "—") -> tuple[str, float | None]:
    """A cell: a plain number, one with thousands separators or a footnote mark, or a sign for nothing."""
    if value is None:
        return blank, None
    u = float(chance.uniform(place, [0])[0])
    told = float(_number(value, digits))
    if u < 0.012:
        return "…", None
    if u < 0.075 and abs(told) >= 1000:
        return f"{told:,.{digits}f}" if digits else f"{told:,.0f}", told
    if u < 0.095:
        return _number(told, digits) + "①", told
    return _number(told, digits), told


def _months(first: tuple[int, int], last: tuple[int, int]) -> list[tuple[int, int]]:
    return [(m // 12, m % 12 + 1) for m in range(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1])]


def _published(city: City) -> list[tuple[int, int]]:
    """Months that a monthly table has told by the city's day: a new one in the second and then every fourth week."""
    return _months((2017, 1), (2018, 1 + (city.day + 2) // 4)) if city.day else _months((2017, 1), (2018, 1))


def _month_since(year: int, month: int) -> int:
    return 0 if (year, month) <= (2018, 1) else 4 * (month - 1) - 2


def _draw(chance: Chance, place: str) -> float:
    return float(chance.uniform(place, [0])[0])


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
    value = size * trend * (0.95 + 0.1 * _draw(chance, "level")) / factor
    month = int(period[5:])
    total = value * (month - 0.15 + 0.3 * _draw(chance, "total")) if kind == "flow" and month > 1 else value
    grown = round(3 + 14 * _draw(chance, "growth"), 1) if kind != "index" else round(-2 + 4 * _draw(chance, "growth"), 1)
    base = (factor, base_unit) if factor > 1 else None
    none = silent
    monthly = None if none or kind == "balance" else value * revision
    cells = [
        _shown(chance, "month", monthly, digits),
        _shown(chance, "cumulative", None if none else total * revision, digits),
        _shown(chance, "grown", None if none else grown + (0.1 if revision > 1 else 0), 1),
    ]
    since = _month_since(int(period[:4]), month)
    row = out.add(since, ("  #" if part else "") + name, unit, cells[0][0], cells[1][0], cells[2][0], period)
    first, second = {"flow": ("period", "cumulative"), "balance": ("period", "level"), "index": ("level", "cumulative")}[kind]
    status = "revised" if revision > 1 else "normal"
    out.tell(row, name, "510500", "M", period, first, cells[0][1], unit, base=base, status=status)
    out.tell(row, name, "510500", "M", period, second, cells[1][1], unit, base=base, status=status)
    out.tell(row, name, "510500", "M", period, "growth", cells[2][1], "%", status=status)


def _sheets_by(table: pa.Table, column: str) -> list[tuple[str, list[int]]]:
    """Row numbers by the value of a hidden column, in order of first appearance."""
    groups: dict[str, list[int]] = {}
    for i, v in enumerate(table.column(column).to_pylist()):
        groups.setdefault(v or "", []).append(i)
    return sorted(groups.items())


def write_monthly(out: Output) -> None:
    sheets = []
    body = table_rows(out, ("本月", "累计", "累计增长(%)"), ())
    for period, rows in _sheets_by(out.table, "@month"):
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
            value = round(size * (0.95 + 0.1 * _draw(c, "v")) * revision, 1)
            total = round(value if month == 1 else size * (month - 0.2 + 0.4 * _draw(c, "t")) * revision, 1)
            growth = None if _draw(c, "none") < 0.04 else round(-1 + 13 * _draw(c, "g"), 1)
            row = out.add(
                _month_since(year, month),
                name,
                unit,
                _number(value, 1),
                _number(total, 1),
                "—" if growth is None else _number(growth, 1),
                period,
            )
            status = "revised" if revision > 1 else "normal"
            out.tell(row, name, "510500", "M", period, "period", value, unit, status=status)
            out.tell(row, name, "510500", "M", period, "cumulative", total, unit, status=status)
            out.tell(row, name, "510500", "M", period, "growth", growth, "%")
    return out.rows()


def write_traffic(out: Output) -> None:
    body = table_rows(out, ("本月", "本月止累计", "同比增长(%)"), ())
    for period, rows in _sheets_by(out.table, "@month"):
        year, month = int(period[:4]), int(period[5:])
        lines: list[list[Cell]] = [
            [f"{year}年{month}月泸州市交通运输统计月报", None, None, None, None],
            ["指标", "计量单位", "本月", "本月止累计", "同比增长(%)"],
            *[body[i][:5] for i in rows],
        ]
        write_workbook(folder(out) / f"运输月报_{year}{month:02d}.xlsx", [Sheet("月报", lines)], out.date)


def crops(city: City) -> Rows:
    chance = city.chance.sub("crops")
    out = Figures({"作物": [], "指标": [], "单位": [], **{c: [] for c in COUNTY_NAMES}, "@year": []})
    for year in ("2016", "2017"):
        for crop in CROPS:
            for figure, unit, low, high, measure in CROP_FIGURES:
                c = chance.sub(f"{year}/{crop}/{figure}")
                cells = []
                for county in COUNTY_NAMES:
                    value = round(low + (high - low) * _draw(c, county))
                    u = _draw(c, f"{county} shown")
                    cells.append(("…", None) if u < 0.03 else (f"{value:,}", value) if u < 0.15 else (str(value), value))
                row = out.add(0, crop, figure, unit, *[s for s, _ in cells], year)
                for code, (_, v) in zip(COUNTIES, cells, strict=True):
                    out.tell(row, crop + figure, code, "A", year, measure, v, unit)
    return out.rows()


def write_crops(out: Output) -> None:
    body = table_rows(out, COUNTY_NAMES, ())
    width = 3 + len(COUNTY_NAMES)
    for year, rows in _sheets_by(out.table, "@year"):
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
                value = round(scale * (low + (high - low) * _draw(c, name)) * revision, 0 if unit == "元" else 2)
                growth = round(5 + 7 * _draw(c, f"{name} growth"), 1)
                cells += [_number(value, 2), _number(growth, 1)]
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
    for year, rows in _sheets_by(out.table, "@year"):
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


def weather(city: City) -> Rows:
    """Daily values since 2017; each week comes with the two days before, one of them corrected."""
    chance = city.chance.sub("weather")
    out = Figures({"站号": [], "日期": [], "平均气温": [], "最高": [], "最低": [], "降水量": []})
    resend, ids = [], []
    for station, county in STATIONS.items():
        c = chance.sub(station)
        span = np.arange(text.day("2017-01-01"), city.today)
        noise, warm, cold, rain, kind = (c.uniform(k, span) for k in ("noise", "warm", "cold", "rain", "kind"))
        season = 17.5 - 10.5 * np.cos(2 * np.pi * (span - text.day("2017-01-18")) / 365.25)
        mean = np.round(season + 6 * (noise - 0.5), 1)
        for i, day in enumerate(span.tolist()):
            since = max((day - START) // 7 + 1, 0)
            fixed = since < city.day and day % 7 == START % 7 - 2 % 7 and c.uniform("fixed", [day])[0] < 0.6 and day >= START - 3
            figures: list[tuple[str, float | None, str, str]] = [
                ("平均气温", mean[i] + (0.3 if fixed else 0.0), "level", "℃"),
                ("最高气温", mean[i] + 2 + 4 * warm[i], "level", "℃"),
                ("最低气温", mean[i] - 2 - 3 * cold[i], "level", "℃"),
                ("降水量", max(0.0, 40 * (rain[i] - 0.6) ** 2) if rain[i] > 0.6 else 0.0, "period", "mm"),
            ]
            _weather_line(out, station, county, day, since, figures, float(kind[i]), fixed)
            ids.append(int(station) * 100_000 + day)
            resend.append(city.day > 0 and since == city.day - 1 and day >= city.today - 9)
    rows = out.rows()
    rows.ids = np.array(ids)
    rows.resend = np.array(resend)
    return rows


def _weather_line(
    out: Figures,
    station: str,
    county: str,
    day: int,
    since: int,
    figures: Sequence[tuple[str, float | None, str, str]],
    kind: float,
    fixed: bool,
) -> None:
    date = str(np.datetime64(day, "D"))
    bad = {"2017-02-28": "2017-02-30", "2017-04-29": "2017-04-32"}.get(date, date) if (int(station) + day) % 3 == 0 else date
    cells: list[str] = []
    told: list[tuple[str, float | None, str, str, str]] = []
    for k, (name, value, measure, unit) in enumerate(figures):
        assert value is not None
        shown, truth, status = f"{value:.1f}" if value else "0", float(f"{value:.1f}"), "revised" if fixed and k == 0 else "normal"
        if 0.002 * k < kind < 0.002 * k + 0.0012:
            shown, truth, status = "32766", float("nan"), "missing"
        elif k == 3 and kind > 0.94 and value < 0.5:
            shown, truth, status = "32700", 0.0, "trace"
        cells.append(shown)
        told.append((name, None if np.isnan(truth) else truth, measure, unit, status))
    row = out.add(since, station, bad, *cells)
    for name, told_value, measure, unit, status in told:
        out.tell(row, name, county, "D", date, measure, told_value, unit, status=status)


def _increment(
    name: str, key: tuple[str, ...], build: Callable[[City], Rows], write: Callable[[Output], None], required: tuple[str, ...] = ()
) -> Dataset:
    return Dataset(name, key, "increment", build, write, clean=True, ordered=True, required_dates=required)


DATASETS = [
    _increment("statistics_bureau/monthly_indicators", ("指标名称", "@month"), monthly_indicators, write_monthly),
    _increment("statistics_bureau/county_annual", ("县区", "@year"), county_annual, write_annual),
    _increment("transport/monthly_traffic", ("指标", "@month"), monthly_traffic, write_traffic),
    _increment("agriculture/crops", ("作物", "指标", "@year"), crops, write_crops),
    _increment("meteorology/daily", ("站号", "日期"), weather, plain.csv(), ("日期",)),
]
