"""What the program says of itself while it works: lines for people, or JSON objects for a collector. Never anything of a person.

Two guards, since a log outlives its reader's rights:
- the text of an unforeseen error is not logged at all, only its type, SQLSTATE and frames (`etl.errors.where`): it may quote a row;
- whatever else is logged, by us or by a library we use, is masked by pattern: identifiers, phone numbers, e-mails, streets,
  and names that stand alone (`etl.report.mask.remark`).
Both sit where log records are made, so that no handler, Airflow's own included, gets one unmasked.

`JICHU_LOG` sets the level, `JICHU_LOG_FORMAT` the form: `text`, or `json` with one object a line: `time` (ISO 8601, Asia/Shanghai),
`level`, `logger`, `message`, and where they are known `run`, `dataset` or `library`, `stage`, `rows`, `seconds`.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TextIO

from etl.errors import UsageError, where
from etl.settings import SHANGHAI

FORMATS = ("text", "json")
KNOWN = ("run", "dataset", "library", "stage", "rows", "seconds")  # in this order behind the message
_context: ContextVar[dict[str, str] | None] = ContextVar("jichu_log_context", default=None)


@contextmanager
def context(**fields: str) -> Iterator[None]:
    """Everything logged inside carries these fields (run, dataset or library, stage)."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def about(run: str, what: str, stage: str) -> dict[str, str]:
    """The fields of a stage: what holds a stroke is a dataset (department/dataset), what holds none a library."""
    return {"run": run, "dataset" if "/" in what else "library": what, "stage": stage}


def masked(text: str) -> str:
    """A text without what looks like a person's."""
    if text.isascii() and sum(c.isdigit() for c in text) < 10 and "@" not in text:
        return text
    from etl.report.mask import remark

    return "\n".join(map(remark, text.split("\n")))


def guard() -> None:
    """From now on every log record of this process is masked where it is made, and knows its context. Safe to call again."""
    made = logging.getLogRecordFactory()
    if getattr(made, "jichu", False):
        return

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        one = made(*args, **kwargs)
        _private(one)
        for name, value in (_context.get() or {}).items():
            setattr(one, name, value)
        return one

    record.jichu = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)


def _private(record: logging.LogRecord) -> None:
    """The record's text, its arguments within it, masked; of an exception its type and frames."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit: logging would print them, and itself, to stderr
        text, record.args = str(record.msg), ()
    clean = masked(text)
    if clean != text:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{clean}\n{where(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None


class Lines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; keys that are not known of it are left out."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, SHANGHAI).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: getattr(record, name) for name in KNOWN if hasattr(record, name)}
        return json.dumps(said, ensure_ascii=False, default=str)


class _Text(logging.Formatter):
    """A line for people, its time in Asia/Shanghai."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]


def configure(stream: TextIO | None = None) -> None:
    """Logging of the command line: to stderr, in the form and at the level that the environment asks for."""
    form = (os.environ.get("JICHU_LOG_FORMAT") or "text").lower()
    level = (os.environ.get("JICHU_LOG") or "warning").upper()
    if form not in FORMATS:
        raise UsageError(f"JICHU_LOG_FORMAT 应为 {' 或 '.join(FORMATS)}，现为“{form}”")
    if not isinstance(logging.getLevelName(level), int):
        raise UsageError(f"JICHU_LOG 应为 debug、info、warning、error 之一，现为“{level.lower()}”")
    guard()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines() if form == "json" else _Text("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "jichu", False):
            root.removeHandler(old)
    handler.jichu = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("jichu").setLevel(level)
