"""How quick it is, as ratios within one run: a load beside its floor, a week beside a load, linkage beside Splink's own, and so on.

`measure_city` works in a folder and a PostGIS cluster of its own; what it measured stays in `figures/<persons>.json`, so that parts can be
measured again or later, and a bench that was interrupted goes on.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from etl import settings, store
from etl.bench.parts import PARTS
from etl.bench.world import World
from etl.errors import UsageError
from etl.settings import ROOT

PACKAGES = ("duckdb", "splink", "great-expectations", "pyarrow", "adbc-driver-postgresql", "psycopg2-binary", "pandas", "geopandas")
Told = dict[str, Any]
Say = Callable[[str], None]


def measure_city(
    home: Path,
    persons: int,
    only: Iterable[str] = (),
    *,
    keep: bool = False,
    change: float = 0.01,
    datasets: Collection[str] | None = None,
    say: Say = lambda text: None,
) -> Told:
    """Measures a city of so many persons under `home`; gives everything measured of it so far, part by part.

    only: those parts anew, whatever was measured before (the cold load is made when it is not there, for all others need it);
    keep: leave the city and its loaded database for a later `only`; datasets: a city of these alone. Raises UsageError for a part that does not exist.
    """
    wanted = list(only)
    if unknown := sorted(set(wanted) - set(PARTS)):
        raise UsageError(f"没有 {'、'.join(unknown)} 这一项；可选：{'、'.join(PARTS)}")
    file = kept(home, persons)
    world = World(home / str(persons), persons, change, say, datasets)
    standing = (world.folder / "city.json").exists()
    told: Told = json.loads(file.read_text(encoding="utf-8")) if file.exists() and (wanted or standing) else {}
    world.open()
    try:
        for name in _due(world, told, wanted):
            say(f"{persons} 人：{name}（负载 {os.getloadavg()[0]:.1f}）")
            load = os.getloadavg()[0]
            told[name] = PARTS[name](world) | {"load": round(load, 1)}
            told["machine"] = machine(world)
            with store.write_atomically(file) as beside:
                beside.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    finally:
        world.close()
    if not keep:
        world.forget()
        world.folder.rmdir()
    return told


def _due(world: World, told: Mapping[str, Any], wanted: list[str]) -> list[str]:
    """The parts to be measured, in their order: those asked for, else those that are missing; the cold load where it does not stand."""
    due = [n for n in PARTS if (n in wanted if wanted else n not in told)]
    loaded = world.cluster.server.has_database("cold") and bool(
        world.query("cold", "select to_regclass('ops.publication') is not null", superuser=True)[0][0]
    )
    whole = loaded and "cold" in told and world.home("cold").exists()
    return due if whole or "cold" in due or not due else ["cold", *due]


def kept(home: Path, persons: int) -> Path:
    """Where the measurements of a city stay."""
    return home / "figures" / f"{persons}.json"


def all_kept(home: Path) -> dict[int, Told]:
    """Every city measured so far, by its persons."""
    return {int(f.stem): json.loads(f.read_text(encoding="utf-8")) for f in sorted((home / "figures").glob("*.json"))}


def machine(world: World) -> dict[str, Any]:
    """What it was measured on and with."""
    server, postgis = world.query("postgres", "show server_version", superuser=True)[0][0], ""
    found = world.query("jichu", "select extversion from pg_extension where extname = 'postgis'", superuser=True)
    postgis = found[0][0] if found else ""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    versions = {p: metadata.version(p) for p in PACKAGES}
    return {
        "date": f"{settings.now():%Y-%m-%d %H:%M}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages * size / 1024**3),
        "system": platform.platform(),
        "code": _code(),
        "versions": {"Python": platform.python_version(), "PostgreSQL": server, "PostGIS": postgis, **versions},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _code() -> str:
    """The commit that was measured, marked where files differ from it; empty outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
