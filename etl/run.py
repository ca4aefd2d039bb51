"""A run: its settings, what it says while it works, how long each stage took. Nothing heavy is imported until it is needed."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from etl import logs, spec, store
from etl import settings as settings_module
from etl.settings import Settings
from etl.spec import Registry

log = logging.getLogger("jichu")


@dataclass
class Run:
    """One run: its settings, what it says while it works, and how long each stage took."""

    settings: Settings
    registry: Registry
    say: Callable[[str], None] = lambda text: None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    proceed: Callable[[], None] = lambda: None  # raises when the run is to end here: nothing more is begun, or put on the books

    @contextmanager
    def stage(self, what: str, name: str) -> Iterator[dict[str, int]]:
        """Times a stage into ops.stage; the caller puts the rows it handled into the dictionary."""
        from etl import db

        self.proceed()
        started, told = time.monotonic(), {"rows": 0}
        with logs.context(**logs.about(self.run_id, what, name)):
            yield told
            seconds = time.monotonic() - started
            counted = {"rows": told["rows"], "seconds": round(seconds, 3)}
            log.info("%s %s: %s rows, %.2f s", what, name, told["rows"], seconds, extra=counted)
        db.query(
            self.settings,
            "insert into ops.stage (run_id, what, stage, rows, seconds) values (%s, %s, %s, %s, %s)",
            [self.run_id, what, name, told["rows"], round(seconds, 3)],
        )


def start(drop: Path | None = None, as_of: str | None = None, say: Callable[[str], None] | None = None) -> Run:
    """A run on a database of the newest shape."""
    from etl import migrate

    logs.guard()
    os.umask(0o077)  # whatever this process writes holds personal data: for its own user alone
    settings = settings_module.load(drop, as_of)
    store.tidy(settings.home / "tmp")
    migrate.migrate(settings)
    registry = spec.load()
    migrate.terms(settings, registry)
    for problem in registry.problems:
        log.warning(problem)
    return Run(settings, registry, say or (lambda text: None))
