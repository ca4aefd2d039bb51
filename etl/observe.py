"""What whoever watches gets from the pipeline: lineage of a delivery and a publication, metrics after a task, errors without a row's text."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from etl import errors
from etl.run import Run
from etl.spec import Library, Source

P = ParamSpec("P")
T = TypeVar("T")


def task(work: Callable[P, T]) -> Callable[P, T]:
    """For what a scheduler or the command line calls: an unforeseen error leaves by its frames alone (`errors.private`), and
    afterwards, also after a failure, the metrics are sent where somebody listens. While it works it uses its connections again."""

    @functools.wraps(work)
    def watched(*args: P.args, **kwargs: P.kwargs) -> T:
        from etl import db

        try:
            with db.keeping():
                return work(*args, **kwargs)
        finally:
            _metrics()

    return errors.private(watched)


def _metrics() -> None:
    from etl import metrics

    if metrics.listening():
        from etl import settings

        metrics.push(settings.load())


def delivery(run: Run, source: Source, outcome: Mapping[str, Any]) -> None:
    """Tells the lineage of one delivery where somebody listens."""
    from etl import lineage

    lineage.loaded(run, source, outcome)


def publication(run: Run, library: Library, outcome: Mapping[str, Any]) -> None:
    """The same of one publication, or of a candidate that is held."""
    from etl import lineage

    lineage.published(run, library, outcome)
