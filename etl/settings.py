"""Settings, all from the environment (contract.md), read once and frozen."""

import os
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.errors import UsageError

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROOT = Path(__file__).resolve().parent.parent
MEMORY_MB = 4096
ENGINES = ("duckdb", "spark")
SPREAD_FROM = 50_000  # handing out less takes longer than doing it


@dataclass(frozen=True)
class Settings:
    """Where things are and what day it is.

    database_url: PostGIS as a SQLAlchemy-free libpq URL; drop: the delivery folder (drop_url: the same on object storage, then drop holds nothing); home: landing, caches,
    mails; memory_mb: ceiling for this process; today: the business date (JICHU_TODAY or the clock in Shanghai);
    max_pairs: candidate pairs a blocking rule of the person linkage may make, None = 50 × records; engine: where the
    heavy work is done, `duckdb` (here) or `spark`; spark_master, spark_conf, spark_store: the cluster, a file with
    its settings, what driver and executors both see (folder or URL); spread_from: rows from which work is handed out;
    keep_days: how long landings are kept, None = for ever; threads: of each DuckDB, None = as many as the machine has
    processors (no setting: a part of the work is given its share).
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
    spark_master: str | None = None
    spark_conf: Path | None = None
    spark_store: str | None = None
    spread_from: int = SPREAD_FROM
    drop_url: str | None = None
    keep_days: int | None = None
    threads: int | None = None


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
        keep = int(env["JICHU_KEEP_DAYS"]) if env.get("JICHU_KEEP_DAYS") else None
        least = int(env.get("JICHU_SPARK_FROM") or SPREAD_FROM)
    except ValueError as e:
        raise UsageError(
            f"JICHU_MEMORY、JICHU_LOCK_WAIT、JICHU_API_PAGE_SIZE、JICHU_MAX_PAIRS、JICHU_SPARK_FROM、JICHU_KEEP_DAYS 应为数字：{e}"
        ) from None
    if pairs is not None and pairs < 1:
        raise UsageError(f"JICHU_MAX_PAIRS 应为正整数，现为 {pairs}")
    if (engine := env.get("JICHU_ENGINE") or "duckdb") not in ENGINES:
        raise UsageError(f"JICHU_ENGINE 只有 {'、'.join(ENGINES)}，没有“{engine}”")
    told = str(drop or env.get("JICHU_DROP") or "")
    url = re.sub("^([a-z][a-z0-9+]+):/+", r"\1://", told) if re.match("[a-z][a-z0-9+]+:/", told) else None  # a Path has lost one stroke
    return Settings(
        database_url=env.get("JICHU_DATABASE_URL") or embedded_url(home),
        drop=home / "drop" if url else Path(told or home / "drop").absolute(),
        home=home,
        engine=engine,
        memory_mb=memory,
        today=_day(today) if today else now().date(),
        lock_wait=lock_wait,
        api_page_size=page,
        max_pairs=pairs,
        spark_master=env.get("JICHU_SPARK_MASTER"),
        spark_conf=Path(env["JICHU_SPARK_CONF"]) if env.get("JICHU_SPARK_CONF") else None,
        spark_store=env.get("JICHU_SPARK_STORE"),
        spread_from=least,
        drop_url=url,
        keep_days=keep,
    )


def embedded_url(home: Path) -> str:
    """The embedded PostGIS's URL, as `jichu up` left it; empty when it was never started."""
    file = home / "postgres" / "url"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""
