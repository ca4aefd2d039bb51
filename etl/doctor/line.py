"""One line of the examination, and how checks are run so that a broken one says so and stops nobody."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from etl.errors import JichuError

Level = Literal["ok", "warning", "bad"]
MARKS = {"ok": "✓", "warning": "!", "bad": "✗"}


@dataclass(frozen=True)
class Line:
    """What was looked at, how it is, and what to do about it (empty when nothing)."""

    level: Level
    what: str
    said: str
    todo: str = ""

    @property
    def mark(self) -> str:
        return MARKS[self.level]

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return asdict(self)


def ok(what: str, said: str) -> Line:
    return Line("ok", what, said)


def warning(what: str, said: str, todo: str) -> Line:
    return Line("warning", what, said, todo)


def bad(what: str, said: str, todo: str) -> Line:
    return Line("bad", what, said, todo)


def carefully(what: str, check: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """The lines of a check; of one that fails, that it failed: its own words may hold a secret."""
    try:
        yield from check()
    except JichuError as e:
        yield bad(what, f"查不出来：{e}", "按这句话处理后再查")
    except Exception as e:
        yield bad(what, f"查不出来（{type(e).__name__}）", "JICHU_LOG=debug 再运行一次，看是哪一步")
