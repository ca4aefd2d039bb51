"""气象局: daily values of seven stations, with the codes for missing and trace."""

from collections.abc import Sequence

import numpy as np

from etl.demo import text
from etl.demo.city import START, City
from etl.demo.datasets.figures import Figures, increment
from etl.demo.formats import plain
from etl.demo.rows import Rows

STATIONS = {
    "57602": "510502",
    "57604": "510503",
    "57601": "510504",
    "57605": "510521",
    "57603": "510522",
    "57608": "510524",
    "57609": "510525",
}


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


DATASETS = [increment("meteorology/daily", ("站号", "日期"), weather, plain.csv(), ("日期",))]
