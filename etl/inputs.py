"""All that a library is computed from, as one fingerprint: a library whose inputs have not changed is not computed again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.settings import ROOT, Settings
from etl.spec import Library, Registry

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def fingerprint(settings: Settings, registry: Registry, con: Connection, library: Library) -> str:
    """Deliveries, libraries that it reads, judgements, overrides, what is declared, and the business date where that counts."""
    from etl import db

    everything = library.name == "geospatial"  # every department's address texts
    feeding = sorted({s.name for n in library.inputs for s, _ in registry.feeding(f"{library.name}.{n}")})
    where = "true" if everything else "dataset = any(%s)"
    applied = db.rows(
        con,
        f"select dataset, max(sequence) from ops.delivery where state = 'loaded' and {where} group by dataset order by dataset",
        [] if everything else [feeding],
    )
    upstream = db.rows(
        con,
        "select library, max(sequence) from ops.publication where state = 'published' and library = any(%s) group by library order by library",
        [library.after],
    )
    booked = db.rows(con, "select max(sequence) from ops.delivery")[0][0] if "ops.delivery" in library.reads else None
    told = [
        applied,
        upstream,
        judged(settings, con, library),
        overridden(settings, con, library),
        booked,
        str(settings.today) if library.daily else "",
        rules_version(),
    ]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def judged(settings: Settings, con: Connection, library: Library) -> list[tuple[Any, ...]]:
    """The judgements of people that stand today and bear on a library's links: added, withdrawn or run out, the library is computed anew."""
    from etl import db
    from etl.load import beside

    return db.rows(
        con,
        "select id, kind, left_record, right_record, verdict, until from match.judgement where kind = %s and verdict <> 'undecided' "
        "and withdrawn_at is null and (until is null or until >= %s) order by id",
        [beside.KIND.get(library.name), settings.today],
    )


def overridden(settings: Settings, con: Connection, library: Library) -> list[tuple[Any, ...]]:
    """The documented overrides that stand today: added, withdrawn or run out, the library is computed anew."""
    from etl import db

    return db.rows(
        con,
        "select id from quality.override where library = %s and withdrawn_at is null and (until is null or until >= %s) order by id",
        [library.name, settings.today],
    )


def shelf(settings: Settings, con: Connection, library: Library, table: str, folder: Path) -> Path:
    """Where the copy of a published table lies. Judgements come between publications, so theirs is told by what they say."""
    if table == "quality.override":
        return folder / "override" / hashlib.sha256(repr(overridden(settings, con, library)).encode()).hexdigest()[:16]
    if table != "match.judgement":
        return folder / "published"
    return folder / "judgement" / hashlib.sha256(repr(judged(settings, con, library)).encode()).hexdigest()[:16]


def rules_version() -> str:
    """Changes when anything declared changes, or how we link and merge: a mended rule is applied at the next run."""
    digest = hashlib.sha256()
    for path in sorted(
        [*(ROOT / "schemas").rglob("*.*"), *(ROOT / "etl" / "match").rglob("*.py"), *(ROOT / "etl" / "merge").rglob("*.py")]
    ):
        if path.suffix in (".yml", ".csv", ".json", ".py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
