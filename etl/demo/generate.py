"""Writes a city: OUT/drop, OUT/drop_day1 …, OUT/truth."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from etl.demo import city as cities
from etl.demo import fates
from etl.demo.city import City
from etl.demo.datasets import catalogue
from etl.demo.rows import Dataset, Output
from etl.demo.truth import Truth
from etl.demo.weeks import USUAL, next_week
from etl.errors import UsageError


@dataclass
class Summary:
    """What was written: rows by dataset over all days, and the size of the city."""

    persons: int
    entities: int
    addresses: int
    days: int
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass
class _State:
    """What a dataset has told so far."""

    held: pa.Table
    told: fates.Told | None = None
    columns: list[str] = field(default_factory=list)


def generate(
    persons: int,
    seed: int,
    out: Path,
    days: int = 1,
    datasets: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
    harshness: float = 1.0,
    change: float = USUAL,
) -> Summary:
    """A city of that many persons over that many weekly deliveries, the first on 2018-03-01. The same arguments give the same bytes.

    datasets: only these (department/dataset); harshness scales every rate of error; change: the share of persons to whom something
    happens in a week (firms in proportion). Raises UsageError for an unknown dataset, for
    fewer than 100 persons, or when `out` holds something that is not a synthetic city.
    """
    if persons < 100 or days < 1 or harshness < 0 or not 0 <= change <= 0.5:
        raise UsageError("人数至少 100，天数至少 1，错误倍数不得为负，每周变动的比例在 0 与 0.5 之间")
    wanted = _wanted(datasets)
    _clear(out)
    say = progress or (lambda _: None)
    say(f"生成 {persons} 人的城市")
    city = cities.build(persons, seed, harshness)
    summary = Summary(persons, len(city.entities), len(city.plates), days)
    states = {d.name: _State(fates.empty_state()) for d in wanted}
    with Truth(out / "truth") as truth, duckdb.connect() as con:
        con.execute("SET threads = 2")
        truth.addresses(city)
        truth.employment(city)
        truth.people(city, city.people.ids)
        truth.entities(city, np.arange(len(city.entities)))
        for day in range(days):
            if day:
                city = next_week(city, change)
                truth.people(city, np.flatnonzero(city.people.touched == day))
                truth.entities(city, np.flatnonzero(city.entities.touched == day))
            drop = out / ("drop" if day == 0 else f"drop_day{day}")
            for dataset in wanted:
                if dataset.days is None or day in dataset.days:
                    n = _deliver(con, city, dataset, states[dataset.name], drop, truth)
                    summary.rows[dataset.name] = summary.rows.get(dataset.name, 0) + n
                    say(f"第 {day} 天 {dataset.name}：{n} 行")
        truth.datasets(wanted, {n: s.columns for n, s in states.items()})
    return summary


def _wanted(names: Collection[str] | None) -> list[Dataset]:
    known = {d.name: d for d in catalogue()}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise UsageError(f"没有数据集 {'、'.join(unknown)}；可用：{'、'.join(sorted(known))}")
    return [d for n, d in known.items() if names is None or n in names]


def _clear(out: Path) -> None:
    """Removes an earlier synthetic city; refuses to touch anything else."""
    if not out.exists() or not any(out.iterdir()):
        out.mkdir(parents=True, exist_ok=True)
        return
    ours = [p for p in out.iterdir() if p.name in ("drop", "truth") or p.name.startswith("drop_day")]
    if len(ours) < len(list(out.iterdir())) or not (out / "truth").is_dir():
        raise UsageError(f"目录 {out} 中有其他文件，请换一个目录")
    for path in ours:
        shutil.rmtree(path)


def _deliver(con: duckdb.DuckDBPyConnection, city: City, dataset: Dataset, state: _State, drop: Path, truth: Truth) -> int:
    """One delivery of one dataset: files, accounts, truth. Gives the rows delivered; an increment without news is not delivered."""
    rows = dataset.build(city)
    first = state.told is None
    state.columns = [c for c in rows.columns if not c.startswith("@")]
    news, state.told = fates.differs(con, dataset, rows, state.told)
    chance = city.chance.sub(dataset.name)
    if dataset.kind == "increment" and not dataset.is_api and not first:
        if not news.any():
            return 0
        at = np.flatnonzero(news if rows.resend is None else news | rows.resend)
        delivered = fates.deliver(dataset, rows.only(at), chance, city.harshness, False)
        delivered.row = at[delivered.row]
    else:
        delivered = fates.deliver(dataset, rows, chance, city.harshness, True)
    date = str(np.datetime64(city.today, "D")).replace("-", "")
    geometry = None if rows.geometry is None else rows.geometry[delivered.row]
    loose = dataset.may_be_loose and bool(chance.happens("loose", [city.day], max(0.0, 0.25 * (city.harshness - 1)))[0])
    dataset.write(Output(drop, date, dataset, delivered.table, geometry, loose))
    if dataset.is_api and city.day:
        assert rows.updated is not None
        delivered = delivered.only(np.flatnonzero(rows.updated[delivered.row] >= (city.today - 7) * 86_400))
    accounts = fates.account(con, dataset, delivered, state.held)
    state.held = accounts.held
    _finish(city, drop, dataset, date, len(accounts.fate))
    truth.delivery(city, dataset, rows, delivered, accounts)
    return len(accounts.fate)


def _finish(city: City, drop: Path, dataset: Dataset, date: str, rows: int) -> None:
    """_SUCCESS: empty, or the manifest, as the department likes."""
    folder = drop / dataset.department / dataset.stem / date
    if not folder.is_dir():
        return
    files = sorted(folder.iterdir())
    manifest = ""
    if len(files) == 1 and hashlib.md5(dataset.name.encode(), usedforsecurity=False).digest()[0] % 2:
        with files[0].open("rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        manifest = json.dumps({"files": {files[0].name: {"rows": rows, "sha256": digest}}}, ensure_ascii=False, indent=1)
    (folder / "_SUCCESS").write_text(manifest, encoding="utf-8")
