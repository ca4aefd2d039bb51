"""Settings, all from the environment (contract.md), read once and frozen."""

import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROOT = Path(__file__).resolve().parent.parent
MEMORY_MB = 4096


@dataclass(frozen=True)
class Settings:
    """Where things are and what day it is.

    database_url: PostGIS as a SQLAlchemy-free libpq URL; drop: the delivery folder; home: landing, caches,
    mails; memory_mb: ceiling for this process; today: the business date (JICHU_TODAY or the clock in Shanghai);
    max_pairs: candidate pairs a blocking rule of the person linkage may make, None = 50 × records.
    """

    database_url: str
    drop: Path
    home: Path
    engine: str
    memory_mb: int
    today: date
    lock_wait: float
    api_page_size: int
    max_pairs: int | None = None


def now() -> datetime:
    """The time of day in Asia/Shanghai."""
    return datetime.now(SHANGHAI)


def _memory_mb(text: str) -> int:
    units = {"KB": 1 / 1024, "MB": 1, "GB": 1024, "K": 1 / 1024, "M": 1, "G": 1024}
    upper = text.strip().upper().replace(" ", "")
    for unit, factor in units.items():
        if upper.endswith(unit):
            return int(float(upper.removesuffix(unit)) * factor)
    return int(upper)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"JICHU_TODAY / --as-of 应为 YYYY-MM-DD，现为“{text}”") from None


def load(drop: Path | None = None, as_of: str | None = None) -> Settings:
    """Settings of this process; the arguments are the command line's and outrank the environment."""
    env = os.environ
    home = Path(env.get("JICHU_HOME") or ROOT / "var").resolve()
    today = as_of or env.get("JICHU_TODAY")
    try:
        memory = _memory_mb(env.get("JICHU_MEMORY") or str(MEMORY_MB))
        lock_wait = float(env.get("JICHU_LOCK_WAIT") or 60)
        page = int(env.get("JICHU_API_PAGE_SIZE") or 1000)
        pairs = int(env["JICHU_MAX_PAIRS"]) if env.get("JICHU_MAX_PAIRS") else None
    except ValueError as e:
        raise UsageError(f"JICHU_MEMORY、JICHU_LOCK_WAIT、JICHU_API_PAGE_SIZE、JICHU_MAX_PAIRS 应为数字：{e}") from None
    if pairs is not None and pairs < 1:
        raise UsageError(f"JICHU_MAX_PAIRS 应为正整数，现为 {pairs}")
    if (env.get("JICHU_ENGINE") or "duckdb") != "duckdb":
        raise UsageError(f"JICHU_ENGINE 现只有 duckdb，没有“{env['JICHU_ENGINE']}”")
    return Settings(
        database_url=env.get("JICHU_DATABASE_URL") or embedded_url(home),
        drop=Path(drop or env.get("JICHU_DROP") or home / "drop").absolute(),
        home=home,
        engine=env.get("JICHU_ENGINE") or "duckdb",
        memory_mb=memory,
        today=_day(today) if today else now().date(),
        lock_wait=lock_wait,
        api_page_size=page,
        max_pairs=pairs,
    )


def embedded_url(home: Path) -> str:
    """The embedded PostGIS's URL, as `jichu up` left it; empty when it was never started."""
    file = home / "postgres" / "url"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""
