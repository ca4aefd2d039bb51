"""Several datasets, or tables of a library, at a time, in threads of this process: DuckDB and psycopg2 let go of Python while they compute
and wait, so that we work at one while PostgreSQL works at another.

Nothing of a dataset is shared with another but what is made for it: each thread has DuckDB and PostgreSQL connections of its own, and what
datasets share in the database they take turns at there, as the tasks of Airflow do, which are processes.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import Generic, TypeVar

from etl import db, engine
from etl.settings import Settings

T = TypeVar("T")
Proceed = Callable[[], None]

MOST = 4  # PostgreSQL works beside each of them: more would only wait for it, with up to four connections each
LEAST_MB = 1024  # of JICHU_MEMORY for each: what the pipeline's own tests give a whole run; with less none was tried
PATIENCE = 5.0  # seconds that a run which is broken off waits for what cannot be interrupted: a department that does not answer


class BrokenOff(BaseException):
    """The run ends, for the user or another dataset wants it so; what this thread is at is left as it was. Not an Exception: nobody may
    take it for a defect of the dataset."""


def places(settings: Settings, wanted: int) -> int:
    """How many of so many datasets or tables are worked at at once. A cluster divides the work itself, and is given one after the other."""
    if settings.engine != "duckdb":
        return 1
    return max(1, min(wanted, os.cpu_count() or 1, MOST, settings.memory_mb // LEAST_MB))


def share(settings: Settings, among: int) -> Settings:
    """The settings of one of so many: together they stay within JICHU_MEMORY, and DuckDB's threads within the processors."""
    if among < 2:
        return settings
    return replace(settings, memory_mb=settings.memory_mb // among, threads=max((os.cpu_count() or 1) // among, 1))


def in_turn(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say` for several threads: a line is said to its end before the next begins."""
    speaking = threading.Lock()

    def said(text: str) -> None:
        with speaking:
            say(text)

    return said


def each(items: Sequence[T], work: Callable[[T, Proceed], None], at_once: int) -> None:
    """work(item, proceed) for every item, so many at once, begun in the order given.

    The first error ends it, and is raised here: nothing new begins, and what is under way is broken off where it next calls `proceed`,
    which raises BrokenOff then. Ctrl-C also interrupts what the connections of this process are at, and does not wait long.
    """
    if at_once < 2:
        for item in items:
            work(item, lambda: None)
        return
    crew = _Crew(items, work, at_once)
    try:
        for _ in range(at_once):
            threading.Thread(target=copy_context().run, args=[crew.serve], name="abreast", daemon=True).start()
        crew.gone.wait()  # (Thread.join, when Ctrl-C interrupts it, takes the thread for ended)
    except BaseException:
        crew.ends.set()
        _interrupt(crew.gone)
        raise
    if crew.trouble:
        raise crew.trouble[0]


class _Crew(Generic[T]):
    """What several threads have in common: the items that wait, whether the work ends (and by which errors), whether all threads have ended."""

    def __init__(self, items: Sequence[T], work: Callable[[T, Proceed], None], hands: int) -> None:
        self.ends, self.gone, self.trouble = threading.Event(), threading.Event(), list[BaseException]()
        self._waiting, self._work, self._hands, self._lock = deque(items), work, hands, threading.Lock()

    def serve(self) -> None:
        """What each thread does."""
        try:
            self._serve()
        finally:
            with self._lock:
                self._hands -= 1
                if not self._hands:
                    self.gone.set()

    def _serve(self) -> None:
        """Takes one item after the other, until there is none or the work ends."""
        while not self.ends.is_set():
            try:
                item = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._work(item, self._proceed)
            except BrokenOff:
                return
            except BaseException as e:
                self.trouble.append(e)
                self.ends.set()

    def _proceed(self) -> None:
        if self.ends.is_set():
            raise BrokenOff


def _interrupt(gone: threading.Event) -> None:
    """Waits for the threads, breaking off every query that they begin. One that hears nothing ends with the process, as if it were killed, and
    like that leaves nothing half done."""
    until = time.monotonic() + PATIENCE
    while not gone.is_set() and time.monotonic() < until:
        engine.interrupt()
        db.interrupt()
        gone.wait(0.05)
