"""The parts of a bench, each measured in one run on one city: what each compares, and the figures that it gives."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from etl.bench import bulk, floor, linkage, measure
from etl.bench.world import DAYS, World
from etl.errors import JichuError

LOADED = "cold"  # the database that holds the first week
SOME_HELD = 3  # exit code of a run that holds or refuses a delivery, as a city with errors may make it
Told = dict[str, Any]


def _fresh(world: World) -> None:
    """What was written before is on the disk, so that nobody pays for another's checkpoint."""
    world.query("postgres", "checkpoint", superuser=True)


def _measured(m: measure.Measured) -> Told:
    return {k: v for k, v in asdict(m).items() if k != "told"} | m.told


def _run(world: World, name: str, week: int) -> Told:
    """`jichu run`, with what its stages took."""
    _fresh(world)
    command = [sys.executable, "-m", "etl.cli", "run"]
    taken = measure.process(command, world.environment(name, week), world.postmaster, codes=(0, SOME_HELD))
    stages = world.query(
        name,
        "select what, stage, sum(rows)::bigint, sum(seconds)::float8 from ops.stage where run_id = (select run_id from ops.stage order by at desc limit 1) "
        "group by 1, 2 order by 4 desc",
    )
    counted = world.query(
        name,
        f"select coalesce(sum(rows_in), 0)::bigint, coalesce(sum(rows_new + rows_changed + rows_removed), 0)::bigint from ops.delivery where state = 'loaded' and delivered_on = '{DAYS[week]}'",
    )
    return _measured(taken) | {"stages": stages, "rows_in": counted[0][0], "rows_touched": counted[0][1]}


def cold(world: World) -> Told:
    """The whole cold load: an empty database, `jichu run`."""
    world.deliver(0)
    world.empty(LOADED)
    return _run(world, LOADED, 0)


def least(world: World) -> Told:
    """The floor of that load."""
    tables = floor.prepare(world, LOADED, "floor")
    _fresh(world)
    given = {
        "drop": str(world.deliver(0)),
        "url": world.url("floor", superuser=True),
        "folder": str(world.folder / "floor"),
        "tables": tables,
    }
    taken = _measured(measure.side("floor", given, world.environment(LOADED), world.postmaster))
    expected = {t: n for t in tables for ((n,),) in [world.query(LOADED, f"select count(*) from {t}", superuser=True)]}
    built = "select count(*) from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_' and n.nspname not in ('candidate')"
    if taken["rows"] != expected or world.query("floor", built, superuser=True) != world.query(LOADED, built, superuser=True):
        raise JichuError("下限没有得到与装载相同的行和索引，比值无从谈起")
    world.cluster.server.drop_database("floor")
    _discard(world, "floor")
    return taken | {"rows": sum(expected.values()), "tables": len(expected)}


def week(world: World) -> Told:
    """A second week on a copy of the loaded city; the reading and hashing of what full registers deliver again stands beside it."""
    world.copy(LOADED, "week")
    drop = world.deliver(1)
    _fresh(world)
    again = measure.side("again", {"drop": str(drop)}, world.environment("week", 1))
    taken = _run(world, "week", 1)
    world.drop("week")
    return taken | {"again": again.told["seconds"], "again_rows": again.told["rows"]}


def ways(world: World) -> Told:
    """One table by every way into PostgreSQL: rows a second of each."""
    folder = bulk.prepare(world, LOADED)
    told = {}
    for way in bulk.WAYS:
        _fresh(world)
        given = {"way": way, "url": world.url(LOADED), "folder": str(folder)}
        told[way] = _measured(measure.side("bulk", given, world.environment(LOADED), world.postmaster))
        told[way]["rate"] = round(told[way]["rows"] / told[way]["seconds"]) if told[way]["rows"] else 0
    world.query(LOADED, f"drop schema {bulk.SCHEMA} cascade")
    _discard(world, "bulk")
    return told


def persons(world: World) -> Told:
    """Person linkage, ours and Splink's stock pipeline, over the same records."""
    folder = world.folder / "linkage"
    folder.mkdir(exist_ok=True)
    environment = world.environment(LOADED)
    own = _measured(measure.side("linkage_ours", {"folder": str(folder)}, environment, world.postmaster))
    memory = 4 * 1024 * 3 // 5
    stock = _measured(measure.side("linkage_stock", {"folder": str(folder), "memory_mb": memory}, environment))
    judged = {str(t): linkage.judge(world.truth, folder / f"stock-{t}.parquet") for t in linkage.THRESHOLDS}
    best = max(judged, key=lambda t: judged[t]["f1"])
    own |= linkage.judge(world.truth, folder / "ours.parquet")
    _discard(world, "linkage")
    return {"ours": own, "stock": stock | judged[best] | {"threshold": best}}


def suites(world: World) -> Told:
    """The suites on the largest tables, ours and Great Expectations run naively."""
    given = {"url": world.url(LOADED), "today": DAYS[0]}
    return _measured(measure.side("checks", given, world.environment(LOADED), world.postmaster))


def _discard(world: World, name: str) -> None:
    import shutil

    shutil.rmtree(world.folder / name, ignore_errors=True)


# In this order: everything needs the cold load, and nothing changes it.
PARTS: dict[str, Callable[[World], Told]] = {
    "cold": cold,
    "floor": least,
    "bulk": ways,
    "linkage": persons,
    "checks": suites,
    "week": week,
}
