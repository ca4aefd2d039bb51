"""The quality site and the data dictionary: static pages that need no server and no network, with nothing personal in them.

`build` reads the books (ops.*, quality.*), the catalogue and PostgreSQL's own comments in one state of the database, and
writes pages that work when opened as files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from etl import db
from etl.settings import Settings, now
from etl.site.facts import Score, Weights
from etl.spec import Registry

__all__ = ["Built", "build"]


@dataclass(frozen=True)
class Built:
    """What was made."""

    folder: Path
    pages: int
    size: int


def build(settings: Settings, registry: Registry, out: Path, scores: Sequence[Score], weights: Weights) -> Built:
    """Writes the site into `out` (a folder that is empty, or holds an older site). The same database gives the same files but for the line that says when.

    scores, weights: as etl.check gives them. Raises UsageError when `out` holds something else.
    """
    from etl.site import checking, dictionary, quality, search, tracing, write  # templates are not wanted by a run of the pipeline
    from etl.site.known import know

    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        k = know(con, registry, settings.today, scores, weights)
    finally:
        con.close()
    pages = list(chain(quality.pages(k), checking.pages(k), tracing.pages(k), dictionary.pages(k)))
    size = write.write(out, write.files(k, pages, now(), search.index(k)))
    return Built(out, len(pages), size)
