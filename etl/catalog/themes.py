"""The themes: sql/themes/<theme>.sql as documented views in schema theme; materialised ones are refreshed when a library was published."""

import hashlib
import re
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import abreast, db
from etl.engine import quote
from etl.errors import UsageError
from etl.settings import ROOT, Settings

FOLDER = ROOT / "sql" / "themes"
RELATIONS = "select relname, relkind::text from pg_class where relnamespace = 'theme'::regnamespace and relkind in ('v', 'm') and relname like %s order by relname"


def themes(settings: Settings, folder: Path = FOLDER) -> dict[str, str]:
    """Builds what is new or defined otherwise, refreshes what stands on older publications; each theme in a transaction of its own, several at a time.

    Returns theme → built, refreshed, or unchanged. Idempotent. Raises UsageError when an analyst's own view stands on one that has to be rebuilt.
    """
    files, done = sorted(folder.glob("*.sql")), dict[str, str]()

    def bring(file: Path, proceed: abreast.Proceed) -> None:
        with db.transaction(settings) as con:
            db.rows(con, "select pg_advisory_xact_lock(hashtext('jichu theme'), hashtext(%s))", [file.stem])
            done[file.stem] = _theme(con, file)
        proceed()

    abreast.each(files, bring, abreast.places(settings, len(files)))
    return {file.stem: done[file.stem] for file in files}


def _theme(con: Connection, file: Path) -> str:
    sql = file.read_text(encoding="utf-8")
    fingerprint = hashlib.sha256(sql.encode()).hexdigest()
    publication = db.rows(con, "select coalesce(max(sequence), 0) from ops.publication where state = 'published'")[0][0]
    state = db.rows(con, "select fingerprint, publication from catalog.theme where theme = %s", [file.stem])
    standing = db.rows(con, RELATIONS, [file.stem.replace("_", r"\_") + r"\_%"])
    defined = set(re.findall(r"^create (?:materialized )?view theme\.(\w+)", sql, flags=re.MULTILINE))
    if not state or state[0][0] != fingerprint or {n for n, _ in standing} != defined:
        _build(con, file, sql, standing)
        outcome = "built"
    elif state[0][1] != publication:
        for name, kind in standing:
            if kind == "m":
                db.rows(con, f"refresh materialized view concurrently theme.{quote(name)}")
        outcome = "refreshed"
    else:
        return "unchanged"
    db.rows(
        con,
        "insert into catalog.theme values (%s, %s, %s) on conflict (theme) do update set fingerprint = excluded.fingerprint, publication = excluded.publication",
        [file.stem, fingerprint, publication],
    )
    return outcome


def _build(con: Connection, file: Path, sql: str, standing: list[tuple[str, str]]) -> None:
    """Drops the theme's views and makes them anew (a changed column list cannot be replaced in place)."""
    try:
        for name, kind in standing:
            db.rows(con, f"drop {'materialized ' if kind == 'm' else ''}view theme.{quote(name)}")
    except psycopg2.errors.DependentObjectsStillExist as e:
        raise UsageError(
            f"sql/themes/{file.name} 改了，但有别的视图建在它的视图上：{(e.diag.message_detail or '').splitlines()[0]}；先删去再运行"
        ) from None
    with con.cursor() as c:
        c.execute(sql)
